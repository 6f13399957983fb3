/**
 * Addresses of this machine that no interface has: a whole range is made local by one route on the
 * loopback device ("AnyIP", `ip route add local 198.19.0.0/16 dev lo`).
 *
 * What listens there is bound to the device: the route alone lets anybody on the same network in
 * who sends packets for the range our way.
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"

/** Does this machine take what is sent to an IPv4 address for itself? Sends nothing. */
bool anyip_is_local(const struct addr *at);

/** Binds a socket to the loopback device. Returns 0, or -1 and errno as setsockopt(2): EPERM before
 *  Linux 5.7 without privileges. */
MUST_USE int anyip_bind_lo(int fd);
bool anyip_is_on_lo(int fd);

/** Where an accepted connection was going before the packet filter redirected it; none if it cannot
 *  be told, as when there is no such filter. */
struct addr anyip_dialled(int fd);
