/**
 * Is this HTTP request really meant for this peer?
 *
 * A web page of somebody else can make the visitor's browser send requests to any port of this
 * machine (DNS rebinding, blind cross-site requests). Such requests carry the stranger's name in
 * Host, or the stranger's origin. So Host must be one of the peer's names, a loopback address or
 * `localhost`, and an Origin, if there is one, must be of the same peer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/node/node.h"
#include "gateway/wire/http_head.h"
#include "gateway/wire/http_host.h"

#define SITE_WHY_MAX 400

struct site {
    struct node *node;
    const char *suffix; /* "overlay" */
    struct peer_id peer;
    /** Does this local port lead to the peer? Loopback origins are told apart by it. */
    bool (*owns_port)(void *arg, uint16_t port, const struct peer_id *peer);
    void *arg;
};

/**
 * 0, or -EACCES and a sentence for people in `why`. Looks at the target where it names a host, at
 * every Host and at every Origin.
 */
MUST_USE int site_check(const struct site *s, const struct http_head *head,
                        char why[static SITE_WHY_MAX]);

/** Is this host name, with any port, one of the peer's? */
bool site_has_name(const struct site *s, const struct http_host *host);
/** Checks the Origin fields alone, as site_check() does. */
MUST_USE int site_check_origin(const struct site *s, const struct http_head *head,
                               char why[static SITE_WHY_MAX]);
