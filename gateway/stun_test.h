/**
 * Asks STUN servers, by name, over UDP, TCP and TLS: what `overlay stun-test` runs, on a loop of
 * its own and without a gateway.
 */
#pragma once

#include <stddef.h>

#include "config/control/host.h"
#include "gateway/base/attr.h"

/** As stun_ask() of struct cli_host. */
MUST_USE int stun_test_ask(struct cli_stun *list, size_t count,
                           void (*waiting)(void *arg, const struct cli_stun *entry), void *arg);
