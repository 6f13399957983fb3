/**
 * How large the network is and how its addresses spread, estimated from the nodes that look-ups end
 * at: what does not look like that is a crowd of false neighbours (a vertical sybil attack).
 *
 * Of n nodes the i-th closest to a target is expected at i/(n+1) of the space. Each look-up gives a
 * least-squares fit through its closest nodes; the estimate is the median of the last ones, so that
 * one crowded target does not move it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/discovery/dht_id.h"

enum { DHT_SIZE_SAMPLES = 32 };

/** Zeroed it knows nothing. */
struct dht_size {
    double density[DHT_SIZE_SAMPLES];  /* nodes per whole space, one a look-up */
    double networks[DHT_SIZE_SAMPLES]; /* distinct ones among the closest 20 */
    unsigned count, next;
};

/** Adds what a look-up ended with: nodes that answered, the closest first. Fewer than 8 tell
 *  nothing. */
void dht_size_add(struct dht_size *s, const struct dht_id *target, const struct dht_id *ids,
                  const struct addr *addrs, size_t count);
/** About how many nodes there are, or 0: too few look-ups so far. */
uint64_t dht_size_nodes(const struct dht_size *s);
/** At which part of the space the `rank`-th closest node is expected, or 0. */
double dht_size_distance(const struct dht_size *s, unsigned rank);
/** How many distinct networks the 20 closest nodes usually are in, or 0. */
unsigned dht_size_networks(const struct dht_size *s);
/** The network of an address, 0..63, for that: coarse, so that nobody has many. */
unsigned dht_size_network_of(const struct addr *a);
