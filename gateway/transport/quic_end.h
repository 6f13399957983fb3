/**
 * How connections end, who is told, and their afterlife as shells (RFC 9000 §10.2): for three probe
 * timeouts late packets are swallowed, or answered by the CONNECTION_CLOSE again.
 *
 * Nothing is freed while packets are read: shells go when their timer fires, after the owner was
 * told.
 */
#pragma once

#include "gateway/transport/quic_state.h"

/** ngtcp2 reported `err`. */
void quic_end_failed(struct quic_conn *conn, int err);
/** on_identity() said no. */
void quic_end_refuse(struct quic_conn *conn);
/** quic_memory_is_too_much() said yes. */
void quic_end_greedy(struct quic_conn *conn);

/** A packet for a shell arrived. */
void quic_end_heard(struct quic_conn *conn, const struct path *path);
/** A shell's time is over. */
void quic_end_expired(struct quic_conn *conn);
/** Fills `tx` with a shell's CONNECTION_CLOSE. False: none is due. */
bool quic_end_farewell(struct quic_conn *conn, struct quic_tx *tx);

/** Tells the owner of the end, if that is due; frees what nobody waits for. */
void quic_end_deliver(struct quic_conn *conn);
/** Frees a connection in whatever state, silently. */
void quic_end_free(struct quic_conn *conn);
