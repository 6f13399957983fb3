/**
 * The interfaces of this machine, and news when they, their addresses or the way out change.
 */
#pragma once

#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/io/loop.h"

/** As env_interfaces(). */
MUST_USE int links_list(struct interface *out, int max);

struct links;

/**
 * Calls `on_change` from the loop, some 300 ms after the last of a burst of changes (at most 2 s
 * after the first), when the addresses, a default route or a range of addresses that is this
 * machine's as a whole are not what they were before.
 */
MUST_USE int links_watch(struct links **out, struct io_loop *loop, void (*on_change)(void *arg),
                         void *arg);
void links_free(struct links *l);
