/**
 * The URLs of a UPnP router: "http://192.168.1.1:5000/rootDesc.xml", an address and never a name.
 */
#pragma once

#include <stddef.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"

#define IGD_PATH_MAX 256 /* with its NUL */

struct igd_url {
    struct addr at;
    char path[IGD_PATH_MAX]; /* from '/' on, printable without spaces */
};

/**
 * Parses one. 0, or -EINVAL: malformed, not http, a name, too long; or not on `router`, whatever
 * its port. Nobody but our router is asked for ports of it, and no other host is talked to because
 * somebody on the network said so.
 */
MUST_USE int igd_url_parse(struct igd_url *out, const char *text, size_t len,
                           const struct addr *router);
