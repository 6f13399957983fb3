/**
 * How much goes to one address, and how much one network may ask: counted in tables of fixed size
 * that a flood of addresses cannot make forget.
 *
 * dht_limit_send() allows at most `per_address` messages in any second to one address (local ones:
 * one address and port). A place in the table is given away only when it has nothing left to count;
 * while none is free, a new address has to wait.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/clock.h"

#define DHT_LIMIT_WINDOW_MAX 5

struct dht_limit_place;
struct dht_limit_network;

/** Read nothing of it. */
struct dht_limit {
    uint64_t secret[2];
    struct dht_limit_place *place;
    struct dht_limit_network *network;
    size_t sets;
    unsigned per_address, per_prefix; /* UINT_MAX: no limit */
};

/** `per_address` is at most DHT_LIMIT_WINDOW_MAX or UINT_MAX; `callers` is how many addresses are
 *  counted at a time. Returns 0 or -ENOMEM. */
MUST_USE int dht_limit_init(struct dht_limit *l, const uint64_t secret[static 2],
                            unsigned per_address, unsigned per_prefix, size_t callers);
void dht_limit_deinit(struct dht_limit *l);

/** May a message go to that address now? Counts it if so. */
MUST_USE bool dht_limit_send(struct dht_limit *l, instant now, const struct addr *to);
/** May its network ask us once more? Counts it if so. */
MUST_USE bool dht_limit_ask(struct dht_limit *l, instant now, const struct addr *from);
