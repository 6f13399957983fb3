/**
 * Where connections to the addresses of peers lead: one target for each peer and port in use.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "adapters/farewell.h"
#include "adapters/local_users.h"
#include "gateway/base/list.h"
#include "gateway/node/node.h"
#include "gateway/node/pool.h"

struct pool_targets {
    struct node *node;
    const struct local_users *users; /* borrowed */
    const char *suffix;              /* borrowed */
    struct pool *pool;               /* borrowed */
    /** As in struct site. */
    bool (*owns_port)(void *arg, const struct addr *at, const struct peer_id *peer);
    void *owns_arg;
    struct farewells farewells;
    struct list targets;
};

/** Fill in the upper part first. */
void pool_targets_init(struct pool_targets *t);
/** Resets every connection. */
void pool_targets_deinit(struct pool_targets *t);

/** Takes an accepted socket, whose caller dialled `at`, an address of this peer. */
void pool_targets_take(struct pool_targets *t, struct sock *sock, const struct addr *from,
                       const struct addr *at, const struct peer_id *peer);
