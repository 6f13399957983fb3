/**
 * A small internet that carries real IP packets: hosts, routers that translate
 * (tests/natlab/nat.h), lines between them. Pure: the clock and the packets come from the caller,
 * who owns the hosts' other ends (TUN devices in tests/natlab/natlab.c).
 *
 * Each network is the internet, or the inside of one router. A host is on one of them. Between two
 * hosts of a LAN nothing stands but their lines; the internet takes `hops` hops, each router one.
 * Routers and the internet answer with ICMP what they cannot forward, unless `silent`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/heap.h"
#include "tests/natlab/nat.h"
#include "tests/sim/sim_link.h"

#define NET_HOSTS_MAX     32
#define NET_ROUTERS_MAX   32
#define NET_ADDRESSES_MAX 4
#define NET_CUTS_MAX      16
#define NET_NAME_MAX      32
#define NET_PACKET_MAX    65536
#define NET_INTERNET      0u /* network number; n + 1 is the inside of router n */

struct net_host {
    char name[NET_NAME_MAX];
    char place[64]; /* the caller's: the host's network namespace */
    unsigned network;
    struct addr address[NET_ADDRESSES_MAX]; /* port 0 */
    unsigned address_count;
    struct sim_link up, down;
    uint64_t sent, received;
};

struct net_router {
    char name[NET_NAME_MAX];
    struct nat nat;
    unsigned outside;   /* network */
    struct addr inside; /* its own address inside, for ICMP */
    struct sim_link up, down;
};

struct net {
    instant now;
    uint64_t seed, chance;
    unsigned hops;
    bool silent;
    struct net_host host[NET_HOSTS_MAX];
    unsigned host_count;
    struct net_router router[NET_ROUTERS_MAX];
    unsigned router_count;
    struct {
        struct addr a, b;
    } cut[NET_CUTS_MAX]; /* addresses between which the internet loses everything */
    unsigned cut_count;
    uint64_t lost, complaints; /* packets, ICMP errors sent */
    /* A packet for a host; borrowed for the call. */
    void (*deliver)(void *arg, struct net_host *h, const uint8_t *data, size_t len);
    void *arg;
    struct heap flying;
};

/** An internet with nobody in it. The same seed and the same packets give the same behaviour. */
void net_init(struct net *n, uint64_t seed,
              void (*deliver)(void *arg, struct net_host *h, const uint8_t *data, size_t len),
              void *arg);
void net_deinit(struct net *n);

/** A host sends. */
void net_send(struct net *n, instant now, struct net_host *h, const uint8_t *data, size_t len);
/** When net_run() is to be called next. */
static inline instant net_due(const struct net *n)
{
    return heap_due(&n->flying);
}
/** Lets time go on until `now`. */
void net_run(struct net *n, instant now);

/** NULL: none of that name. */
struct net_host *net_host_named(struct net *n, const char *name);
struct net_router *net_router_named(struct net *n, const char *name);

/** Adds a router whose outside is on `outside`. Returns NULL when there is no room or memory. */
struct net_router *net_add_router(struct net *n, const char *name, unsigned outside,
                                  const struct addr *public, const struct nat_config *config);
/** Adds a host without addresses on the internet. NULL: no room. */
struct net_host *net_add_host(struct net *n, const char *name);
/** The number of a router's inside network. */
unsigned net_inside(const struct net *n, const struct net_router *r);
