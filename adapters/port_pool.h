/**
 * Which local port a service of a peer gets: the same one every time, wherever possible.
 *
 * The first choice follows from peer and service alone, so that a lost registry gives the same
 * ports again; what others hold is skipped. Ports that browsers block are never chosen, and none
 * is ever chosen by a peer.
 */
#pragma once

#include <stdint.h>

#include "gateway/node/registry.h"

#define PORT_POOL_FIRST 20000
#define PORT_POOL_LAST  29999

/**
 * The next port to try for a service of a peer: start with *at = 0. Skips those that the registry
 * gives to others. Returns 0 when all have been tried.
 */
uint16_t port_pool_next(struct registry *r, const struct peer_id *peer, const char *service,
                        unsigned *at);
