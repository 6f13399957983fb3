/**
 * Routers between the networks of a simulated world: what stands between a host and the internet.
 *
 *     struct sim_access home;
 *     sim_access_init(&home, &world, "port_restricted", 7, "203.0.113.7");
 *     sim_access_join(&home, &host, "192.168.1.2/24");
 *
 * puts a host on LAN 7 behind a router of that preset (tests/natlab/nat.h), or behind two. The
 * host's link is its own; the router's are its line outside, `up` from the LAN, `down` to it. Each
 * router takes one hop of a packet, and the internet world->hops. Routers send no ICMP errors: our
 * sockets do not hear of them. Those that hosts send (tests/sim/sim_icmp.h) get through.
 */
#pragma once

#include <stdbool.h>

#include "tests/natlab/nat.h"
#include "tests/sim/sim_env.h"

struct sim_router {
    struct nat nat;
    struct sim_link up, down;
    /* internal */
    struct list link; /* in world->routers */
    struct sim_world *world;
    unsigned inside, outside;
};

/** `public` is the router's address outside, or NULL when it does not translate. */
void sim_router_init(struct sim_router *r, struct sim_world *w, unsigned inside, unsigned outside,
                     const char *public, const struct nat_config *config);
/** Forgets the packets that are in its lines. */
void sim_router_deinit(struct sim_router *r);
/** It starts anew, with another address if `public` is not NULL. */
void sim_router_reboot(struct sim_router *r, const char *public);

struct sim_access {
    struct sim_router router[NAT_PRESET_DEPTH]; /* the first is the nearer one */
    unsigned depth, network;
    char public[ADDR_TEXT_MAX];
    bool translates;
};

/** `network` is the LAN's number, its own and not INTERNET; `public` an IPv4 address. */
void sim_access_init(struct sim_access *a, struct sim_world *w, const char *preset,
                     unsigned network, const char *public);
void sim_access_deinit(struct sim_access *a);
/** Puts a host behind it; where nothing is translated the host gets the public address instead. */
struct sim_interface *sim_access_join(struct sim_access *a, struct sim_host *h,
                                      const char *address);

/** A host on `network` can send beyond it. */
bool sim_router_serves(const struct sim_world *w, unsigned network);
/** The router that a packet on `network` to an address which no host there has must go to, and
 *  whether it comes from outside. NULL: nobody knows the way. */
struct sim_router *sim_router_towards(const struct sim_world *w, unsigned network,
                                      const struct addr *to, bool *from_outside);
/** From tests/sim/sim_wire.c: forgets the packets in the lines of a router that goes. */
void sim_wire_forget_router(struct sim_router *r);
