/**
 * Ids of DHT nodes: distances (BEP 5), ids that fit an address (BEP 42), and the vote on what our
 * own address is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"

#define DHT_ID_LEN  20
#define DHT_ID_BITS 160

/** A node id, an infohash or an item's target. */
struct dht_id {
    uint8_t b[DHT_ID_LEN];
};

struct dht_id dht_id_from(const uint8_t bytes[static DHT_ID_LEN]);
bool dht_id_equal(const struct dht_id *a, const struct dht_id *b);
/** < 0 if `a` is closer to `target` than `b`, 0 if they are equal, > 0 otherwise. */
int dht_id_compare(const struct dht_id *target, const struct dht_id *a, const struct dht_id *b);
/** How many bits they share from the front, 0..160. */
unsigned dht_id_shared(const struct dht_id *a, const struct dht_id *b);
/** The distance as a part of the whole space, 0..1. */
double dht_id_distance(const struct dht_id *a, const struct dht_id *b);

/** Makes of random bytes an id that fits an address; of a local one, any id does. */
void dht_id_fit(struct dht_id *id, const struct addr *addr);
/** May a node at this address have this id (BEP 42)? Local addresses may have any. */
bool dht_id_fits(const struct dht_id *id, const struct addr *addr);

/** Loopback, private or link-local: the rules that tell one caller from many do not apply. */
bool dht_addr_is_local(const struct addr *a);
/** The bytes of an address that tell one customer from the next: IPv4 all, IPv6 a /64; with
 *  `wide`, one network from the next: /24 and /48. Local addresses count whole, with their port.
 *  Returns how many were written. */
size_t dht_addr_key(const struct addr *a, bool wide, uint8_t out[static 20]);
/** Have two addresses the same such bytes? */
bool dht_addr_same(const struct addr *a, const struct addr *b, bool wide);
/** Could a node be there: a port, and an address that one can send to? */
bool dht_addr_is_usable(const struct addr *a);

#define DHT_VOTES_MAX 32

/** What other nodes say our address is: one voice per network, the latest DHT_VOTES_MAX. Zeroed it
 *  knows nothing. */
struct dht_votes {
    struct {
        uint8_t voter[20];
        uint8_t voter_len;
        struct addr seen;
    } vote[DHT_VOTES_MAX];
    unsigned count, next;
    struct addr winner; /* none until enough agree; the port is the latest one heard for it */
};

/** Counts a voice. Returns true if that makes another address (the port aside) the winner. */
bool dht_votes_add(struct dht_votes *v, const struct addr *voter, const struct addr *seen);
