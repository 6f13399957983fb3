/**
 * Peer exchange (gateway/discovery/peer_exchange.h) with the contacts that have a session: tells
 * them our record and those of others, takes theirs, and asks them when a record is wanted.
 *
 * What comes of it are records like any others: see record_desk_told().
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/env.h"
#include "gateway/discovery/peer_exchange.h"
#include "gateway/node/desk.h"
#include "gateway/node/record_desk.h"

struct exchange_desk {
    const struct desk *node; /* borrowed; NULL: not started */
    struct record_desk *records;
    struct peer_exchange *exchange; /* NULL: switched off */
    struct deferred pump;
    struct timer timer;
};

/** Starts if the options say so. Returns 0 or -ENOMEM. */
MUST_USE int exchange_desk_start(struct exchange_desk *d, const struct desk *node,
                                 struct record_desk *records);
/** Fine on a zeroed struct. */
void exchange_desk_stop(struct exchange_desk *d);

/** Sessions came or went, or who is a contact has changed. */
void exchange_desk_changed(struct exchange_desk *d);
/** From the peers' events. */
void exchange_desk_on_part(struct exchange_desk *d, const struct peer *p,
                           const struct message_part *part);

/** Our record was signed. */
void exchange_desk_set_own(struct exchange_desk *d, const struct dht_item *item);
/** Asks contacts for a record. False: there is nobody to ask. record_desk_asked() follows. */
bool exchange_desk_ask(struct exchange_desk *d, const struct peer_id *id);
/** What they have told us; or NULL. Borrowed until the loop runs again. */
const struct exchange_known *exchange_desk_find(const struct exchange_desk *d,
                                                const struct peer_id *id);
/** What came of it so far. False: it is switched off. */
bool exchange_desk_counts(const struct exchange_desk *d, struct exchange_counts *out);
/** A record was found elsewhere. */
void exchange_desk_superseded(struct exchange_desk *d, const struct record_found *found);
