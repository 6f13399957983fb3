/**
 * Makes sessions direct that are carried by a relay, a TURN server or TCP.
 *
 * As soon as such a session is ready, the side that dialled it asks the other for a round of
 * punching (gateway/wire/punch_message.h) over the session itself; both tell one another where they
 * may be reached (gateway/node/gather.h) and send probes there (gateway/node/punch_round.h). What
 * gets through becomes a path of the session, which moves there by itself. A round that was lost is
 * followed by others with growing pauses, at once when the network or our candidates change. The
 * side that was dialled begins rounds too when nothing is heard of the other in time.
 *
 * Peers name the addresses that probes are sent to, so there are limits: who may not connect is not
 * punched with, a peer may ask for six rounds a minute, at most ten rounds run at a time, and each
 * address has to pass punch_may_probe().
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/node/desk.h"
#include "gateway/node/gather.h"
#include "gateway/node/punch_effort.h"

struct punch_desk {
    const struct desk *node; /* borrowed; NULL: not started */
    struct gather gather;    /* for those who find out candidates and facts */
    struct list efforts;     /* of struct effort: one for each peer that is not direct */
    struct punch_means means;
    struct nat_facts facts; /* of our NAT when the rounds began */
    struct timer timer;
};

/** `tcp` may start later, and is not asked for anything before. */
void punch_desk_start(struct punch_desk *d, const struct desk *node, struct stun_desk *stun,
                      struct tcp_roads *tcp);
void punch_desk_stop(struct punch_desk *d);
/** The interfaces or addresses of this machine changed: all that goes on begins anew. */
void punch_desk_network_changed(struct punch_desk *d);

/** From the peers' events. */
void punch_desk_on_conn(struct punch_desk *d, struct peer *p, struct quic_conn *conn, bool ended);
void punch_desk_on_part(struct punch_desk *d, struct peer *p, struct quic_conn *conn,
                        const struct message_part *part);
/** From the endpoint's events: an authentic probe came. */
void punch_desk_on_probe(struct punch_desk *d, struct quic_conn *conn, const struct path *path,
                         bool works);

/** A TCP connection that was to meet a peer's has come to nothing. */
void punch_desk_on_refused(struct punch_desk *d, const struct peer_id *id, const struct addr *to);

/** From the endpoint's events: a session is idle no longer. */
void punch_desk_on_wake(struct punch_desk *d);

/** What the last round with this peer was like; all zero if there was none. */
void punch_desk_round(struct punch_desk *d, const struct peer_id *id, struct round_view *out);
/** Why a session with this peer is not direct (yet), for people. Valid until the loop runs. */
const char *punch_desk_why(struct punch_desk *d, const struct peer_id *id);
