/**
 * Peer exchange: contacts that want it tell one another of their other contacts that want it too,
 * so that a gateway is found through friends of friends, with no DHT and no server.
 *
 * What is passed on are records (gateway/wire/pkarr.h) as their owners signed them, and only those
 * that say so themselves (`shares`): nobody is told of against his will, nobody can be made up, and
 * a record does not give way to an older one. A newer one that does not say so any more makes the
 * one before it forgotten.
 *
 * How far a record goes, with nothing in it to count hops that a liar could not write anew:
 *
 *     - of its own accord a gateway tells its contacts only what it has from the owner itself, over
 *       a session with him: one is told of friends' friends;
 *     - when asked for one record it answers with that or with what a contact has told it, and else
 *       asks its own contacts, once: who is asked on behalf of others asks no further. So one finds
 *       whoever is four sessions away. What came by an answer goes to whom
 *       asked for it, and to nobody else.
 *
 * A contact that breaks these rules carries a record that wants to be known further, no more: what
 * it tells of counts against its part of the memory and its hourly number.
 *
 * Bounds: EXCHANGE_KNOWN_MAX records, EXCHANGE_TOLD_MAX from one contact; EXCHANGE_TELLS_HOUR are
 * sent to one contact in an hour and a third more are taken from it; EXCHANGE_ASKS_HOUR questions
 * to and from each, half of them and of EXCHANGE_ASKS_MAX at the most for others who asked us. An
 * hour goes on when the session ends and another one begins.
 *
 * A sans-I/O machine:
 *
 *     peer_exchange_set_own()     our record, whenever it was signed
 *     peer_exchange_join()        a contact has a session; peer_exchange_leave() it has not
 *     peer_exchange_input()       what a contact says
 *     peer_exchange_output()      until false, after each of these
 *     peer_exchange_next_event()  until false, after that
 *     peer_exchange_deadline()    when to call peer_exchange_output() again
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/clock.h"
#include "gateway/discovery/exchange_memory.h"
#include "gateway/discovery/exchange_types.h"
#include "gateway/wire/exchange_message.h"

struct peer_exchange;

/** Returns 0 or -ENOMEM. */
MUST_USE int peer_exchange_new(struct peer_exchange **out,
                               const struct peer_exchange_options *options);
void peer_exchange_free(struct peer_exchange *x);

/** Our own record: told to all contacts. */
void peer_exchange_set_own(struct peer_exchange *x, const struct dht_item *item);
/** A contact has a session, on a connection that only says by its address whether it is another one
 *  than last time: then everything is told anew. */
void peer_exchange_join(struct peer_exchange *x, instant now, const struct peer_id *id,
                        const void *conn);
/** It is a contact no more, or has no session. */
void peer_exchange_leave(struct peer_exchange *x, const struct peer_id *id);
/** Who joined and left not yet; `seen` is called for each. */
void peer_exchange_each(const struct peer_exchange *x,
                        void (*seen)(void *arg, const struct peer_id *id), void *arg);

/** What contact `from` says. Of who has not joined, nothing is taken. */
void peer_exchange_input(struct peer_exchange *x, instant now, const struct peer_id *from,
                         const struct exchange_message *m);

struct exchange_tx {
    struct peer_id to;
    struct exchange_message m; /* borrowed until the next call */
};
MUST_USE bool peer_exchange_output(struct peer_exchange *x, instant now, struct exchange_tx *tx);
instant peer_exchange_deadline(const struct peer_exchange *x);

/** Asks contacts for a record. Returns how many are asked: 0: none, or too much is under way. An
 *  EXCHANGE_ENDED follows otherwise. */
unsigned peer_exchange_ask(struct peer_exchange *x, instant now, const struct peer_id *id);

enum exchange_event_kind {
    EXCHANGE_LEARNT, /* peer_exchange_find() has a newer record of `id` */
    EXCHANGE_ENDED,  /* so has peer_exchange_ask(): what could be learnt was */
};
struct exchange_event {
    enum exchange_event_kind kind;
    struct peer_id id;
};
MUST_USE bool peer_exchange_next_event(struct peer_exchange *x, struct exchange_event *out);

/** What is known of a key, or NULL. Borrowed until the next call of any function here. */
const struct exchange_known *peer_exchange_find(const struct peer_exchange *x,
                                                const struct peer_id *id);
/** A newer record was found elsewhere: ours is out of date, and gone if the new one does not want
 * to be passed on. */
void peer_exchange_superseded(struct peer_exchange *x, const struct pkarr_record *record,
                              int64_t seq);

void peer_exchange_counts(const struct peer_exchange *x, struct exchange_counts *out);
