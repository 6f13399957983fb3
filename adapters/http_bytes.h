/**
 * Bytes on their way through the proxy, in one piece: written in at the end, read out at the front.
 *
 * Heap, and none while empty. Zeroed it is empty; free `data` at the end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"

struct http_bytes {
    uint8_t *data;
    size_t at, len; /* data[at] .. data[len - 1] are to go */
};

/** Adds to bytes, which are copied. False: no memory. */
MUST_USE bool http_bytes_add(struct http_bytes *b, const void *data, size_t len);
/** Drops the first `len` bytes. */
void http_bytes_drop(struct http_bytes *b, size_t len);
/** Makes room for `max` bytes in all, of which the first `len` are there. False: they are full, or
 *  there is no memory. */
MUST_USE bool http_bytes_make_room(struct http_bytes *b, size_t max);
