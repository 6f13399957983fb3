/**
 * News when this machine slept: its connections may be dead although no timer has noticed.
 *
 * CLOCK_MONOTONIC stands still in suspend and CLOCK_BOOTTIME does not: what they drifted apart is
 * the time slept. The kernel wakes a timer when the wall clock is set, which it is on resume, so
 * nothing needs to be polled.
 */
#pragma once

#include "gateway/base/attr.h"
#include "gateway/io/loop.h"

struct jump;

/** Calls `on_wake` from the loop after each sleep of a second or more, with its length. */
MUST_USE int jump_watch(struct jump **out, struct io_loop *loop,
                        void (*on_wake)(void *arg, instant slept), void *arg);
void jump_free(struct jump *j);

/** What the watch does when the kernel wakes it, with the present time by both clocks. For tests.
 */
void jump_check(struct jump *j, instant boottime, instant monotonic);
