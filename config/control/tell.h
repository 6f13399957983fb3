/**
 * What became of a request, said to the person who made it. All return an exit code.
 */
#pragma once

#include <jansson.h>

#include "config/control/front.h"

/** Prints the gateway's answer, result or error, and frees it. */
MUST_USE int tell_answer(const struct front *f, json_t *answer);
/** The gateway could not be asked, or did not answer: -errno of ask_gateway(). */
MUST_USE int tell_lost(const struct front *f, int err);
MUST_USE int tell_no_gateway(const struct front *f);
