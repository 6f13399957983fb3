/**
 * Records of other gateways that peers told us of (peer_exchange.h): few, for some hours, and of
 * each key the newest alone.
 *
 * Whoever tells us of others fills no more than his own part: EXCHANGE_TOLD_MAX. When there are too
 * many, those go first that were not heard from their owners, and of these those of whom has told
 * most. Signatures are the caller's to check.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/list.h"
#include "gateway/discovery/dht_item.h"
#include "gateway/identity/peer_id.h"

enum {
    EXCHANGE_KNOWN_MAX = 256, /* records */
    EXCHANGE_TOLD_MAX = 32,   /* of them, that one peer told us of, his own aside */
};

#define EXCHANGE_KEPT_FOR SEC(2 * 3600) /* after it was heard last: peers repeat it every hour */

/** How we came to know a record, the best first. */
enum exchange_from {
    EXCHANGE_BY_OWNER, /* over a session with the owner, EXCHANGE_KEPT_FOR ago at most: peers that
                          repeat it to one another do not keep it alive */
    EXCHANGE_BY_PEER,  /* a peer told us of a peer of its */
    EXCHANGE_BY_ANSWER /* somebody was asked for it */
};

struct exchange_known {
    struct list link;
    struct dht_item item;
    enum exchange_from from;
    struct peer_id told_by; /* who told us this version */
    instant heard, owner_heard;
    uint64_t version; /* grows with each record that is news */
};

/** Read the count freely. */
struct exchange_memory {
    struct list known; /* of struct exchange_known, the longest unheard of first */
    unsigned count;
    uint64_t version; /* the highest that was given */
};

void exchange_memory_init(struct exchange_memory *m);
void exchange_memory_deinit(struct exchange_memory *m);

/** The record of a key, or NULL. Borrowed until the next call that changes something. */
const struct exchange_known *exchange_memory_find(const struct exchange_memory *m,
                                                  const uint8_t key[static KRPC_KEY_LEN]);
/** Is this the very record that is known? Then it was heard of again, now also from its owner, if
 *  `from` says so. */
bool exchange_memory_again(struct exchange_memory *m, instant now, const struct dht_item *item,
                           enum exchange_from from);
/** Keeps a record that is newer than the one that is known, if any. False: no memory. */
bool exchange_memory_keep(struct exchange_memory *m, instant now, const struct dht_item *item,
                          enum exchange_from from, const struct peer_id *told_by);
/** Its owner does not want it to be known any more. */
void exchange_memory_forget(struct exchange_memory *m, const uint8_t key[static KRPC_KEY_LEN]);

/** The oldest news after `version`, or NULL. With `to`, only what may be told to it: what was heard
 *  from the owners themselves, and is of others. */
const struct exchange_known *exchange_memory_next(const struct exchange_memory *m, uint64_t version,
                                                  const struct peer_id *to);

/** Forgets what is too old. Returns when there is more to forget. */
instant exchange_memory_expire(struct exchange_memory *m, instant now);
