/**
 * Where beacons go: the multicast groups and broadcast addresses of every interface that is up.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/addr.h"
#include "gateway/base/env.h"
#include "gateway/discovery/lan_types.h"

/** One destination of a beacon. */
struct lan_place {
    struct addr to, from;
    unsigned ifindex;
    int ttl;
    struct addr_prefix prefix; /* of the network there, as our own address has it */
    bool again;                /* the same network as the place before: the same datagram will do */
};

enum { LAN_PLACES_MAX = 2 * LAN_INTERFACES_MAX, LAN_JOINS_MAX = 4 * LAN_INTERFACES_MAX };

struct lan_places {
    struct lan_place place[LAN_PLACES_MAX];
    size_t count;
    struct lan_join join[LAN_JOINS_MAX];
    size_t join_count;
    struct addr_prefix own[LAN_INTERFACES_MAX]; /* our addresses */
    unsigned own_ifindex[LAN_INTERFACES_MAX];
    size_t own_count;
};

/** Computes them from the machine's addresses. A family is left out if its flag is false; with
 *  `mdns` its groups are joined, too. */
void lan_places_set(struct lan_places *p, const struct interface *list, size_t count, bool v4,
                    bool v6, bool mdns);
/** True for an address in one of our networks, or of any link. */
bool lan_places_has_neighbour(const struct lan_places *p, const struct addr *a);
/** True if we have an address in exactly this network, on `ifindex` unless that is 0. */
bool lan_places_has_network(const struct lan_places *p, const struct addr_prefix *network,
                            unsigned ifindex);
