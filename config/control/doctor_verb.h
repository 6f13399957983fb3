/**
 * `overlay doctor`: what the gateway says of its network, and what is found out here of names.
 */
#pragma once

#include "config/control/front.h"

/** Carries out the verb, whose request is borrowed. An exit code. */
MUST_USE int doctor_verb(struct front *f, const json_t *request);
