/**
 * How much of what a DHT server keeps came from one address and from one network, so that nobody
 * fills the store alone.
 *
 * Of everything counted here one address (IPv6: a /64) may have at most a sixteenth, one network
 * (IPv4: a /24, IPv6: a /48) an eighth of what there is room for, and one at the least. Local
 * addresses count, and have no such bound.
 *
 * Counted in a table of fixed size, by hashes that nobody outside can aim at: where two sources
 * fall together in both rows each is taken for as much as both, never for less.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"

enum {
    DHT_QUOTA_ADDRESS = 16, /* parts, of which an address has one */
    DHT_QUOTA_NETWORK = 8,
};

/** Where something came from. */
struct dht_source {
    uint64_t address, network; /* hashes */
    bool bounded;              /* it is no local address */
};

struct dht_quota {
    uint32_t *count; /* two rows; NULL: nothing was counted yet */
    size_t places;   /* of a row, a power of two */
};

/** `secret` is random and stays the same. */
struct dht_source dht_source_of(const uint64_t secret[static 2], const struct addr *from);

/** Counts up to `sources` sources well; takes memory when it begins to count. */
void dht_quota_init(struct dht_quota *q, size_t sources);
void dht_quota_deinit(struct dht_quota *q);

/** May a source have `amount` more, where there is room for `room` of everybody's? A share is never
 *  less than `least`. */
MUST_USE bool dht_quota_admits(const struct dht_quota *q, const struct dht_source *s,
                               uint32_t amount, size_t room, size_t least);
/** Returns 0 or -ENOMEM. */
MUST_USE int dht_quota_add(struct dht_quota *q, const struct dht_source *s, uint32_t amount);
/** Takes back what was added. */
void dht_quota_take(struct dht_quota *q, const struct dht_source *s, uint32_t amount);
/** How much its whole network has. */
uint32_t dht_quota_of_network(const struct dht_quota *q, const struct dht_source *s);
