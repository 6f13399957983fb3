/**
 * Where datagrams really go: one route below the virtual path that QUIC sees.
 *
 * A value: copy it, compare it. `kind` tells the hub what carries it, `via` which one of ours:
 *
 *     PATH_UDP    straight over a UDP socket: 0 the main one of remote's family, else one more that
 *                 was opened to punch through a NAT
 *     PATH_TCP    datagrams framed on a TCP or TLS connection to the peer
 *     PATH_RELAY  a circuit of a gateway that relays
 *     PATH_TURN   an allocation on a TURN server; `remote` is the peer's address as it sees it
 *
 * Where a path has no address of the other side (PATH_RELAY), `remote` is path_synthetic(): unique
 * for what carries it, never sent to, and good for tables and limits that go by address.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/addr.h"

enum path_kind {
    PATH_NONE,
    PATH_UDP,
    PATH_TCP,
    PATH_RELAY,
    PATH_TURN,
    PATH_KINDS, /* how many there are */
};

struct path {
    enum path_kind kind;
    uint32_t via; /* which socket, connection, circuit or allocation; 0 for the main UDP sockets */
    struct addr remote;
    struct addr local; /* source to answer from, or none: the kernel's choice. No part of identity:
                          a host with two addresses must answer from the one that was dialled. */
};

static inline bool path_equal(const struct path *a, const struct path *b)
{
    return a->kind == b->kind && a->via == b->via && addr_equal(&a->remote, &b->remote);
}

/** Does it lead to the peer with nobody between who forwards? */
static inline bool path_is_direct(const struct path *p)
{
    return p->kind == PATH_UDP || p->kind == PATH_TCP;
}

/** The address that stands for circuit `via`: in fd6f:7665::/32 (RFC 4193), which is ours. Each has
 *  a /64 of its own, as hosts of the internet have, for limits that go by that. */
static inline struct addr path_synthetic(enum path_kind kind, uint32_t via)
{
    const uint8_t ip[16] = {0xfd,
                            0x6f,
                            0x76,
                            0x65,
                            (uint8_t)(via >> 24),
                            (uint8_t)(via >> 16),
                            (uint8_t)(via >> 8),
                            (uint8_t)via,
                            (uint8_t)kind,
                            0,
                            0,
                            0,
                            0,
                            0,
                            0,
                            1};
    return addr_v6(ip, 1, 0);
}
