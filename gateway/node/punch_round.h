/**
 * One round of punching (gateway/punch/attempt.h) on the gateway's sockets and one of its sessions:
 * opens the sockets that the round wants, writes its probes and sends them.
 *
 * What came of it stays: a socket that carries a path that works is handed over to a list of kept
 * ones when the round is freed, and closed when that path does not work any more.
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/attr.h"
#include "gateway/base/list.h"
#include "gateway/node/hub.h"
#include "gateway/node/punch_budget.h"
#include "gateway/node/tcp_roads.h"
#include "gateway/punch/attempt.h"
#include "gateway/transport/quic.h"

/** Where it happens; all of it outlives the round. */
struct punch_place {
    struct hub *hub;
    struct quic_conn *conn;
    struct list *kept;           /* of struct kept_socket */
    struct punch_budget *budget; /* of the peer, */
    struct punch_common *common; /* and of all */
    struct tcp_roads *tcp;       /* connects to the peer half-way; NULL: nobody does */
    const struct peer_id *id;    /* of the peer */
};

struct punch_round {
    struct punch_place at;
    struct punch *core;
    uint32_t via[PUNCH_SOCKETS_MAX]; /* of the core's socket n + 1; 0: it could not be opened */
    unsigned sockets;                /* opened, or tried to */
    unsigned sent, heard;            /* probes */
    bool meets;                      /* over TCP, too */
};

/** A socket that was opened to punch with and carries a path of `conn`. */
struct kept_socket {
    struct list link;
    struct hub *hub;
    struct quic_conn *conn;
    uint32_t via;
};

/** Begins at `now`. Returns 0 or -ENOMEM. */
MUST_USE int punch_round_new(struct punch_round **out, const struct punch_place *place, instant now,
                             const struct punch_options *options);
/** Ends it. Sockets of use are kept; the others are closed. */
void punch_round_free(struct punch_round *r);

/** Sends what is due. Call it at punch_deadline() of r->core, never while a socket is read. */
void punch_round_run(struct punch_round *r, instant now);
/** The `via` of the socket whose public address the other side needs now as a candidate; 0: none.
 */
uint32_t punch_round_fresh(const struct punch_round *r);
/** An authentic probe of the session came over `path`, which `works` both ways or not yet. */
void punch_round_heard(struct punch_round *r, instant now, const struct path *path, bool works);

/** What tcp_roads_meet() began came to nothing. */
void punch_round_refused(struct punch_round *r, instant now, const struct addr *to);

/** Keeps a socket if a path of `conn` (NULL: there is no session) that works needs it, and closes
 * it if not. Nothing for `via` 0. */
void kept_sockets_let_go(struct list *kept, struct hub *hub, struct quic_conn *conn, uint32_t via);
/** Closes the kept sockets that are of no use any more, and all of `ended` (NULL: those without a
 *  session). */
void kept_sockets_review(struct list *kept, const struct quic_conn *ended);
/** Closes all. */
void kept_sockets_close(struct list *kept);
