/**
 * A token bucket: at most `burst` at once and `rate` a second in the long run.
 *
 * Tokens are whatever the caller counts: packets, bytes, tries. Kept as what has been taken and not
 * flowed in again, in billionths of a token, so that nothing is lost to rounding.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/clock.h"

struct bucket {
    uint64_t rate;  /* tokens a second, > 0 */
    uint64_t burst; /* tokens, > 0; below 2^34 */
    uint64_t owed;  /* billionths of a token */
    instant last;   /* when `owed` was true */
};

/** A full one. */
static inline struct bucket bucket_of(uint64_t rate, uint64_t burst)
{
    return (struct bucket){.rate = rate, .burst = burst};
}

/* One nanosecond lets `rate` billionths of a token flow in. */
static inline void bucket_fill(struct bucket *b, instant now)
{
    instant passed = now > b->last ? now - b->last : 0;
    b->owed = passed > b->owed / b->rate ? 0 : b->owed - passed * b->rate;
    b->last += passed;
}

/** How many tokens there are. */
static inline uint64_t bucket_level(struct bucket *b, instant now)
{
    bucket_fill(b, now);
    return b->owed < SEC(b->burst) ? (SEC(b->burst) - b->owed) / SEC(1) : 0;
}

/** Takes `n` tokens, or none and returns false when there are fewer. */
static inline bool bucket_take(struct bucket *b, instant now, uint64_t n)
{
    bucket_fill(b, now);
    if (n > b->burst || b->owed > SEC(b->burst - n))
        return false;
    b->owed += SEC(n);
    return true;
}

/** Takes `n` tokens, at most `burst`, even if there are fewer: those that lack flow in before any
 *  can be taken. More than a whole burst never lacks. For a burst below 2^33. */
static inline void bucket_charge(struct bucket *b, instant now, uint64_t n)
{
    bucket_fill(b, now);
    uint64_t most = 2 * SEC(b->burst);
    b->owed = SEC(n) < most - b->owed ? b->owed + SEC(n) : most;
}

/** The instant from which on bucket_take() of `n` (at most `burst`) will do, `now` if it will now.
 */
static inline instant bucket_ready(struct bucket *b, instant now, uint64_t n)
{
    bucket_fill(b, now);
    uint64_t may_owe = SEC(b->burst - n);
    return b->owed <= may_owe ? now : now + (b->owed - may_owe + b->rate - 1) / b->rate;
}
