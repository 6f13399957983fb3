/**
 * What `overlay doctor` makes of a gateway's status: findings about its network, each with what can
 * be done about it.
 *
 * Pure: from the JSON of `status` to a list of {level, what, advice}, where level is "ok", "note"
 * (something does not work that need not) or "problem", and advice is null where there is none.
 */
#pragma once

#include <jansson.h>

/** The caller owns the list. NULL: no memory. */
json_t *doctor_findings(const json_t *status);
