/**
 * The routers that lead out of this machine's networks: the default routes, as the kernel has them.
 */
#pragma once

#include "gateway/base/attr.h"
#include "gateway/base/env.h"

/** As env_routers(). */
MUST_USE int routers_list(struct router *out, int max);
