/**
 * A byte stream to a STUN or TURN server, TCP or TLS over it: whole frames in, bytes out, what
 * cannot be written at once is kept in a bounded queue.
 *
 * Zeroed it is closed. The owner handles the socket's events: on_connect(), then for each of its
 * on_ready(): turn_stream_flush(), and turn_stream_read() with turn_stream_next() until -EAGAIN.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/crypto/tls_stream.h"
#include "gateway/wire/turn.h"

#define TURN_STREAM_QUEUE (256 * 1024) /* bytes that may wait */

struct turn_stream {
    struct env *env;
    struct sock *sock;
    bool connected;         /* set by the owner, in on_connect() */
    struct tls_stream *tls; /* NULL: plain */
    bool secure;            /* the handshake is done */
    struct turn_frames frames;
    uint8_t *queue;
    size_t queue_at, queue_len;
};

/** Starts to connect. `tls_host` is the name in the server's certificate, NULL for plain TCP;
 *  `trust` as for tls_stream_trust(), or NULL. Returns 0 or an errno. */
MUST_USE int turn_stream_connect(struct turn_stream *s, struct env *env, const struct addr *server,
                                 const char *tls_host, const char *trust,
                                 const struct sock_handler *handler, void *arg);
void turn_stream_close(struct turn_stream *s);
static inline bool turn_stream_is_open(const struct turn_stream *s)
{
    return s->sock != NULL;
}
/** Connected, and secure if it should be? */
static inline bool turn_stream_is_up(const struct turn_stream *s)
{
    return s->connected && (!s->tls || s->secure);
}

/** Takes all of the bytes, to be written by turn_stream_flush(), or says -EAGAIN. */
MUST_USE int turn_stream_send(struct turn_stream *s, const uint8_t *data, size_t len);
/** Writes what waits and can be written. 0, or the error that ends the stream. */
MUST_USE int turn_stream_flush(struct turn_stream *s);
/** Reads some. More than 0: look for frames; 0: the end; -EINTR: what came was TLS's own, read on;
 *  -EAGAIN; or the error. */
MUST_USE ssize_t turn_stream_read(struct turn_stream *s);
/** As turn_frames_next(). */
MUST_USE int turn_stream_next(struct turn_stream *s, const uint8_t **frame, size_t *len);
/** What to tell a person about the error (0: the end) that ended it; good until it is closed. */
const char *turn_stream_reason(const struct turn_stream *s, int err);
