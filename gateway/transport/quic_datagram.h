/**
 * Application datagrams (RFC 9221): a short queue on the way out, a pile on the way in that
 * quic_dispatch() clears. Both drop what does not fit, and the queue drops what has waited in it
 * too long: what arrives late is worse than lost, since the next ones wait for it.
 */
#pragma once

#include "gateway/transport/quic_state.h"

/** The next one to send, or NULL. Its bytes are those from `from` to `to`. */
const struct quic_chunk *quic_datagram_next(struct quic_conn *conn);
/** It was sent, or never will be. */
void quic_datagram_pop(struct quic_conn *conn);
void quic_datagram_clear(struct quic_conn *conn);

/** Keeps one that arrived for quic_dispatch(). */
void quic_datagram_received(struct quic_conn *conn, const uint8_t *data, size_t len);
/** Gives all that arrived to their handler. */
void quic_datagram_deliver(struct quic_endpoint *ep);
