/**
 * The timers of one environment, earliest first: a binary heap over struct timer (base/env.h).
 *
 * Timers are the callers'; the heap keeps pointers to those that are set, and their place in
 * timer->slot (0: not in a heap). A zeroed heap is empty. Timers with the same deadline come out in
 * an order that depends on the calls alone, so a simulation repeats.
 */
#pragma once

#include <stddef.h>

#include "gateway/base/attr.h"
#include "gateway/base/env.h"

struct heap {
    struct timer **at; /* at[1] is the earliest */
    size_t count, room;
};

/** Gives the memory back. Timers still in the heap are stopped. */
void heap_deinit(struct heap *h);

/**
 * Puts a timer in, or moves it, to fire at `due`; INSTANT_NEVER takes it out. Returns 0 or -ENOMEM,
 * which leaves it out; that comes only when there are more timers than ever before.
 */
MUST_USE int heap_set(struct heap *h, struct timer *timer, instant due);
/** Takes a timer out; does nothing to one that is not in. */
void heap_remove(struct heap *h, struct timer *timer);

/** The earliest timer, or NULL. */
static inline struct timer *heap_first(const struct heap *h)
{
    return h->count > 0 ? h->at[1] : NULL;
}

/** The earliest deadline, or INSTANT_NEVER. */
static inline instant heap_due(const struct heap *h)
{
    return h->count > 0 ? h->at[1]->due : INSTANT_NEVER;
}

/** Takes out and returns the earliest timer if it is due at `now`, else NULL. */
struct timer *heap_take_due(struct heap *h, instant now);
