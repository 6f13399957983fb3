/**
 * A gateway in this process: `daemon`, and the verbs with `-f` when none runs yet.
 */
#pragma once

#include <jansson.h>

#include "config/control/front.h"

/**
 * Runs a gateway here until it is told to end. With `request`, carries that out once it listens,
 * renders what comes of it, and ends the gateway when it fails. Returns an exit code.
 */
MUST_USE int foreground_run(struct front *f, const json_t *request);
