/**
 * What ngtcp2 takes from the heap for a connection, counted and bounded.
 *
 * The windows bound the bytes that the other side may send, not what it costs to keep them while
 * those before them are missing: single bytes with gaps between them cost ngtcp2 1.11 some fifty
 * times as much, and one on each stream eight KiB. A connection that takes too much is ended.
 */
#pragma once

#include <stdbool.h>

#include "gateway/transport/quic_state.h"

/** Begins to count. Returns the allocator for ngtcp2, which lives as long as the connection. */
const ngtcp2_mem *quic_memory_count(struct quic_conn *conn);
/** It takes more than its part. Ask after each packet that was read: one adds a few MiB at most. */
bool quic_memory_is_too_much(const struct quic_conn *conn);
