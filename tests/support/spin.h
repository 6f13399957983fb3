/**
 * Runs a real loop until something has happened, in tests with real sockets.
 */
#pragma once

#include <stdbool.h>

#include "gateway/io/loop.h"

/** Turns the loop until `*seen` has reached `count`. False after five seconds without. */
static inline bool spin_until(struct io_loop *l, const volatile unsigned *seen, unsigned count)
{
    instant end = io_loop_now(l) + SEC(5);
    while (*seen < count && io_loop_now(l) < end)
        io_loop_turn(l, end);
    return *seen >= count;
}

/** Turns the loop for a while: long enough for what should not happen on loopback. */
static inline void spin_for(struct io_loop *l, instant time)
{
    instant end = io_loop_now(l) + time;
    while (io_loop_now(l) < end)
        io_loop_turn(l, end);
}
