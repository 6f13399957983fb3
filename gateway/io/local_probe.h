/**
 * Questions to this machine that a program without a loop asks and waits for, a few seconds each:
 * what a name is for programs, what a server answers.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"

/** Looks a name up by getaddrinfo(3), in a process of its own that is killed in time. Sets the
 * first IPv4 address. 0; -ENOENT: there is no such name; -ETIMEDOUT; -EAGAIN: it could not be found
 * out. */
MUST_USE int local_probe_lookup(const char *name, struct addr *out);
/** Sends a datagram and waits for one back from there. Its length, or -ETIMEDOUT, .. */
MUST_USE int local_probe_ask(const struct addr *server, const uint8_t *query, size_t len,
                             uint8_t *answer, size_t max);
/** GETs a path. Returns the status code of the answer, or an errno. */
MUST_USE int local_probe_http(const struct addr *server, const char *path);
