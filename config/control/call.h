/**
 * What a command is given: the gateway it is about, and the call it answers.
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
    const struct peer_id *id; /* ours */
    struct node *node;        /* NULL: no gateway runs */
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
    /** Whether the caller has read what was sent, as far as can be told. */
    bool (*is_flushed)(const struct call *c);
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
