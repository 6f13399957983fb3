/**
 * The routing table of one address family (BEP 5): buckets by how many bits a node's id shares with
 * ours, DHT_BUCKET_SIZE nodes each and some that wait to take the place of one that fails. The
 * first buckets, where most look-ups begin, hold more: a step less to go (Jimenez, Osmani,
 * Knutsson, P2P 2011; libtorrent does so too).
 *
 * Only nodes that answered us get in. A node is good if it answered in the last 15 minutes, or ever
 * and asked us something since; bad after three questions without an answer; questionable between.
 * In a full bucket a bad node gives way; one whose id does not fit its address (BEP 42) gives way
 * to one whose does; the slowest of a part of its range that many are of to one of a part that few
 * are of. So the nodes spread over the range, and wherever a target lies one of them is near it
 * (libtorrent does that too). The others stay, for who was there long will be there long.
 *
 * One address is one node, and one network (/24, /48) has at most two in a bucket: a stranger with
 * many ids does not become many neighbours. Local addresses are exempt.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/clock.h"
#include "gateway/discovery/dht_id.h"

enum { DHT_BUCKET_SIZE = 20, DHT_BUCKET_LARGEST = 128, DHT_SPARES = 6 };

struct dht_node {
    struct dht_id id;
    struct addr addr;
    instant replied; /* last */
    instant heard;   /* a reply or a query, last */
    instant asked;   /* by us to see whether it is there, last; 0: never */
    uint32_t rtt_ms; /* of its last answer */
    uint8_t failures;
    bool fits; /* BEP 42 */
};

struct dht_bucket {
    struct dht_node spare[DHT_SPARES]; /* the one heard last is the last */
    uint8_t count, spares, size;
    instant changed;        /* a node of it answered, last */
    struct dht_node node[]; /* room for `size` */
};

/** Read `count` freely. */
struct dht_routing {
    struct dht_id self;
    struct dht_bucket *bucket[DHT_ID_BITS + 1]; /* NULL: nobody there */
    unsigned count;
};

void dht_routing_init(struct dht_routing *r, const struct dht_id *self);
void dht_routing_deinit(struct dht_routing *r);
/** We have another id: nodes move to where they belong now, as far as there is room. */
void dht_routing_set_self(struct dht_routing *r, instant now, const struct dht_id *self);

/** A node answered us after `rtt`. */
void dht_routing_replied(struct dht_routing *r, instant now, const struct dht_id *id,
                         const struct addr *addr, instant rtt);
/** A node that we knew last time: it gets in if there is room, to be asked whether it is there. */
void dht_routing_remember(struct dht_routing *r, instant now, const struct dht_id *id,
                          const struct addr *addr);
/** A node asked us something. Returns true if it should be asked whether it is there, to get in. */
MUST_USE bool dht_routing_heard(struct dht_routing *r, instant now, const struct dht_id *id,
                                const struct addr *addr);
/** A node did not answer. */
void dht_routing_failed(struct dht_routing *r, const struct addr *addr);

bool dht_node_is_good(const struct dht_node *n, instant now);
/** How many are good. */
unsigned dht_routing_good(const struct dht_routing *r, instant now);
/** The nodes closest to a target that are not bad, the closest first. Returns how many. */
size_t dht_routing_closest(const struct dht_routing *r, const struct dht_id *target,
                           struct dht_node *out, size_t max);

/** A node to ask whether it is there: questionable, and not asked lately. It counts as asked. */
MUST_USE bool dht_routing_next_check(struct dht_routing *r, instant now, struct addr *out);
/** A target to look up, because of some part of the first buckets' range we know too few; `chance`
 *  makes it random. */
MUST_USE bool dht_routing_next_gap(const struct dht_routing *r,
                                   const uint8_t chance[static DHT_ID_LEN], struct dht_id *out);
/** A target to look up, because a bucket saw nothing for 15 minutes; `chance` makes it random.
 *  The bucket counts as fresh. */
MUST_USE bool dht_routing_next_refresh(struct dht_routing *r, instant now,
                                       const uint8_t chance[static DHT_ID_LEN], struct dht_id *out);
