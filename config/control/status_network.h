/**
 * The parts of the status that are about the network: the NAT, relays, TURN.
 *
 * The keys are a contract: none goes, unknown is null.
 */
#pragma once

#include "config/control/command.h"

/** New references. */
json_t *status_nat(struct command_context *c);
json_t *status_relay(struct command_context *c);
json_t *status_turn(struct command_context *c);
/** Milliseconds; null before it is measured. */
json_t *status_rtt(instant rtt);
