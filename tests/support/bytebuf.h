/**
 * A growing queue of bytes for tests. Running out of memory ends the test.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct bytebuf {
    uint8_t *data;
    size_t len, room;
};

static inline void bytebuf_put(struct bytebuf *b, const void *data, size_t len)
{
    if (b->len + len > b->room) {
        b->room = (b->len + len) * 2;
        b->data = realloc(b->data, b->room);
        if (!b->data)
            abort();
    }
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
}

/** Takes up to `max` bytes from the front. Returns how many. */
static inline size_t bytebuf_take(struct bytebuf *b, void *out, size_t max)
{
    size_t n = b->len < max ? b->len : max;
    if (n == 0)
        return 0;
    memcpy(out, b->data, n);
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
    return n;
}

static inline void bytebuf_free(struct bytebuf *b)
{
    free(b->data);
    *b = (struct bytebuf){0};
}
