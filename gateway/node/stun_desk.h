/**
 * STUN, both ways: a gateway that relays answers Binding requests, and every gateway asks servers
 * what its NAT does (gateway/nat/classify.h).
 *
 * The servers are those that a person configured and the relays that we have sessions with. They
 * are asked when the gateway starts, when one of them turns up, when the network changes, and every
 * half hour. What was measured in a network counts again, for as long, when we are back there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/base/nat_report.h"
#include "gateway/nat/stun_query.h"
#include "gateway/node/desk.h"
#include "gateway/node/nat_run.h"
#include "gateway/relay/stun_service.h"
#include "gateway/wire/candidate.h"

#define STUN_NETWORKS_MAX 4 /* that are remembered */

enum stun_family { STUN_V4, STUN_V6, STUN_FAMILIES };

/** What one address family's servers told. */
struct stun_result {
    instant at;    /* when the report was made, 0: nothing is known */
    unsigned runs; /* that were done to the end */
    struct nat_report report;
    struct addr server[NAT_SERVERS_MAX]; /* in the order of the report's bits */
    unsigned server_count;
};

/** A configured server and where it is. */
struct stun_place {
    struct stun_desk *desk;
    struct lookup lookup;
    struct addr found[STUN_FAMILIES];
    instant looked_up; /* last, 0: never */
};

/** A network that we were in. */
struct stun_network {
    uint64_t key; /* of the addresses that the interfaces had */
    struct stun_result result[STUN_FAMILIES];
};

struct stun_desk_events {
    /** Writes the addresses of relays that we have sessions with. Returns how many. */
    size_t (*relays)(void *arg, struct addr *out, size_t max);
    /** There are other facts, or reflexive addresses, than before. From the loop. */
    void (*changed)(void *arg);
};

struct stun_desk {
    const struct desk *node; /* borrowed; NULL: not started */
    const struct stun_desk_events *events;
    void *arg;
    struct stun_service *service; /* NULL: we relay for nobody */
    struct stun_place place[NAT_SERVERS_MAX];
    size_t places;
    struct nat_run run[STUN_FAMILIES];
    bool told[STUN_FAMILIES]; /* of the run's class, before its end */
    struct stun_result result[STUN_FAMILIES];
    struct stun_network network[STUN_NETWORKS_MAX]; /* the current one first */
    struct list refreshes;                          /* of struct stun_refresh */
    instant begin;                                  /* the next look at what there is to ask */
    bool anew;                                      /* ask, even those that have answered lately */
    instant doubted;                                /* when somebody last had reason to, 0: never */
    struct timer timer;
};

/** Begins. Returns 0 or -ENOMEM. */
MUST_USE int stun_desk_start(struct stun_desk *d, const struct desk *node,
                             const struct stun_desk_events *events, void *arg);
/** Who waits for a refresh is not told. */
void stun_desk_stop(struct stun_desk *d);
void stun_desk_network_changed(struct stun_desk *d);
/** Peers see us elsewhere than the servers did: asks them again, at most once a minute. */
void stun_desk_doubt(struct stun_desk *d);
/** A peer's connection is ready, moved or ended: there may be another relay to ask. */
void stun_desk_on_conn(struct stun_desk *d);
/** Takes a STUN message that came over `via`. */
void stun_desk_input(struct stun_desk *d, const struct udp_rx *rx, uint32_t via);

/** What is known of the NAT for IPv4, or if nothing is, of what guards IPv6. */
struct nat_facts stun_desk_facts(const struct stun_desk *d);
/** What was measured of a family; its `at` is 0 if nothing was. */
const struct stun_result *stun_desk_result(const struct stun_desk *d, enum stun_family family);
/** Something else found out what the NAT lets in. */
void stun_desk_set_filtering(struct stun_desk *d, enum stun_family family, enum nat_rule rule);

/** Embed one; zeroed. */
struct stun_refresh {
    struct list link;
    struct addr server; /* to ask; none: any that answered before, for IPv4 */
    bool keeps;         /* the socket stays open when it was answered; close it by `via` */
    uint32_t via;
    struct stun_query query; /* `mapped`: what the socket got */
    /** The port of a mapping that the NAT has made just now, 0: nobody answered within half a
     *  second. Never called from inside stun_desk_refresh(). */
    void (*done)(struct stun_refresh *r, uint16_t port);
};

/** Has the NAT make a mapping, to see which port is next: for NATs that count. `done` is called
 *  once; the facts have its port then. */
void stun_desk_refresh(struct stun_desk *d, struct stun_refresh *r);
/** `done` will not be called. Does nothing to one that was answered. */
void stun_desk_refresh_cancel(struct stun_desk *d, struct stun_refresh *r);
