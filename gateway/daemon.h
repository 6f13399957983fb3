/**
 * A gateway with everything around it: node, adapters, DNS server, control socket, signals.
 *
 * The one place that knows all parts. It builds them from the settings, connects them, and takes
 * them apart in the reverse order.
 */
#pragma once

#include <stddef.h>

#include "config/control/host.h"
#include "gateway/base/attr.h"
#include "gateway/base/log_ring.h"
#include "gateway/io/machine.h"

/**
 * Runs a gateway until it is told to stop, by a signal or by `overlay stop`. The home's lock is
 * held, `log` is what the sink of the log keeps. Returns 0, or a negative errno with a line for
 * people in `why`.
 */
MUST_USE int daemon_run(struct machine *machine, const struct cli_daemon *options,
                        struct log_ring *log, char *why, size_t why_len);
