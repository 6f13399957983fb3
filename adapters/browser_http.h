/**
 * HTTP/1.1 at the proxy's port: requests are routed by their Host, each on its own.
 *
 * `web.alice.overlay.localhost` and `web.alice.overlay` mean a service of a peer, the peer's bare
 * name its default one. Absolute-form requests and CONNECT are served for clients that use this as
 * a proxy; Host goes on unchanged; WebSocket and other upgrades become tunnels; what goes wrong is
 * a small page that says so. Only names under the suffix are served.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "adapters/proxy_state.h"

/** Takes a socket whose first `len` bytes were read already. `only` is as in struct proxy_conn. */
void browser_http_start(struct proxy *p, struct sock *sock, const struct peer_id *only,
                        const uint8_t *data, size_t len);

/** The same for one within TLS, `p` being a proxy of such, and `only` whose certificate it got.
 *  `proxied`: the browser has us as its proxy. */
void browser_http_start_secure(struct proxy *p, struct sock *sock, const struct peer_id *only,
                               bool proxied);
