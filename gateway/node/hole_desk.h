/**
 * Makes the holes of gateway/node/node_hole.h.
 *
 * A hole has sockets of its own. Both sides find out where these are seen (STUN servers, relays),
 * tell one another over the session (gateway/wire/hole_message.h) and run a round of punching
 * (gateway/punch/attempt.h) with them, by probes that are keyed by the session and by nonces of
 * both: never by QUIC, so that what the program receives later is its peer's program's alone. The
 * side that asked picks of the ways that work; when both are silent there, each hands the socket
 * over. For TCP the same is said on the connections, which both sides make at the same moment.
 *
 * Peers name the addresses that are probed, so the limits are those of punching: each has to pass
 * punch_may_probe(), what is sent to it is counted with what rounds of punching send, and their
 * rate is one. A peer may ask six times a minute, and for two at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/node/desk.h"
#include "gateway/node/node_hole.h"
#include "gateway/node/punch_effort.h"

struct hole_desk_options {
    struct gather *gather;
    struct punch_means *means; /* of rounds of punching: what all spend together */
    struct stun_desk *stun;
    /** STUN servers to ask over UDP or TCP. Returns how many were written. */
    size_t (*servers)(void *node, bool tcp, struct addr *out, size_t max);
};

struct hole_desk {
    const struct desk *node; /* borrowed; NULL: not started */
    struct hole_desk_options options;
    struct list holes;  /* of struct hole */
    struct list takers; /* of struct node_hole_taker */
    struct list guests; /* of struct hole_guest: peers, as long as limits have to do with them */
    unsigned count;     /* holes */
    unsigned taker_count;
};

void hole_desk_start(struct hole_desk *d, const struct desk *node,
                     const struct hole_desk_options *options);
/** Who waits is told. Fine on a zeroed struct. */
void hole_desk_stop(struct hole_desk *d);

/** As node_hole_ask() and the others. */
MUST_USE int hole_desk_ask(struct hole_desk *d, const struct peer_id *id, bool tcp,
                           struct node_hole_wait *w);
void hole_desk_cancel(struct hole_desk *d, struct node_hole_wait *w);
MUST_USE int hole_desk_accept(struct hole_desk *d, struct node_hole_taker *t);
void hole_desk_unaccept(struct hole_desk *d, struct node_hole_taker *t);

/** From the peers' events. */
void hole_desk_on_part(struct hole_desk *d, struct peer *p, struct quic_conn *conn,
                       const struct message_part *part);
void hole_desk_on_conn(struct hole_desk *d, struct quic_conn *conn, bool ended);
