#include "gateway/wire/stream_queue.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/wire/stream_frame.h"

static size_t position(const struct stream_queue *q, size_t offset)
{
    return (q->at + offset) % STREAM_QUEUE_MAX;
}

static void append(struct stream_queue *q, const uint8_t *data, size_t len)
{
    size_t end = position(q, q->len), first = STREAM_QUEUE_MAX - end;

    first = first < len ? first : len;
    memcpy(q->ring + end, data, first);
    memcpy(q->ring, data + first, len - first);
    q->len += len;
}

static void remove_first(struct stream_queue *q, size_t len)
{
    q->at = position(q, len);
    q->len -= len;
}

/* Bytes of the frame that begins at an offset, where there must be one. */
static size_t frame_at(const struct stream_queue *q, size_t offset)
{
    unsigned high = q->ring[position(q, offset)], low = q->ring[position(q, offset + 1)];
    return STREAM_FRAME_HEADER + (high << 8 | low);
}

void stream_queue_put(struct stream_queue *q, const uint8_t *data, size_t len)
{
    uint8_t header[STREAM_FRAME_HEADER];

    if (!q->ring)
        q->ring = malloc(STREAM_QUEUE_MAX);
    if (!q->ring || len == 0 || len > STREAM_DATAGRAM_MAX) {
        q->dropped++;
        return;
    }
    while (q->len + sizeof(header) + len > STREAM_QUEUE_MAX) {
        remove_first(q, frame_at(q, 0));
        q->dropped++;
    }
    stream_frame_write(header, len);
    append(q, header, sizeof(header));
    append(q, data, len);
}

size_t stream_queue_take(struct stream_queue *q, uint8_t *out, size_t room)
{
    size_t len = 0;

    while (len < q->len && len + frame_at(q, len) <= room)
        len += frame_at(q, len);
    size_t first = STREAM_QUEUE_MAX - q->at;
    first = first < len ? first : len;
    if (len > 0) {
        memcpy(out, q->ring + q->at, first);
        memcpy(out + first, q->ring, len - first);
        remove_first(q, len);
    }
    return len;
}

void stream_queue_free(struct stream_queue *q)
{
    free(q->ring);
    *q = (struct stream_queue){.dropped = q->dropped};
}
