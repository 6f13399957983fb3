/**
 * The proxy for browsers: one port that speaks HTTP, SOCKS5 and, with an authority to prove the
 * names, https (the first byte tells), on 127.0.0.1 and ::1, for everything under the suffix and
 * nothing else.
 *
 * `http://web.alice.overlay.localhost:7777/` is routed by its Host (adapters/browser_http.h), and
 * needs no set-up in the browser. As a configured proxy it takes absolute-form requests, CONNECT,
 * SOCKS5 with remote names (adapters/browser_socks5.h), and serves /proxy.pac. The guards of local
 * ports hold here too: same user, and no page of one site may ask another.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapters/proxy_options.h"
#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/crypto/local_ca.h"
#include "gateway/identity/peer_id.h"

struct proxy;

/**
 * Listens. Defaults that are taken give way to the next port that is free on all of them. On error
 * (-EADDRINUSE, -EACCES, ...) `why` has a line for people.
 */
MUST_USE int proxy_new(struct proxy **out, const struct proxy_options *options, char *why,
                       size_t why_len);
/** Resets every connection. */
void proxy_free(struct proxy *p);
/**
 * From now on https with certificates of this authority, whose suffix is the proxy's; it is
 * borrowed until the next call. NULL: no https. Connections by the one before are reset. Returns 0
 * or -ENOMEM: no https.
 */
MUST_USE int proxy_set_https(struct proxy *p, const struct local_ca *ca);
bool proxy_has_https(const struct proxy *p);
/**
 * Takes a connection that was accepted elsewhere, whose caller dialled `at`. With `only` it speaks
 * HTTP or https and is for that peer alone: other hosts are refused.
 */
void proxy_take(struct proxy *p, struct sock *sock, const struct addr *from, const struct addr *at,
                const struct peer_id *only);
/** Where it listens: at most `max`. Returns how many. */
size_t proxy_listens(const struct proxy *p, struct addr *out, size_t max);
/** The port of all of them, for URLs. */
uint16_t proxy_port(const struct proxy *p);

#define PROXY_LINK_MAX 400
/** Writes a link to the status page that lets who opens it, once, do more than look. */
void proxy_web_link(struct proxy *p, char out[static PROXY_LINK_MAX]);
