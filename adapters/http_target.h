/**
 * For which host a request to the proxy is, and for what there (RFC 9112 §3.2).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/wire/http_head.h"
#include "gateway/wire/http_host.h"

struct http_target {
    struct http_host host;
    uint16_t port;          /* wanted by CONNECT or an absolute target, 0: none */
    struct http_text path;  /* in origin form; may be empty */
    struct http_text named; /* absolute form: what Host must say; else empty */
    bool absolute;
};

/** Returns 0, or the HTTP status that says what is wrong: 400, or 501 for https. */
MUST_USE unsigned http_target_read(struct http_target *out, const struct http_head *head);
