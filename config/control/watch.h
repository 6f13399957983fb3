/**
 * `overlay status --watch`: the status once a second, on a terminal as a page that stays in its
 * place, until somebody interrupts it or the gateway ends.
 */
#pragma once

#include <jansson.h>

#include "config/control/front.h"

/** `request` asks for the status. An exit code. */
MUST_USE int watch_status(struct front *f, const json_t *request);
