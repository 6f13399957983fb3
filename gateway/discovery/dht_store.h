/**
 * What a server keeps for others: BEP 44 items for two hours, and who announced which infohash for
 * three quarters of an hour. Bounded in count and bytes, and in what one source may have
 * (dht_quota.h): an address has at most a sixteenth, a network (/24, /48) an eighth of the items,
 * of their bytes, of the places of one infohash, and announces itself for at most so many
 * infohashes. Whoever has that much is refused what is new, and may keep up what is there; of one
 * infohash his own oldest places give way. An item counts for whoever put it first,
 * and for who makes it longer where that one may not.
 *
 * When all is full, that gives way which was used longest ago of what came from the network that
 * has most: who spreads over few networks pushes out himself first.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/clock.h"
#include "gateway/base/list.h"
#include "gateway/base/map.h"
#include "gateway/discovery/dht_id.h"
#include "gateway/discovery/dht_item.h"
#include "gateway/discovery/dht_quota.h"

struct dht_store_limits {
    unsigned items;
    size_t bytes;    /* of all items, with what it takes to keep them */
    unsigned topics; /* infohashes */
    unsigned peers, peers_of_one;
};

/** Read the counts freely. */
struct dht_store {
    struct dht_store_limits limits;
    struct map items, topics;
    struct list items_used, topics_used; /* the longest ago first */
    unsigned item_count, topic_count, peer_count;
    size_t bytes;
    struct dht_quota items_of, bytes_of, places_of; /* sources */
    uint64_t secret[2];
};

/** A kept item, borrowed until the store is called again. */
struct dht_stored {
    bool mutable;
    int64_t seq;
    const uint8_t *key, *sig;
    struct krpc_bytes value;
};

/** `secret` is random. */
void dht_store_init(struct dht_store *s, const struct dht_store_limits *limits,
                    const uint8_t secret[static MAP_SECRET_LEN]);
void dht_store_deinit(struct dht_store *s);

/** Keeps an item that dht_item_read() took, from `from`. `cas`: the seq that it must replace, or
 *  NULL. Returns 0, or the KRPC error: 301, 302, 202 where its source has as much as it may, or for
 *  want of memory; then nothing changed. */
MUST_USE int dht_store_put(struct dht_store *s, instant now, const struct addr *from,
                           const struct dht_item *item, const struct dht_id *target,
                           const int64_t *cas);
MUST_USE bool dht_store_get(struct dht_store *s, instant now, const struct dht_id *target,
                            struct dht_stored *out);

/** Remembers a peer, who is where it announced itself from. Returns 0; -EDQUOT: its source has as
 *  much as it may; or -ENOMEM. */
MUST_USE int dht_store_announce(struct dht_store *s, instant now, const struct dht_id *infohash,
                                const struct addr *peer);
/** Writes up to `max` peers of one family, beginning at a place that `chance` picks. Returns how
 *  many. */
size_t dht_store_peers(struct dht_store *s, instant now, const struct dht_id *infohash, bool v6,
                       uint32_t chance, struct addr *out, size_t max);
/** Writes up to `max` infohashes, from a place that `chance` picks (BEP 51). Returns how many. */
size_t dht_store_sample(const struct dht_store *s, uint32_t chance, struct dht_id *out, size_t max);

/** Forgets what is too old. Returns when to call it next. */
instant dht_store_expire(struct dht_store *s, instant now);

/* Between the files of this module: who has which infohash (dht_topics.c). */

void dht_topics_init(struct dht_store *s, const uint8_t secret[static MAP_SECRET_LEN]);
void dht_topics_deinit(struct dht_store *s);
void dht_topics_expire(struct dht_store *s, instant now);
