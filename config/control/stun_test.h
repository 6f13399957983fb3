/**
 * `overlay stun-test`: asks STUN servers, prints what they see, and says whether they agree.
 */
#pragma once

#include "config/control/front.h"

/** An exit code. */
MUST_USE int stun_test_run(struct front *f);
