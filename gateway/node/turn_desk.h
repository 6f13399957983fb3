/**
 * A TURN server (RFC 8656) as our relay: an address there that peers reach by plain UDP, kept from
 * start to end where a person configured one.
 *
 * Peers are dialled through it as well as directly: at the addresses that are known of them, each a
 * path of kind PATH_TURN. Over sessions that exist already both sides tell one another of such
 * addresses as candidates of a round of punching; the peer's other candidates are let in then. The
 * first server that works is used; when it is lost, the next.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/attr.h"
#include "gateway/base/bucket.h"
#include "gateway/base/env.h"
#include "gateway/node/desk.h"
#include "gateway/node/turn_far.h"
#include "gateway/relay/turn_link.h"

struct turn_desk_events {
    /** The address that peers may send to; none: there is no longer one. From the loop. */
    void (*changed)(void *arg, const struct addr *before, const struct addr *now);
};

struct turn_desk {
    const struct desk *node; /* borrowed; NULL: not started */
    const struct turn_desk_events *events;
    void *arg;
    struct hub_carrier carrier;
    struct turn_far far;
    struct turn_link *link;
    struct lookup lookup;
    size_t servers, at; /* how many there are; the one that is used */
    unsigned failures;  /* in a row */
    unsigned missed;    /* tries that no address came of, of all time */
    uint32_t via;       /* of the paths of this allocation */
    struct turn_way {
        struct addr addr; /* that was let in; none: a free place */
        instant used;
    } way[TURN_PEERS_MAX];
    struct bucket named; /* addresses, by peers */
    struct addr relayed; /* none: there is no allocation (yet) */
    char reason[TURN_REASON_MAX];
    uint64_t network; /* 0: not told */
    bool ending;
    struct timer timer; /* to try again, for new credentials, or to end */
};

void turn_desk_start(struct turn_desk *d, const struct desk *node,
                     const struct turn_desk_events *events, void *arg);
/** Gives the address back, a moment after this, when good-byes are through. */
void turn_desk_end(struct turn_desk *d);
void turn_desk_stop(struct turn_desk *d);

/** The machine is in the network of that key now (stun_network.key): where that is another one, the
 *  server has to be told from there. */
void turn_desk_network_changed(struct turn_desk *d, uint64_t network);

/** Adds paths by the server to addresses of a peer that is to be dialled. */
void turn_desk_find(struct turn_desk *d, struct peer *p, const struct addr *known, size_t count);
/** From the peers' events. */
void turn_desk_on_conn(struct turn_desk *d, struct quic_conn *conn, bool ended);
void turn_desk_on_part(struct turn_desk *d, struct peer *p, struct quic_conn *conn,
                       const struct message_part *part);

/** For `status`: "off", "ready", or why there is no allocation. */
const char *turn_desk_state(const struct turn_desk *d);
