/**
 * What peer exchange (peer_exchange.h) is given and what it counts.
 */
#pragma once

#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/identity/peer_id.h"

enum {
    EXCHANGE_TELLS_HOUR = 96, /* records */
    EXCHANGE_TAKES_HOUR = 128,
    EXCHANGE_ASKS_HOUR = 120,
    EXCHANGE_ASKS_MAX = 32,   /* questions that wait for answers at a time */
    EXCHANGE_ASKED_MAX = 16,  /* contacts that one question goes to */
    EXCHANGE_ANSWERS_MAX = 16 /* that wait to be sent to one contact */
};

#define EXCHANGE_REPEAT    SEC(3600)
#define EXCHANGE_ASK_LASTS SEC(3)
#define EXCHANGE_ON_LASTS  SEC(2) /* on behalf of another one, who waits that long for us */

struct peer_exchange_options {
    struct peer_id self;
    const char *network; /* as in record_desk.h; borrowed */
    /** The highest number of a record of this key that was ever seen, 0: none. Older ones are not
     *  taken. */
    int64_t (*highest)(void *arg, const struct peer_id *id);
    void *arg;
};

struct exchange_counts {
    unsigned contacts; /* that take part */
    unsigned known;    /* records */
    uint64_t taken;    /* news */
    uint64_t forged;   /* no record, or not signed by its owner */
    uint64_t old;      /* older than what is known */
    uint64_t unwanted; /* whose owner does not want to be told of */
    uint64_t dropped;  /* beyond what a contact may say in an hour */
};
