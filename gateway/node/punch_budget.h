/**
 * How many probes an address that a peer named may get from us, in all its rounds together, as long
 * as nothing authentic comes back from there: whoever lies about where it is shall not have us
 * bother a third. Nor shall several peers in league, who name the same third: what all of them may
 * spend on an address is counted together.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/clock.h"

#define PUNCH_BUDGET_ADDRESSES 128
#define PUNCH_BUDGET_PORTS     8  /* of one host; more are those of a search */
#define PUNCH_BUDGET_PROBES    20 /* to one address, */
#define PUNCH_BUDGET_TIME      SEC(3600)
#define PUNCH_BUDGET_COUNTERS  16384
#define PUNCH_BUDGET_ROWS      2

/** For all peers together. Zeroed, but for the secret, it is unspent. Addresses share counters by
 *  chance, the more so the more there are; what that costs is a few probes. */
struct punch_common {
    uint64_t secret[PUNCH_BUDGET_ROWS][2]; /* so that nobody makes them share counters at will */
    instant since;
    uint8_t now[PUNCH_BUDGET_ROWS][PUNCH_BUDGET_COUNTERS]; /* this half of PUNCH_BUDGET_TIME */
    uint8_t before[PUNCH_BUDGET_ROWS][PUNCH_BUDGET_COUNTERS];
};

/** For one peer. Zeroed it is unspent. */
struct punch_budget {
    struct punch_spent {
        struct addr addr; /* none: free */
        instant since;
        unsigned probes;
        bool answered;
        instant sent; /* last by a main socket, 0: never */
    } spent[PUNCH_BUDGET_ADDRESSES];
};

/** Takes one probe for an address. False: it has had its share for now, or there are more hosts
 * than can be counted. */
MUST_USE bool punch_budget_take(struct punch_budget *b, struct punch_common *all, instant now,
                                const struct addr *a);
/** When all of it is unspent again; 0: it is. */
instant punch_budget_ends(const struct punch_budget *b);
/** One was sent to it by a main socket. */
void punch_budget_sent(struct punch_budget *b, instant now, const struct addr *a);
/** Was that so lately that our NAT still has a mapping for it? */
bool punch_budget_has_mapping(const struct punch_budget *b, instant now, const struct addr *a);
/** The peer was heard from there: probes are welcome. */
void punch_budget_answered(struct punch_budget *b, const struct punch_common *all,
                           const struct addr *a);
/** Nothing counts any more. */
void punch_common_clear(struct punch_common *all);
