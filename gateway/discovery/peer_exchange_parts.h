/**
 * What the files of peer exchange (peer_exchange*.c) share, and nobody else sees.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/list.h"
#include "gateway/discovery/exchange_memory.h"
#include "gateway/discovery/exchange_types.h"
#include "gateway/wire/exchange_message.h"

/** What happened in the last hour, once it is full. */
struct exchange_hour {
    instant ends;
    unsigned count;
};

struct exchange_answer {
    struct peer_id key;
    bool found;
};

/** A contact that has a session; or had one, and is remembered until its hours are over: a new
 *  session gives nobody a new hour. */
struct exchange_contact {
    struct list link;
    struct peer_id id;
    bool here;
    const void *conn;
    bool takes_part;
    bool own_told; /* our present record */
    uint64_t told; /* versions of the memory up to this one */
    instant retell;
    struct exchange_hour tells, takes, asks, asked;
    struct exchange_answer answer[EXCHANGE_ANSWERS_MAX];
    unsigned answers;
};

enum exchange_asked { EXCHANGE_TO_ASK, EXCHANGE_ASKED, EXCHANGE_ANSWERED };

/** A question that waits for answers. */
struct exchange_ask {
    struct list link;
    struct peer_id key;
    bool ours, over;
    struct peer_id asker; /* unless it is ours */
    instant due;
    struct {
        struct peer_id who;
        enum exchange_asked state;
    } to[EXCHANGE_ASKED_MAX];
    unsigned count;
};

struct peer_exchange {
    struct peer_exchange_options options;
    struct exchange_memory memory;
    struct list contacts, asks;
    unsigned ask_count;
    bool has_own;
    struct dht_item own;
    uint64_t told; /* our owner knows of the memory's versions up to this one */
    instant expires;
    struct exchange_counts count;
};

/** The contact of an id, if it is here; or NULL. */
struct exchange_contact *exchange_contact(const struct peer_exchange *x, const struct peer_id *id);
/** May one more happen in this hour? Counts it if so. */
bool exchange_hour_take(struct exchange_hour *h, instant now, unsigned max);
/** Queues an answer. */
void exchange_answer(struct exchange_contact *c, const struct peer_id *key, bool found);

/* ---- peer_exchange_ask.c ---- */

/** A contact asks for a record. */
void exchange_on_ask(struct peer_exchange *x, instant now, struct exchange_contact *from,
                     const struct exchange_message *m);
/** A contact said of a key that it has no record of it, or (`found`) gave one that was taken. */
void exchange_on_answer(struct peer_exchange *x, const struct peer_id *from,
                        const struct peer_id *key, bool found);
/** Did somebody want this of that contact? */
bool exchange_is_asked(const struct peer_exchange *x, const struct peer_id *from,
                       const struct peer_id *key);
/** Ends questions that wait in vain. */
void exchange_expire_asks(struct peer_exchange *x, instant now);
/** The next question for a contact. */
bool exchange_next_ask(struct peer_exchange *x, instant now, struct exchange_contact *to,
                       struct exchange_message *out);
/** It left: nothing more comes from it. */
void exchange_asks_without(struct peer_exchange *x, const struct peer_id *id);
