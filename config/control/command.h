/**
 * The commands a gateway carries out, as a table: name, arguments, function.
 *
 * A plain command answers at once from the registry and, where one runs, the node. Those marked
 * `offline` also work on a registry that was opened directly, while no gateway runs; then
 * `running` is false and `services` is NULL. A command that takes its time (open, ping, ..) gets a
 * struct call to answer through.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/control/protocol.h"
#include "config/control/services.h"
#include "gateway/base/env.h"
#include "gateway/node/node.h"
#include "gateway/node/registry.h"

struct command_context {
    struct env *env;
    struct registry *registry;
    struct node *node; /* offline: built, not started */
    bool running;
    const struct control_services *services;
    const char *home, *version, *suffix;
    int pid;
    instant since; /* when the gateway started */
};

/** One request that is being carried out. */
struct call {
    struct command_context *context;
    /** Sends an {"event": ..} line. Takes `event`. */
    void (*emit)(struct call *c, json_t *event);
    /** Sends the answer, which ends the call. Takes `answer`. */
    void (*finish)(struct call *c, json_t *answer);
    /** Sends the answer and then hands out the caller's socket by `given`, with bytes read from it
     *  already, which it frees. Ends the call. Takes `answer`. NULL: the caller is gone. */
    void (*finish_raw)(struct call *c, json_t *answer,
                       void (*given)(void *arg, struct sock *sock, uint8_t *early, size_t len),
                       void *arg);
    /** The caller went away: end what is going on and free `state`. Set by the command, with
     *  `state`, when it does not finish inside start(). Not called after finish(). */
    void (*cancel)(struct call *c);
    void *state;
};

struct command {
    const char *name;
    bool offline;
    const struct protocol_argument *arguments;
    json_t *(*run)(struct command_context *context, const json_t *request);
    void (*start)(struct call *call, const json_t *request); /* where run is NULL */
};

/** NULL: there is none of that name. */
const struct command *command_find(const char *name);

/**
 * Carries out a plain command: looks it up, judges its arguments, runs it. Always returns an
 * answer. Only `offline` commands unless the gateway is running.
 */
json_t *command_run(struct command_context *context, const json_t *request);
