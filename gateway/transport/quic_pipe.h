/**
 * The owner's side of a stream: struct pipe_ops, and what they share with quic_stream.
 */
#pragma once

#include "gateway/transport/quic_state.h"

/** Returns a stream that is its owner's, known to nobody else yet, or NULL. */
struct quic_stream *quic_pipe_new(struct quic_conn *conn);
/** Frees it unless a handler of it is running; then quic_stream_deliver() does. */
void quic_pipe_free(struct quic_stream *s);

/** Puts it in line to send. */
void quic_pipe_activate(struct quic_stream *s);
/** Lets the other side send `len` bytes more, on the stream and in sum. */
void quic_pipe_credit(struct quic_stream *s, size_t len);
/** Drops what was written. Only for a stream that ngtcp2 sends no data of any more: one that was
 *  reset or closed, since then it does not look at the pieces lent to it. */
void quic_pipe_clear_tx(struct quic_stream *s);
/** Drops what was received and not consumed; others may send as much instead. */
void quic_pipe_clear_rx(struct quic_stream *s);

/** How many bytes may be written now. */
size_t quic_pipe_room(const struct quic_stream *s);
/** There is enough room again to tell the writer. */
bool quic_pipe_worth_waking(const struct quic_stream *s);
