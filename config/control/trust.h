/**
 * `overlay trust` and `overlay untrust`: https for the names of peers, with an authority that the
 * browsers and the system of this machine are told to believe.
 */
#pragma once

#include "config/control/front.h"

/** Carries out the verb. An exit code. */
MUST_USE int trust_verb(struct front *f);
MUST_USE int untrust_verb(struct front *f);
