/**
 * Which public port a new mapping gets. For tests/natlab/nat.c alone.
 */
#pragma once

#include "gateway/base/attr.h"
#include "tests/natlab/nat_types.h"

/**
 * A port that is free for a flow from `inside` to `remote` by the router's rule, or 0: none is. The
 * port may be shared with flows to others when the mapping is NAT_MAP_LINUX.
 */
MUST_USE uint16_t nat_pick_port(struct nat *n, instant now, enum nat_proto proto,
                                const struct addr *inside, const struct addr *remote);
