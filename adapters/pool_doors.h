/**
 * The way in for local programs that dial the address of a peer (gateway/node/pool.h).
 *
 * Connections come by a redirection of the packet filter, by sockets for port 80 and 443 that
 * systemd passes, and by listeners at the addresses themselves (adapters/pool_ports.h); all of them
 * are bound to the loopback device. On port 80 the proxy serves every peer by its names, on others
 * the connection goes to the service of that port. Who dials an address that is nobody's is reset.
 *
 * What the packet filter does is found out by connections to the gateway's own address: they come
 * in here, or not.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "adapters/browser_proxy.h"
#include "adapters/local_users.h"
#include "gateway/base/attr.h"
#include "gateway/node/node.h"
#include "gateway/node/pool.h"

struct pool_doors;

struct pool_doors_options {
    struct node *node;
    const struct local_users *users; /* borrowed */
    const char *suffix;              /* borrowed */
    struct pool *pool;               /* borrowed */
    struct proxy *proxy;             /* borrowed */
    uint16_t redirect_port;
    /** As in struct site. */
    bool (*owns_port)(void *arg, const struct addr *at, const struct peer_id *peer);
    void *owns_arg;
};

/** Opens what it can; what it cannot is said in the log. -ENOMEM. */
MUST_USE int pool_doors_new(struct pool_doors **out, const struct pool_doors_options *options);
/** Resets every connection. */
void pool_doors_free(struct pool_doors *d);

/** Something about this machine's network has changed, or is said to have. */
void pool_doors_look(struct pool_doors *d);
/** Something about a peer has changed: its session, its services. */
void pool_doors_peer(struct pool_doors *d, const struct peer_id *peer);

/** Ports that others hold, which only a redirection would serve; as pool_ports_conflicts(). */
size_t pool_doors_conflicts(const struct pool_doors *d, enum service_proto proto, uint16_t *out,
                            size_t max);
/** Is https served at port 443 of the peer's address by us, and not by the peer itself? */
bool pool_doors_https(struct pool_doors *d, const struct peer_id *peer);
/** Does the packet filter lead all connections for the pool to us? */
bool pool_doors_redirected(const struct pool_doors *d);
