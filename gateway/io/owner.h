/**
 * Which local user a connection comes from, asked of the kernel (NETLINK_SOCK_DIAG).
 *
 * Each question is one message and one answer, synchronous, a few microseconds. Only sockets with
 * an owner that still holds them count: one that was closed shows uid 0, which would let anybody
 * in.
 */
#pragma once

#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"

struct owner {
    int fd; /* 0 and below: not open; opened by the first question */
    uint32_t sequence;
};

/** As env_owner_of_tcp(). Zero the struct before the first use. */
MUST_USE int owner_of_tcp(struct owner *o, const struct addr *client, const struct addr *server,
                          uint32_t *uid);
/** As env_owner_of_udp(). */
MUST_USE int owner_of_udp(struct owner *o, const struct addr *client, const struct addr *server,
                          uint32_t *uid);
void owner_deinit(struct owner *o);
