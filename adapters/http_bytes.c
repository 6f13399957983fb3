#include "adapters/http_bytes.h"

#include <stdlib.h>
#include <string.h>

bool http_bytes_add(struct http_bytes *b, const void *data, size_t len)
{
    uint8_t *more = realloc(b->data, b->len + len);
    if (!more)
        return false;
    memcpy(more + b->len, data, len);
    b->data = more;
    b->len += len;
    return true;
}

void http_bytes_drop(struct http_bytes *b, size_t len)
{
    b->at += len;
    if (b->at < b->len)
        return;
    free(b->data);
    *b = (struct http_bytes){NULL, 0, 0};
}

bool http_bytes_make_room(struct http_bytes *b, size_t max)
{
    if (b->at > 0) {
        memmove(b->data, b->data + b->at, b->len - b->at);
        b->len -= b->at;
        b->at = 0;
    }
    uint8_t *data = realloc(b->data, max);
    if (data)
        b->data = data;
    return data && b->len < max;
}
