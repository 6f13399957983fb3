/**
 * `overlay setup` and `overlay unsetup`: names and addresses of peers for every program on this
 * machine, as root and without a gateway having any privilege.
 */
#pragma once

#include "config/control/front.h"

/** Carries out the verb. An exit code. */
MUST_USE int setup_verb(struct front *f);
MUST_USE int unsetup_verb(struct front *f);
