/**
 * How much leaves this gateway in all: [limits] uplink.
 *
 * The line behind us has a queue that we cannot see, in which every connection's packets wait
 * behind the others', and those of others that we relay before our own. With a limit a little below
 * what the line carries, the queue is here, where it is known whose turn it is: sessions go round,
 * a small piece each, and what is relayed goes last. It always gets UPLINK_SPARED of the whole, so
 * that no session of others dies of ours.
 *
 * Without a limit every question is one comparison.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/bucket.h"
#include "gateway/base/clock.h"

#define UPLINK_SPARED 16 /* a 16th */

struct uplink {
    struct bucket all, spared; /* rate 0: no limit */
};

/** `rate` is in bytes a second, with the headers of IP and UDP; 0: no limit. */
void uplink_init(struct uplink *u, uint64_t rate);
/** How many bytes one session may send before it is the next one's turn; 0: as it likes. */
size_t uplink_piece(uint64_t rate);

static inline bool uplink_is_limited(const struct uplink *u)
{
    return u->all.rate > 0;
}

/** Nothing may leave now, until uplink_ready(). */
bool uplink_is_full(struct uplink *u, instant now);
instant uplink_ready(struct uplink *u, instant now);
/** May what is not ours leave, although ours is waiting? */
bool uplink_spares(struct uplink *u, instant now);
/** Datagrams of `len` bytes in all, of `segment` each, have left; for a limit. */
void uplink_sent(struct uplink *u, instant now, size_t len, size_t segment);
/** They were not ours. */
void uplink_sent_spared(struct uplink *u, instant now, size_t len);
