/**
 * The part of the status that is about the DHT and our record there.
 *
 * The keys are a contract: none goes, unknown is null.
 */
#pragma once

#include "config/control/command.h"

/** A new reference. */
json_t *status_dht(struct command_context *c);
json_t *status_exchange(struct command_context *c);
/** The word for a mode: "adaptive". */
const char *status_dht_mode(enum node_dht mode);
