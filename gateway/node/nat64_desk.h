/**
 * Where there is IPv6 alone: finds out how IPv4 addresses are reached (gateway/nat/nat64.h) and
 * tells the hub, which takes it from there, so that relays, STUN servers and peers named by an IPv4
 * address can be reached.
 *
 * Asked of the name servers only when there is an IPv6 router and none for IPv4, once for each
 * router.
 */
#pragma once

#include "gateway/nat/nat64.h"
#include "gateway/node/desk.h"

struct nat64_desk {
    const struct desk *node; /* borrowed; NULL: not started */
    void (*changed)(void *arg);
    void *arg;
    struct lookup lookup;
    struct addr router; /* of IPv6, where there is no other; or none */
    bool asked;         /* and answered, behind that router */
};

/** Begins. `changed` is called from the loop when IPv4 has become reachable, or is known not to be.
 */
void nat64_desk_start(struct nat64_desk *d, const struct desk *node, void (*changed)(void *arg),
                      void *arg);
void nat64_desk_network_changed(struct nat64_desk *d);
void nat64_desk_stop(struct nat64_desk *d);

/** Is this a network of IPv6 alone? */
static inline bool nat64_desk_is_v6_only(const struct nat64_desk *d)
{
    return !addr_is_none(&d->router);
}
