/**
 * The interfaces of this machine, and news when they, their addresses or the way out change.
 */
#pragma once

#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/io/loop.h"

#define LINKS_MAX 256 /* addresses that are compared to see a change */

/** As env_interfaces(). */
MUST_USE int links_list(struct interface *out, int max);
