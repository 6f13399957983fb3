/**
 * One connection of a local program to a service of a peer: from accept to the end of its pump.
 *
 * Who calls is checked first. If there is no session to the peer, one is asked for and the client
 * waits; then a stream is opened at once, before the client has said anything, so that protocols in
 * which the server speaks first do not wait either. Whatever goes wrong is a reset to the client.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "adapters/farewell.h"
#include "adapters/local_users.h"
#include "adapters/site.h"
#include "gateway/base/list.h"
#include "gateway/node/node.h"

/** Where the connections of one local port lead. Its owner keeps it longer than they live. */
struct conn_target {
    struct node *node;
    const struct local_users *users;
    struct farewells *farewells;
    struct site site; /* the peer, and what is its own */
    struct preamble what;
    bool raw;          /* the peer said: no HTTP guard; asked again when its list is here */
    struct list conns; /* list_init() it */
    uint64_t connections, to_far, from_far;
};

/** Takes an accepted socket; `local` is the address it was accepted on. */
void conn_accept(struct conn_target *t, struct sock *sock, const struct addr *from,
                 const struct addr *local);
/** Resets all of a target's connections. */
void conn_abort_all(struct conn_target *t);
