/**
 * The asking side of the control socket: one request, its events, its answer.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/control/channel.h"
#include "gateway/base/attr.h"
#include "gateway/base/env.h"

struct client_handler {
    /** An {"event": ..} line, borrowed for the call. */
    void (*on_event)(void *arg, const json_t *event);
    /**
     * The end, once: the answer, borrowed for the call, or NULL with `err`: -ENOENT or
     * -ECONNREFUSED (no gateway runs), -ECONNRESET (it ended before it answered), ...
     */
    void (*on_done)(void *arg, int err, const json_t *answer);
};

struct client {
    struct env *env;
    struct sock *connecting;
    struct channel channel;
    const struct client_handler *handler;
    void *arg;
    char *line; /* the request */
    size_t len;
    bool done;
};

/**
 * Sends a request to the gateway of a home. on_done is never called from inside. Returns 0, or an
 * error as on_done has it, which is not called then.
 */
MUST_USE int client_start(struct client *c, struct env *env, const char *home,
                          const json_t *request, const struct client_handler *handler, void *arg);
/** Gives everything back; no event comes after that. Fine on a zeroed one. */
void client_stop(struct client *c);
/** After the answer: the bare connection, with bytes read beyond it, which the caller frees. NULL
 *  when it was lost. */
struct sock *client_take(struct client *c, uint8_t **early, size_t *len);
