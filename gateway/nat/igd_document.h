/**
 * Reads a router's UPnP description: where it takes orders, and in which dialect.
 *
 * libminiupnpc knows what routers write (relative URLs, URLBase, PPP beside IP); what it found is
 * checked here. Only its parsers are used: its sockets take answers of any length from any host for
 * any time, and block.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/nat/igd_url.h"

#define IGD_TYPE_MAX 80 /* with its NUL */

struct igd_service {
    struct igd_url control;
    char type[IGD_TYPE_MAX]; /* "urn:schemas-upnp-org:service:WANIPConnection:1" */
    bool any_port;           /* IGD 2: the router can choose another port (AddAnyPortMapping) */
};

/** `from` is where the description came from. Returns 0, or -EBADMSG: no service for port mappings,
 *  or none on our router. */
MUST_USE int igd_document_read(struct igd_service *out, const uint8_t *xml, size_t len,
                               const struct igd_url *from);
