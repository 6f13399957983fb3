/**
 * Is this HTTP request really meant for this peer?
 *
 * A web page of somebody else can make the visitor's browser send requests to any port of this
 * machine (DNS rebinding, blind cross-site requests). Such requests carry the stranger's name in
 * Host, or the stranger's origin. So Host must be one of the peer's names, a loopback address or
 * `localhost`, and an Origin, if there is one, must be of the same peer.
 *
 * Images, scripts, frames and simple fetches carry no Origin, but the visitor's cookies: to a
 * browser all peers below `overlay.localhost` are one site, and all ports of 127.0.0.1 another, so
 * that not even SameSite=Strict keeps one peer's page from using what another peer's cookies open.
 * So what the browser says is not asked for by the same origin or the visitor himself
 * (Sec-Fetch-Site) must come from the same peer, by its Origin or Referer, or be a link that was
 * followed. Browsers say it for addresses of loopback and `.localhost`; for others a peer is a site
 * of its own, and SameSite is enough.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapters/pages.h"
#include "gateway/base/attr.h"
#include "gateway/node/node.h"
#include "gateway/node/pool.h"
#include "gateway/wire/http_head.h"
#include "gateway/wire/http_host.h"

#define SITE_WHY_MAX 400

#define SITE_REFUSAL_MAX 64 /* bytes that a refusal adds to what site_check() says */

struct site {
    struct node *node;
    const char *suffix; /* "overlay" */
    struct peer_id peer;
    /** Does this local address lead to the peer? Loopback origins are told apart by it. */
    bool (*owns_port)(void *arg, const struct addr *at, const struct peer_id *peer);
    void *arg;
    const struct pool *pool; /* addresses of peers on this machine, or NULL: they have none */
};

/**
 * 0, or -EACCES and a sentence for people in `why`. Looks at the target where it names a host, at
 * every Host and at whose page asks.
 */
MUST_USE int site_check(const struct site *s, const struct http_head *head,
                        char why[static SITE_WHY_MAX]);

/** Is this host name, or address of the pool, with any port, the peer's? */
bool site_has_name(const struct site *s, const struct http_host *host);
/** Checks only whose page asks, as site_check() does. */
MUST_USE int site_check_asker(const struct site *s, const struct http_head *head,
                              char why[static SITE_WHY_MAX]);

/** The page for a request that site_check() refused; `text` is where its words are kept. */
struct page site_refusal(const char *why, char text[static SITE_WHY_MAX + SITE_REFUSAL_MAX]);
