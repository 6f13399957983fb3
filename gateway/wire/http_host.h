/**
 * Who an HTTP message is for: Host fields, origins and absolute targets (RFC 9110 §4.2, §7.2,
 * RFC 6454).
 *
 * Only what browsers and honest clients write: no user info, no percent-encoded hosts, IPv4 as four
 * decimal numbers. Anything else is no host, so that nothing can look like one of ours to us and
 * like another to somebody else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/wire/http_head.h"

#define HTTP_HOST_MAX 254 /* characters: a host name with its final dot */

struct http_host {
    char name[HTTP_HOST_MAX + 1]; /* lower case; an IPv6 address without its brackets */
    bool is_ip;
    struct addr ip; /* with `port`, if is_ip */
    uint16_t port;  /* 0: none was written */
};

/** Reads `host[:port]`. Returns 0 or -EINVAL. */
MUST_USE int http_host_read(struct http_host *out, struct http_text text);

/** 127.0.0.0/8, ::1, or the name `localhost`. */
bool http_host_is_loopback(const struct http_host *host);

struct http_url {
    bool https;
    struct http_host host;
    struct http_text path; /* from the first '/' or '?' on; empty if there is none */
};

/** Reads `http://host[:port][/path..]`, also https, ws and wss. Returns 0 or -EINVAL. */
MUST_USE int http_url_read(struct http_url *out, struct http_text text);
/** Reads an Origin: a URL without path. "null" and other schemes are -EINVAL. */
MUST_USE int http_origin_read(struct http_url *out, struct http_text text);
