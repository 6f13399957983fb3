/**
 * Datagrams that wait for room on a byte stream: at most so many bytes, and when there are more,
 * the oldest go. What their session does not hear of soon it sends anew, so that late ones are of
 * less use than none.
 *
 * Kept as they go out, each behind its header (gateway/wire/stream_frame.h). Zeroed it is empty and
 * has no memory.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define STREAM_QUEUE_MAX (256 * 1024) /* bytes, headers counted */

struct stream_queue {
    uint8_t *ring; /* STREAM_QUEUE_MAX bytes, or NULL */
    size_t at, len;
    uint64_t dropped; /* datagrams, of all time */
};

/** Adds a datagram of at most STREAM_DATAGRAM_MAX bytes; others, and all without memory, are
 *  dropped. */
void stream_queue_put(struct stream_queue *q, const uint8_t *data, size_t len);
/** Takes whole frames out, as many as fit; returns how many bytes they have. */
size_t stream_queue_take(struct stream_queue *q, uint8_t *out, size_t room);
/** Empties it. */
void stream_queue_free(struct stream_queue *q);
