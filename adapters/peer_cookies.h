/**
 * Keeps a peer's cookies with that peer, where an answer of its service would spread them.
 *
 * `Set-Cookie: ..; Domain=overlay.localhost` from web.alice.overlay.localhost would go to every
 * peer: a browser takes overlay.localhost for somebody's domain, though it is nobody's, as `com`
 * is. So such a cookie is dropped, as browsers do with one for `com`. Cookies that scripts set do
 * not pass by here.
 */
#pragma once

#include "adapters/site.h"
#include "gateway/wire/http_head.h"

/** Takes out of an answer's head the cookies for a domain that is not one of the peer's names. */
void peer_cookies_keep(const struct site *s, struct http_head *head);
