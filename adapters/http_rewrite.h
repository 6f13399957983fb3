/**
 * Heads on their way through the proxy: what belongs to one hop alone goes, what the next hop must
 * know comes in, the rest stays as it was (RFC 9110 §7.6).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/wire/http_head.h"

#define REWRITE_VIA_MAX  32 /* bytes of our name in Via, with its NUL */
#define REWRITE_HOPS_MAX 8  /* gateways that a request may pass */

struct rewrite_request {
    const struct http_head *head;
    struct http_text target; /* in origin form; empty: "/" */
    struct http_text host;   /* in place of the Host field; empty: that one stays */
    const char *via;         /* our name: "overlay-abcdefgh" */
    bool upgrade;            /* it asks for another protocol, and may */
    bool secure;             /* it came by https, which X-Forwarded-Proto says */
};

/** Returns the new head, which the caller frees, and sets its length; NULL: no memory. */
char *rewrite_request(const struct rewrite_request *r, size_t *len);

struct rewrite_response {
    const struct http_head *head;
    bool close;      /* the connection to the client ends after it */
    bool keep_alive; /* say that it does not: for HTTP/1.0 clients */
    bool upgrade;    /* 101 */
    bool as_public;  /* Content-Security-Policy: treat-as-public-address */
};

char *rewrite_response(const struct rewrite_response *r, size_t *len);

/** The request asks to change the protocol of its connection. */
bool rewrite_wants_upgrade(const struct http_head *head);
/** The request came by here before, or has come by too many gateways. */
bool rewrite_is_loop(const struct http_head *head, const char *via);
