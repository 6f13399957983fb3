/**
 * Slots of the DHT through which two contacts tell one another where they are, with nobody's server
 * between them: items (BEP 44) whose keys follow from a secret that only the two can compute, the
 * hour and who writes. What is to be said, and believed, is mailbox.h's.
 *
 *     dht_mailbox_next()  which slot is to be read now
 *     dht_mailbox_news()  whether what is found there counts
 *     dht_mailbox_done()  that was all, and at these nodes it is to be looked for next time
 *     dht_mailbox_item()  the item that holds a message to a contact
 *     dht_mailbox_due()   when to call dht_mailbox_next() again
 *
 * Each slot is looked up as a whole now and then; between that, the few nodes that were closest are
 * asked and nobody else. Near the full hour the slots of both hours are read, in turn: clocks
 * differ. An item counts once, by its number, which only rises.
 *
 * Bounds: DHT_MAILBOX_CONTACTS contacts, each of them read every DHT_MAILBOX_POLL, and for a while
 * after a call, when its answer is waited for, every DHT_MAILBOX_POLL_FAST; DHT_MAILBOX_READS reads
 * at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/clock.h"
#include "gateway/discovery/dht_item.h"
#include "gateway/discovery/dht_types.h"
#include "gateway/discovery/mailbox.h"
#include "gateway/identity/keys.h"
#include "gateway/identity/pair_key.h"

#define DHT_MAILBOX_CONTACTS  16
#define DHT_MAILBOX_READS     4
#define DHT_MAILBOX_POLL      SEC(20)
#define DHT_MAILBOX_POLL_FAST SEC(3)
#define DHT_MAILBOX_FAST_FOR  SEC(60)
#define DHT_MAILBOX_LOOK      SEC(900) /* between two look-ups of one slot */
#define DHT_MAILBOX_HOUR_US   INT64_C(3600000000)
/** A clock may be as far ahead as MAILBOX_EARLY_MS, and putting takes time. */
#define DHT_MAILBOX_EDGE_US INT64_C(150000000)

/** The pace of messages in slots, for struct mailbox_options. */
extern const struct mailbox_pace MAILBOX_BY_DHT;

/** Where a contact writes to us in one hour. */
struct dht_mailbox_slot {
    bool keyed;
    uint64_t hour;
    uint8_t key[KRPC_KEY_LEN];
    int64_t read;         /* the highest number read there; INT64_MIN: none */
    struct dht_near near; /* none: to be looked up */
    instant looked;       /* up */
};

struct dht_mailbox_contact {
    struct peer_id id;
    bool usable;                                 /* keys can be made for it */
    bool reached;                                /* by other means: there is nothing to read */
    uint8_t in[PAIR_KEY_LEN], out[PAIR_KEY_LEN]; /* of slots it writes to, and we */
    struct dht_mailbox_slot slot[2];             /* of even hours, of odd ones */
    bool reading;
    uint64_t hour; /* that is being read, or was last */
    bool both;     /* the hour beside is read, too */
    instant poll;
    instant fast_until;
    int64_t written; /* the highest number that was used, or met, in what we write to */
};

/** Read `reading` and `polled` freely. */
struct dht_mailbox {
    const struct keys *keys; /* borrowed */
    const uint8_t *network;  /* borrowed: message_network() */
    struct dht_mailbox_contact contact[DHT_MAILBOX_CONTACTS];
    size_t contacts;
    unsigned reading; /* slots, now */
    uint64_t polled;  /* slots that were read */
};

void dht_mailbox_init(struct dht_mailbox *m, const struct keys *keys, const uint8_t *network);
/** Wipes keys. Fine on a zeroed one. */
void dht_mailbox_deinit(struct dht_mailbox *m);
/** Replaces the contacts, of which DHT_MAILBOX_CONTACTS count; what is known of those that stay is
 *  kept. Reads of the others begin spread over the time to come. */
void dht_mailbox_set_contacts(struct dht_mailbox *m, instant now, const struct peer_id *list,
                              size_t count);
bool dht_mailbox_has(const struct dht_mailbox *m, const struct peer_id *id);

/** A slot to read. */
struct dht_mailbox_look {
    struct peer_id from;
    uint8_t key[KRPC_KEY_LEN];
    int64_t min_seq;             /* older items are none */
    const struct dht_near *near; /* whom to ask; NULL: look it up. Valid until the next call */
};

/** A contact is reached, or is not any longer. */
void dht_mailbox_set_reached(struct dht_mailbox *m, const struct peer_id *id, bool reached);

/** The slot to read now: dht_mailbox_done() follows, once. `idle` false: only those of contacts
 *  whose answer is waited for are read. */
MUST_USE bool dht_mailbox_next(struct dht_mailbox *m, instant now, int64_t wall_us, bool idle,
                               struct dht_mailbox_look *out);
/** An item was found where `from` writes. Is it news? */
bool dht_mailbox_news(struct dht_mailbox *m, const struct peer_id *from,
                      const struct dht_item *item);
/** The read is over. `near`: the nodes that answered; NULL: none did. */
void dht_mailbox_done(struct dht_mailbox *m, instant now, const struct peer_id *from,
                      const struct dht_near *near);
/** When to call dht_mailbox_next() again. */
instant dht_mailbox_due(const struct dht_mailbox *m, instant now, bool idle);
/** Something of this contact is waited for: a call went to it, or it has become one just now. */
void dht_mailbox_await(struct dht_mailbox *m, instant now, const struct peer_id *to);

/** Makes the item that holds what is said to a contact, sealed. Its number is higher than any
 *  before. Returns 0; -ENOENT: no contact; -EINVAL: there are no keys for it; -EMSGSIZE; -ERANGE:
 * no number is left. */
MUST_USE int dht_mailbox_item(struct dht_mailbox *m, const struct peer_id *to, int64_t wall_us,
                              const uint8_t *sealed, size_t len, struct dht_item *out);
/** There was one with that number where we write to: our clock was ahead once. */
void dht_mailbox_met(struct dht_mailbox *m, const struct peer_id *to, int64_t seq);
