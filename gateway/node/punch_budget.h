/**
 * How many probes an address that a peer named may get from us, in all its rounds together, as long
 * as nothing authentic comes back from there: whoever lies about where it is shall not have us
 * bother a third.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/clock.h"

#define PUNCH_BUDGET_ADDRESSES 128
#define PUNCH_BUDGET_PORTS     8    /* of one host; more are those of a search, */
#define PUNCH_BUDGET_GUESSED   4096 /* which share counters by chance */
#define PUNCH_BUDGET_PROBES    20   /* to one address, */
#define PUNCH_BUDGET_TIME      SEC(3600)

/** For one peer. Zeroed it is unspent. */
struct punch_budget {
    struct punch_spent {
        struct addr addr; /* none: free */
        instant since;
        unsigned probes;
        bool answered;
        instant sent; /* last by a main socket, 0: never */
    } spent[PUNCH_BUDGET_ADDRESSES];
    instant guessed_since;
    uint8_t guessed[PUNCH_BUDGET_GUESSED];
};

/** Takes one probe for an address. False: it has had its share for now, or there are more hosts
 * than can be counted. */
MUST_USE bool punch_budget_take(struct punch_budget *b, instant now, const struct addr *a);
/** When all of it is unspent again; 0: it is. */
instant punch_budget_ends(const struct punch_budget *b);
/** One was sent to it by a main socket. */
void punch_budget_sent(struct punch_budget *b, instant now, const struct addr *a);
/** Was that so lately that our NAT still has a mapping for it? */
bool punch_budget_has_mapping(const struct punch_budget *b, instant now, const struct addr *a);
/** The peer was heard from there: probes are welcome. */
void punch_budget_answered(struct punch_budget *b, const struct addr *a);
