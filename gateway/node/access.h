/**
 * Which addresses may talk to us: [gateway] allow_from and block_from, and those that are shut for
 * a while for what they did.
 *
 * Asked about every batch of datagrams before anything else looks into it. Deny beats allow; with
 * an allow list only what is on it comes in; IPv4 addresses in IPv6 ones are what they contain.
 * IPv6 hands out addresses by /64, so one of them is shut with its neighbours. What was shut is
 * kept in memory alone, in a table of ACCESS_SHUT_MAX places, whose oldest make way.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/clock.h"
#include "gateway/base/map.h"

#define ACCESS_SHUT_MAX 1024
#define ACCESS_WAYS     4 /* places where an address may be in the table */

/** Borrowed. An empty allow list lets everybody in. */
struct access_lists {
    const struct addr_prefix *allow, *block;
    size_t allow_count, block_count;
};

struct access_shut {
    struct addr_caller caller; /* its len is 0: free */
    instant until;
};

struct access {
    struct addr_prefix *list; /* allow_count prefixes, and behind them block_count */
    size_t allow_count, block_count;
    const struct addr_prefix *more; /* borrowed: blocked as well */
    size_t more_count;
    uint64_t more_hash; /* of what it was when it was set */
    struct addr last;   /* the lists admitted it: traffic comes in long runs */
    uint64_t secret[2];
    struct access_shut *shut; /* NULL before the first */
    instant shut_until;       /* of all of them, the latest */
    uint64_t refused;         /* batches of datagrams, and TCP connections */
};

void access_init(struct access *a, const uint8_t secret[static MAP_SECRET_LEN]);
void access_deinit(struct access *a);

/** Replaces both lists by copies of these. Returns 0, or -ENOMEM: nothing changed. */
MUST_USE int access_set(struct access *a, const struct access_lists *lists);
/** Blocks these, too: borrowed until the next call. True: they are others than before. */
bool access_block_more(struct access *a, const struct addr_prefix *list, size_t count);
/** Does the allow list name it? */
bool access_is_named(const struct access *a, const struct addr *from);
/** May it talk to us now? An address that is none may. */
bool access_admits(struct access *a, instant now, const struct addr *from);
/** The same, about somebody who is refused then: counts. */
bool access_enters(struct access *a, instant now, const struct addr *from);
/** Shuts an address until then, and says so (true); not one that the allow list names, nor without
 *  memory. */
bool access_shut(struct access *a, const struct addr *from, instant until);
/** How many addresses are shut now. */
size_t access_count_shut(const struct access *a, instant now);
