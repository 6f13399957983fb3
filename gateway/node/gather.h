/**
 * Where this gateway may be reached, as its peers are told before they punch; and what its NAT is.
 *
 * Known by itself: the addresses of its interfaces, those that a person configured, and what peers
 * and relays that a person chose see of its main sockets (each answers our probes with the address
 * that they came from, so the sessions that are open anyway do what STUN servers do). Others add
 * what they find out by gather_add() and gather_set_facts(): port mappings, STUN.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/node/desk.h"
#include "gateway/wire/candidate.h"

#define GATHER_ADDED_MAX      8
#define GATHER_INTERFACES_MAX 64

struct gather {
    const struct desk *node; /* borrowed */
    struct interface interface[GATHER_INTERFACES_MAX];
    size_t interfaces;
    struct candidate added[GATHER_ADDED_MAX]; /* the newest last */
    size_t added_count;
    struct nat_facts facts;
    void (*changed)(void *arg); /* there is something new to tell peers */
    void *arg;
};

/** Reads the interfaces. `changed` is called from gather_add() and gather_set_facts(). */
void gather_start(struct gather *g, const struct desk *node, void (*changed)(void *arg), void *arg);
/** The interfaces or addresses of this machine changed. */
void gather_network_changed(struct gather *g);

/** Somebody found out one more address at which a main socket is reached. Nothing if it is known;
 *  the oldest makes way. */
void gather_add(struct gather *g, enum candidate_type type, const struct addr *a);
/** It is no longer reached there. */
void gather_remove(struct gather *g, enum candidate_type type, const struct addr *a);
/** What our NAT was measured to do. */
void gather_set_facts(struct gather *g, const struct nat_facts *facts);
/** The port that our NAT gave last; this alone is nothing to be told. */
void gather_set_port(struct gather *g, uint16_t port);
/** As measured, with the opener's TTL that a person may have configured. */
struct nat_facts gather_facts(const struct gather *g);

/** Writes what there is to tell a peer now, each address once. Returns how many. */
MUST_USE size_t gather_list(const struct gather *g, struct candidate out[static CANDIDATES_MAX]);
/** Do peers see us elsewhere than STUN servers did? Then those are to be asked again; until then
 *  peers are not told what they said. */
bool gather_is_out_of_date(const struct gather *g);
/** Has a peer in the internet look at a socket of hub_open_extra(); soon gather_seen() knows. */
void gather_show(const struct gather *g, uint32_t via);
/** Where a peer sees that socket. False: it is not known (yet). */
MUST_USE bool gather_seen(const struct gather *g, uint32_t via, struct addr *out);
/** The socket has been seen enough: no session but `owner` is to go that way. */
void gather_hide(const struct gather *g, uint32_t via, const struct quic_conn *owner);
/** Is an address within one of the networks that this machine is on? */
bool gather_is_near(const struct gather *g, const struct addr *a);
/** Can it be a peer's address, who says so? Not that of everybody in a network of ours, nor of whom
 *  our lists keep out, nor IPv4 as the NAT64 here disguises it, which may lead anywhere. */
bool gather_may_be_peer(const struct gather *g, const struct addr *a);
