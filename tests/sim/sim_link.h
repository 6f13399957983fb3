/**
 * One direction of a line: when does what enters it come out, if at all? Pure, chance from the
 * caller. Zeroed it is perfect.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"

#define SIM_LINK_MTU 1500 /* unless said otherwise */

struct sim_link {
    instant delay, jitter;          /* jitter: up to so much more, order kept */
    unsigned loss, repeat, reorder; /* per mille */
    size_t mtu;                     /* bytes of an IP packet, 0: 1500 */
    uint64_t bandwidth;             /* bytes/s, 0: unlimited */
    size_t queue;                   /* bytes waiting at most, 0: 100 ms of bandwidth */
    bool down;                      /* nothing passes */
    instant free_at, last;          /* internal */
};

static inline size_t sim_link_mtu(const struct sim_link *l)
{
    return l->mtu > 0 ? l->mtu : SIM_LINK_MTU;
}

/** When an IP packet of `len` bytes that enters now leaves the line, or INSTANT_NEVER: it is lost.
 *  `repeat` is the caller's. */
instant sim_link_pass(struct sim_link *l, instant now, size_t len, uint64_t *chance);
