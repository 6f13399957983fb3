/**
 * Whom to ask for a classification of our NAT (gateway/nat/classify.h), and what peers saw of our
 * main sockets, which tells something too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/nat/classify.h"
#include "gateway/node/desk.h"

/** Fills in the servers of a family, of all that there are, and what peers observed. */
void stun_servers_list(const struct desk *node, bool v6, const struct addr *all, size_t count,
                       struct classify_options *out);
/** Does somebody outside see packets of ours? */
bool stun_servers_see_udp(const struct desk *node, bool v6);
