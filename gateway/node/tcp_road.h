/**
 * One TCP connection that carries datagrams, plain or in a TLS tunnel: framed, coalesced, and with
 * a queue that is bounded, because the session above does its own resending.
 *
 * Who dials says hello (gateway/wire/stream_frame.h) as soon as it can; who was called only
 * answers, so that a scanner learns nothing. When both have, the road is up. Events come from the
 * loop; none from inside tcp_road_send().
 *
 * A caller may say STUN messages instead (RFC 8489 §6.2.2), whose first byte is no hello's: also in
 * the clear where TLS is expected, which begins otherwise too, so that to ask takes no handshake.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/crypto/tls_stream.h"
#include "gateway/wire/stream_frame.h"
#include "gateway/wire/stream_queue.h"

#define TCP_ROAD_OUT    32768 /* bytes handed to TLS or the kernel at a time */
#define TCP_ROAD_ANSWER 128   /* bytes of an answer to a STUN message */

struct tcp_road;

struct tcp_road_handler {
    /** The other end has said hello: it is a gateway, or behaves as one. */
    void (*on_up)(struct tcp_road *road);
    /** Datagrams as in struct udp_rx, to be scribbled on. The road may not be closed from inside.
     */
    void (*on_datagrams)(struct tcp_road *road, uint8_t *data, size_t len, size_t segment);
    /** A STUN message came: writes the answer, returns its length, 0: that ends the road. NULL: we
     *  are no server. */
    size_t (*on_stun)(struct tcp_road *road, const uint8_t *message, size_t len,
                      uint8_t out[static TCP_ROAD_ANSWER]);
    /** It is of no use any more: close it. Comes once. */
    void (*on_down)(struct tcp_road *road, const char *why);
};

/** Embed one. */
struct tcp_road {
    struct env *env;
    const struct tcp_road_handler *handler;
    struct sock *sock;      /* NULL: closed */
    struct tls_stream *tls; /* NULL: plain */
    bool dialled, connected, secure, up;
    bool heard;           /* anything, of a TLS client */
    struct deferred work; /* writes, and reads on */
    struct stream_queue queue;
    size_t out_at, out_len;
    uint8_t out[TCP_ROAD_OUT];
    struct stream_frames in;
};

/** Dials, from `local` or, if that is NULL, from anywhere. `tls_host`: names the server in the TLS
 * hello, NULL for plain TCP, empty for a tunnel without a name. Returns 0 or an errno; then there
 * is nothing to close. */
MUST_USE int tcp_road_dial(struct tcp_road *road, struct env *env, const struct addr *to,
                           const struct addr *local, const char *tls_host,
                           const struct tcp_road_handler *handler);
/** Takes over a connection that came in, also on error. `identity` (borrowed): it begins with TLS;
 *  NULL: plain TCP. Returns 0 or -ENOMEM. */
MUST_USE int tcp_road_answer(struct tcp_road *road, struct env *env, struct sock *sock,
                             const struct tls_identity *identity,
                             const struct tcp_road_handler *handler);
/** No event comes after that. Nothing if it is closed. */
void tcp_road_close(struct tcp_road *road);

/** Datagrams as in struct udp_tx, to be sent when the loop has handled its batch. */
void tcp_road_send(struct tcp_road *road, const uint8_t *data, size_t len, size_t segment);
