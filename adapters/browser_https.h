/**
 * https at the proxy's port and wherever else it is given connections: TLS for the names of peers
 * (adapters/https_names.h), and inside it the same proxy with the same guards.
 *
 * A connection stays with the peer whose certificate it got. The service behind sees plain HTTP
 * and, in X-Forwarded-Proto, that the browser's was not. HTTP/1.1 only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapters/proxy_route.h"
#include "adapters/proxy_state.h"
#include "gateway/base/attr.h"
#include "gateway/crypto/local_ca.h"

#define TLS_FIRST_BYTE 0x16 /* RFC 8446 §5.1: a record of type handshake */

struct https;

/** Serves what is within TLS; takes the socket, which is of the other proxy's environment. */
typedef void https_serve(struct proxy *secure, struct sock *sock, const struct peer_id *only,
                         bool proxied);

/** `ca` is borrowed, and of the proxy's suffix. Returns 0 or -ENOMEM. */
MUST_USE int https_new(struct https **out, struct proxy *proxy, const struct local_ca *ca,
                       https_serve *serve);
/** Resets its connections. */
void https_free(struct https *h);
/** Takes a connection whose first bytes were read. `only` is as in struct proxy_conn. */
void https_start(struct https *h, struct sock *sock, const struct peer_id *only,
                 const uint8_t *data, size_t len);
/** The same for one that came through a tunnel of ours: CONNECT or SOCKS. */
void https_start_proxied(struct https *h, struct sock *sock, const uint8_t *data, size_t len);
/** Is a tunnel to where the route leads (or should: `result`) to end here? So is one to port 443 of
 *  a name of ours, unless the peer shares that port and does TLS itself. What else is wrong with
 *  the route, a page within says. `h` may be NULL. */
bool https_takes(struct https *h, const struct route *r, enum route_result result);
