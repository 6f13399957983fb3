/**
 * One end of a control connection: lines of text both ways over a socket.
 *
 * Bounded: a line longer than `line_max`, or CHANNEL_PENDING_MAX that nobody reads, ends the
 * channel. Lines are told one at a time, and only while nothing waits to be read by the other side;
 * after each the owner may hold the next ones back until it has answered. The socket can be taken
 * out of it, to go on as raw bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/env.h"

#define CHANNEL_REQUEST_MAX (1 << 20)  /* bytes of a line to the gateway, with its newline */
#define CHANNEL_ANSWER_MAX  (64 << 20) /* and of one from it: a status of 4,096 peers */
#define CHANNEL_PENDING_MAX (64 << 20) /* bytes written that the other side has not read */

struct channel_handler {
    /** One line without its newline, a NUL behind it; borrowed for the call. May close the
     *  channel. */
    void (*on_line)(void *arg, const char *line, size_t len);
    /** Over: 0 when the other side ended it, -EMSGSIZE for a line that is too long, or the error.
     *  The channel is closed already. */
    void (*on_gone)(void *arg, int err);
    /** All that was sent has gone out, after channel_send() had to keep some. May be NULL. */
    void (*on_flushed)(void *arg);
};

struct channel {
    struct env *env;
    struct sock *sock; /* NULL: closed, or taken out */
    const struct channel_handler *handler;
    void *arg;
    struct deferred turn;
    char *in, *out;
    size_t line_max;
    size_t in_len, in_room, in_scanned;
    size_t out_at, out_len, out_room;
    bool readable, ended, holding;
    int err;
};

/** Takes a connected socket. `line_max` is one of the limits above. */
void channel_init(struct channel *c, struct env *env, struct sock *sock, size_t line_max,
                  const struct channel_handler *handler, void *arg);
/** Closes the socket, forgets what is pending. Doing it twice is fine. */
void channel_close(struct channel *c);
bool channel_is_open(const struct channel *c);

/** Sends `len` bytes, which the caller has ended by a newline. Losing the connection is told by
 *  on_gone later. */
void channel_send(struct channel *c, const char *text, size_t len);
bool channel_is_flushed(const struct channel *c);

/** With true no line is told until it is false again. */
void channel_hold(struct channel *c, bool hold);

/** Takes the socket out of a flushed channel, with bytes that were read and not told: the caller
 *  frees `*early`. */
struct sock *channel_take(struct channel *c, uint8_t **early, size_t *len);
