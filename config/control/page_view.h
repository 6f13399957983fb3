/**
 * What the status page shows, as JSON: who is there and by which path, what is shared and opened,
 * invites, the network, and what doctor finds.
 *
 * Only what the page draws, and nothing that changes by itself from one second to the next: where
 * nothing happens, two in a row are equal.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "config/control/call.h"
#include "config/control/rtt_history.h"

#define PAGE_PEERS_MAX 200 /* that are listed; the connected ones first */

/** `since` is when the gateway started, seconds since 1970; the codes of invites are for `trusted`
 *  alone. The caller owns it; NULL: no memory. */
json_t *page_view(struct command_context *c, const struct rtt_history *history, int64_t since,
                  bool trusted);
