/**
 * What is known of how this gateway is reached from outside, all in one: what STUN servers say
 * (stun_desk.h), what is let in (filter_trial.h), and for each public address whether something
 * comes in there (reach_desk.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/node/filter_trial.h"

struct outside_address {
    struct outside *outside;
    enum candidate_type type;
    struct addr addr;
    enum nat_answer reachable;
    struct reach_check check;
};

struct outside_events {
    /** Writes the addresses of relays that we have sessions with. Returns how many. */
    size_t (*relays)(void *arg, struct addr *out, size_t max);
    /** There is something new to tell. From the loop. */
    void (*changed)(void *arg);
};

struct outside {
    const struct desk *node; /* borrowed; NULL: not started */
    const struct outside_events *events;
    void *arg;
    struct stun_desk stun;
    struct reach_desk reach;
    struct filter_trial filter[STUN_FAMILIES];
    unsigned runs[STUN_FAMILIES]; /* that were followed up */
    struct outside_address address[NODE_PUBLIC_MAX];
    size_t addresses;
    instant helped; /* when a peer that had connected was last asked to help */
};

/** Begins. Returns 0 or -ENOMEM. */
MUST_USE int outside_start(struct outside *o, const struct desk *node,
                           const struct outside_events *events, void *arg);
void outside_stop(struct outside *o);
void outside_network_changed(struct outside *o);
/** From the peers' events and the sockets. */
void outside_on_conn(struct outside *o, struct quic_conn *conn, bool ended);
void outside_input(struct outside *o, const struct udp_rx *rx, uint32_t via);

/** What peers are told of our NAT. */
struct nat_facts outside_facts(const struct outside *o);
/** The addresses at which STUN servers see the main sockets. Returns how many. */
size_t outside_reflexive(const struct outside *o, struct addr out[static STUN_FAMILIES]);
/** Does anything that was not asked for come in, at any public address? */
enum nat_answer outside_reachable(const struct outside *o);
