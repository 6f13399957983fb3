/**
 * Asks nodes of the DHT where they see our main socket for IPv4 (gateway/discovery/dht_mirror.h),
 * for whoever has to tell a peer: what comes of it is a reflexive address of the gatherer's, as if
 * a STUN server had said it. While somebody waits, the same nodes are asked again and again, which
 * keeps our NAT's mapping as it is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/env.h"
#include "gateway/discovery/dht_mirror.h"
#include "gateway/node/desk.h"
#include "gateway/node/dht_desk.h"
#include "gateway/node/gather.h"

struct mirror_desk {
    const struct desk *node; /* borrowed; NULL: not started */
    struct dht_desk *dht;
    struct gather *gather;
    struct dht_mirror core;
    struct mirror_claim {
        struct hub_claim hub;
        struct mirror_desk *desk;
    } claim[DHT_MIRROR_NODES];
    size_t claims;
    struct addr seen; /* as the gatherer was told; none: nothing */
    instant keep_until, keep;
    bool told; /* who asked is told when this run is over */
    struct timer timer;
    void (*done)(struct mirror_desk *d);
};

/** Begins. `done` is called, from the loop, after each mirror_desk_look(). */
void mirror_desk_start(struct mirror_desk *d, const struct desk *node, struct dht_desk *dht,
                       struct gather *gather, void (*done)(struct mirror_desk *d));
/** Fine on a zeroed struct. */
void mirror_desk_stop(struct mirror_desk *d);
/** What was seen is of no use any more. */
void mirror_desk_network_changed(struct mirror_desk *d);

/** Asks now; `done` follows within DHT_MIRROR_WITHIN. */
void mirror_desk_look(struct mirror_desk *d);
/** Keeps the mapping until then. */
void mirror_desk_keep(struct mirror_desk *d, instant until);
/** Does our NAT give every destination another port, as far as we know? */
bool mirror_desk_varies(const struct mirror_desk *d);
