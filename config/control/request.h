/**
 * From arguments to a control request.
 */
#pragma once

#include <jansson.h>

#include "config/control/front.h"

/** Returns the request, a new reference, or NULL with the exit code in `*code` (said already). */
json_t *request_from_args(const struct front *f, int *code);
