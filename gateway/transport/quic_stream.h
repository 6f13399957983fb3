/**
 * Streams of a connection as pipes (gateway/base/pipe.h).
 *
 * What is written stays here, and is lent to ngtcp2, until the other side has acknowledged it; what
 * arrives stays here until it is consumed, and only then the other side may send more. An idle
 * stream holds no buffer. The object lives until the pipe was given back and ngtcp2 has closed the
 * stream, whichever comes last.
 */
#pragma once

#include "gateway/transport/quic_state.h"

/* ---- what ngtcp2 tells, called from its callbacks ---- */

/** The other side opened a stream. Returns NULL for want of memory. */
struct quic_stream *quic_stream_accept(struct quic_conn *conn, int64_t id);
/** Bytes arrived, in order. Returns 0 or -ENOMEM. */
MUST_USE int quic_stream_received(struct quic_stream *s, const uint8_t *data, size_t len, bool fin);
/** Everything up to `offset` was acknowledged; `len` 0 speaks of the end of data alone. */
void quic_stream_acked(struct quic_stream *s, uint64_t offset, uint64_t len);
/** The other side aborted what it sends. */
void quic_stream_aborted(struct quic_stream *s, uint64_t code);
/** ngtcp2 forgets the stream. */
void quic_stream_closed(struct quic_stream *s);
/** The other side's window has grown. */
void quic_stream_unblocked(struct quic_stream *s);

/* ---- for writing packets ---- */

/** The stream whose turn it is, or NULL. */
struct quic_stream *quic_stream_turn(struct quic_conn *conn);
/** Names the next bytes to send. Returns the number of areas; `*fin` if the end follows them. */
size_t quic_stream_next(const struct quic_stream *s, ngtcp2_vec area[static 2], bool *fin);
/** `len` of those were put into a packet, and the end of data if `fin`. */
void quic_stream_wrote(struct quic_stream *s, size_t len, bool fin);
/** The other side's window for this stream is full. */
void quic_stream_block(struct quic_stream *s);
/** The other side wants no more (STOP_SENDING): ngtcp2 has answered with a reset already. */
void quic_stream_stopped(struct quic_stream *s);

/* ---- for the connection and the endpoint ---- */

/** The session is lost. Calls no handler; events follow from quic_dispatch(). */
void quic_stream_lost(struct quic_stream *s);
/** Tells the pipe's owner what happened. */
void quic_stream_deliver(struct quic_stream *s);
/** The connection goes away and only the pipe's owner is left. Call quic_stream_lost() before. */
void quic_stream_orphan(struct quic_stream *s);
