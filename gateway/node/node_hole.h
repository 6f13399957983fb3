/**
 * Holes for programs (`overlay punch --exec`): a socket of its own, through all NATs straight to a
 * peer, that the gateway makes and then has no more to do with. One side asks, on the other a taker
 * must wait.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/identity/peer_id.h"
#include "gateway/node/node.h"

#define NODE_HOLE_SECRET     32 /* bytes */
#define NODE_HOLE_TAKERS_MAX 16
#define NODE_HOLE_PEERS_MAX  32 /* that a taker is limited to */

/** A hole, proven by both sides to be the other one's. */
struct node_hole {
    struct peer_id peer;
    bool asked;                       /* by us; else by the peer */
    struct addr inner, outer, remote; /* ours here, ours as seen outside, and the peer's */
    uint8_t secret[NODE_HOLE_SECRET]; /* the same on both sides, and for this one alone */
    struct udp_socket *udp;           /* one of them, bound to `inner`, without a handler: */
    struct sock *tcp;
};

/** Closes its socket if it was not taken (set to NULL), and wipes the secret. */
void node_hole_drop(struct env *env, struct node_hole *hole);

/** Asks for one. Embed it. */
struct node_hole_wait {
    /**
     * 0, with a hole that is yours, node_hole_drop() it; else why not: -ENOENT (no taker there),
     * -EACCES (not for us), -EHOSTUNREACH (nothing got through), -ETIMEDOUT (no answer), -EBUSY,
     * -ECONNRESET (the session was lost), -ECANCELED (the gateway stops).
     */
    void (*done)(struct node_hole_wait *w, int err, const char *why, struct node_hole *hole);
};

/** Asks a peer that we have a session with; w->done() is called once, from the loop. Returns 0, or
 *  -ENOTCONN, -EOPNOTSUPP (punching is switched off), -EBUSY or another errno: then nothing was
 *  begun. */
MUST_USE int node_hole_ask(struct node *n, const struct peer_id *id, bool tcp,
                           struct node_hole_wait *w);
/** Does nothing to a request that was answered. */
void node_hole_cancel(struct node *n, struct node_hole_wait *w);

/** Waits for peers that ask. Embed one; zeroed before the first use. Known peers that are not
 *  blocked may ask. */
struct node_hole_taker {
    struct list link;
    bool tcp;                                 /* takes TCP connections, and no UDP */
    struct peer_id only[NODE_HOLE_PEERS_MAX]; /* nobody else, */
    size_t only_count;                        /* unless 0 */
    /** The hole is yours. From the loop. */
    void (*take)(struct node_hole_taker *t, struct node_hole *hole);
    /** The gateway stops: it is taken back already. */
    void (*ended)(struct node_hole_taker *t);
};

/** Returns 0, or -EBUSY: there are NODE_HOLE_TAKERS_MAX. */
MUST_USE int node_hole_accept(struct node *n, struct node_hole_taker *t);
/** Takes it back. */
void node_hole_unaccept(struct node *n, struct node_hole_taker *t);
