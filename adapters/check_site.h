/**
 * The page at `http://localhost-check.overlay/`, which tells its reader how far this browser, by
 * this way, keeps a peer's page away from servers of his own machine.
 *
 * It is served as a peer's would be, by every way that leads to peers: the proxy's names, requests
 * to a proxy (with `treat-as-public-address`), and port 80 of an address in the pool. From there it
 * asks for a text at the proxy's own port on loopback that anybody may read: what it gets of that,
 * a peer's page gets of any careless server.
 *
 *     GET  /                  at that name: the page, with /check.js, /where.js, /status.css,
 * /icon.svg GET  /localhost-check   at 127.0.0.1:7777: the text, the only one of ours for other
 * sites
 *
 * Nothing else is at that name. A peer that had it as its alias from before keeps it.
 */
#pragma once

#include "adapters/http_conn.h"
#include "adapters/http_target.h"

#define CHECK_SITE_PATH "/localhost-check"

/** Is the request for that page? Not from a connection that is one peer's. */
bool check_site_is(const struct http_conn *c, const struct http_target *target);
/** Answers it. */
enum http_step check_site_serve(struct http_conn *c, const struct http_head *head,
                                const struct http_target *target);
/** The text that the page asks for. */
enum http_step check_site_answer(struct http_conn *c, const struct http_head *head);
