/**
 * Tells the service manager that the loop still turns, as often as it asked for (WatchdogSec= of
 * systemd.service(5)).
 */
#pragma once

#include "gateway/base/attr.h"
#include "gateway/io/loop.h"

struct watchdog;

/** Returns 0 with NULL in `*out` when nobody asked, or -ENOMEM. */
MUST_USE int watchdog_start(struct watchdog **out, struct io_loop *loop);
void watchdog_free(struct watchdog *w);
