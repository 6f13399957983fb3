/**
 * Where datagrams really go: one route below the virtual path that QUIC sees.
 *
 * A value: copy it, compare it. `kind` tells the hub which socket or relay carries it. Relay and
 * TCP paths join later with their own kinds; nothing above compares more than path_equal().
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/addr.h"

enum path_kind {
    PATH_NONE,
    PATH_UDP, /* straight over our UDP socket of remote's family */
};

struct path {
    enum path_kind kind;
    struct addr remote;
    struct addr local; /* source to answer from, or none: the kernel's choice. No part of identity:
                          a host with two addresses must answer from the one that was dialled. */
};

static inline bool path_equal(const struct path *a, const struct path *b)
{
    return a->kind == b->kind && addr_equal(&a->remote, &b->remote);
}
