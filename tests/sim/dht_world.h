/**
 * Thousands of DHT nodes on a virtual clock: the very code that ships (gateway/discovery/dht.h),
 * between them a network with delay, loss, NATs, churn and nodes that lie. One seed, one run.
 *
 * Most nodes are servers that have been there for long: their tables are filled at the start with
 * nodes drawn as a network at rest has them. A NATed one answers only who it wrote to in the last
 * minute. A hostile one answers look-ups with its friends and with what a lie may look like
 * (dht_world_lies.c), and takes puts that it does not keep. A node that churns leaves and comes
 * back with another id, knowing a few nodes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/discovery/dht.h"
#include "tests/sim/dht_world_types.h"

struct dht_world;

/** Ends the test when there is no memory. */
struct dht_world *dht_world_new(const struct dht_world_options *options);
void dht_world_free(struct dht_world *w);

/** A new node that knows eight others by address: yours, never hostile, and it stays. Returns its
 *  number. */
unsigned dht_world_join(struct dht_world *w, enum dht_mode mode);
struct dht *dht_world_node(struct dht_world *w, unsigned number);
struct addr dht_world_addr(const struct dht_world *w, unsigned number);
bool dht_world_is_hostile(const struct dht_world *w, unsigned number);
/** Hostile nodes have seen this item, and show it to who asks for a newer one. */
void dht_world_leak(struct dht_world *w, const struct dht_item *item);

instant dht_world_now(const struct dht_world *w);
/** Lets time pass. */
void dht_world_run(struct dht_world *w, instant how_long);
/** Lets time pass until a request of a node is done, and hands out its end, of which the item is
 *  copied to `item` if there is one. `first` is the first value that it told of. */
struct dht_event dht_world_finish(struct dht_world *w, unsigned number,
                                  const struct dht_request *request, struct dht_item *item,
                                  struct dht_item *first);

/** Of live honest nodes that strangers reach: how many have an item with this target. */
unsigned dht_world_copies(struct dht_world *w, const struct dht_id *target, int64_t seq);
/** Of the `k` of them that are truly the closest: how many have it. */
unsigned dht_world_placed(struct dht_world *w, const struct dht_id *target, int64_t seq,
                          unsigned k);

/** Of the round-trip times between two nodes, without loss and waiting. */
double dht_world_rtt_ms(const struct dht_world *w, double quantile);

/** The most that any node holds. */
struct dht_world_most dht_world_most(const struct dht_world *w);

const struct dht_world_counts *dht_world_counts(const struct dht_world *w);
