/**
 * Is a request for the gateway's own pages, and from them?
 *
 * Every page in the visitor's browser can send requests here, and those of peers, below the same
 * `overlay.localhost`, are even of the same site. So the pages live at one name, which is no peer's
 * and no other port's: `http://overlay.localhost:7777`; a browser that says who asks
 * (Sec-Fetch-Site) must say that it is a page of this very origin or the visitor himself; an Origin
 * must be this one. What changes something needs all of that to be said, not only not contradicted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/wire/http_head.h"
#include "gateway/wire/http_host.h"

enum web_verdict {
    WEB_MAY,
    WEB_OTHER_NAME, /* of this gateway too: the pages are elsewhere */
    WEB_FOREIGN,    /* another page asks, or may be asking */
};

struct web_guard {
    const char *suffix; /* "overlay" */
    uint16_t port;      /* where the proxy listens */
};

/** May this request see the pages? `host` is its Host, which was found to be the gateway's own. */
enum web_verdict web_guard_read(const struct web_guard *g, const struct http_head *head,
                                const struct http_host *host);
/** May it change something, if its key is good? */
bool web_guard_change(const struct web_guard *g, const struct http_head *head,
                      const struct http_host *host);

#define WEB_ORIGIN_MAX (sizeof("http://.localhost:65535") + HTTP_HOST_MAX)
/** Writes "http://overlay.localhost:7777". Returns `out`. */
const char *web_origin(const struct web_guard *g, char out[static WEB_ORIGIN_MAX]);
