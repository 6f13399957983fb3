/**
 * What the proxy is built with: adapters/browser_proxy.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "adapters/local_users.h"
#include "adapters/web_source.h"
#include "gateway/base/addr.h"
#include "gateway/node/node.h"
#include "gateway/node/pool.h"

#define PROXY_LISTEN_MAX 4
#define PROXY_CONNS_MAX  4096 /* at a time */

struct proxy_options {
    struct node *node;
    const struct local_users *users;      /* borrowed */
    const char *suffix;                   /* borrowed: "overlay" */
    struct addr listen[PROXY_LISTEN_MAX]; /* none from the end on */
    bool configured; /* a person chose them: a port that is taken is an error */
    /** Does this local address lead to the peer (ports_belongs_to())? */
    bool (*owns_port)(void *arg, const struct addr *at, const struct peer_id *peer);
    void *owns_arg;
    const struct pool *pool;      /* as in struct site */
    size_t conns_max;             /* 0: PROXY_CONNS_MAX */
    const struct web_source *web; /* what the status page shows; borrowed, NULL: nothing */
};
