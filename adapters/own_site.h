/**
 * What the proxy's port serves by itself: the status page at `http://overlay.localhost:7777/`, and
 * /proxy.pac.
 *
 *     GET  /              the page, with /status.css, /parts.js, /status.js and /icon.svg
 *     GET  /events        what goes on, as server-sent events (adapters/web_stream.h)
 *     POST /enter         a link's key in X-Overlay-Key, for one that lasts
 *     POST /act           what the owner asks for, as JSON, with that key
 *     GET  /proxy.pac     by any name of this machine
 *     GET  /localhost-check   by a loopback address (adapters/check_site.h)
 *
 * Who only looks needs no key, and sees no codes of invites. adapters/web_guard.h says who may ask.
 */
#pragma once

#include "adapters/http_conn.h"
#include "adapters/http_target.h"

/** Is the request for the gateway itself: a loopback address, localhost, the bare suffix, or the
 *  reserved name (adapters/check_site.h)? */
bool own_site_is(const struct http_conn *c, const struct http_target *target);
/** Answers it. Comes again by own_site_go_on() while the body is not all here. */
enum http_step own_site_serve(struct http_conn *c, const struct http_head *head,
                              const struct http_target *target);
enum http_step own_site_go_on(struct http_conn *c);
