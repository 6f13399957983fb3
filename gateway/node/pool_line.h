/**
 * One peer of the pool as a line of text: id, address, and the services it was last seen with.
 *
 *     ybndrfg8ejkmcpqxot1uwisza345h769ybndrfg8ejkmcpqxot1y 198.19.23.7 t22 b7000
 * `t` is TCP, `u` UDP, `b` both.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/identity/peer_id.h"

#define POOL_SERVICES_MAX 32
#define POOL_LINE_MAX     320 /* characters, with the newline and a NUL */

struct pool_service {
    uint16_t port;
    uint8_t proto; /* enum service_proto */
};

struct pool_line {
    struct peer_id peer;
    uint8_t ip[4];
    struct pool_service service[POOL_SERVICES_MAX];
    size_t count;
};

/** Reads a line without its newline. Returns 0 or -EBADMSG. */
MUST_USE int pool_line_read(struct pool_line *out, const char *text, size_t len);
/** Writes a line with its newline and a NUL. Returns its length. */
size_t pool_line_write(const struct pool_line *line, char out[static POOL_LINE_MAX]);
