/**
 * The real path below a connection: path probes, roaming, and foreign peers that send no probes.
 *
 * ngtcp2 sees one made-up pair of addresses, and transport/path_set.h decides where packets really
 * go. A peer that has not shown that it speaks our probes is foreign: ngtcp2 is told the true
 * source of its packets and validates a new one itself (RFC 9000 §9).
 */
#pragma once

#include "gateway/transport/quic_state.h"

/** Starts the path set, when the handshake has given keys. Without it the peer stays foreign. */
void quic_route_start(struct quic_conn *conn);
void quic_route_stop(struct quic_conn *conn);

/** A probe arrived over `path`. */
void quic_route_probe(struct quic_endpoint *ep, const struct path *path, const uint8_t *data,
                      size_t len);
/** Where ngtcp2 shall believe that a packet from `path` came from. False: ignore the packet. */
bool quic_route_in(struct quic_conn *conn, const struct path *path, ngtcp2_path *out,
                   struct addr *scratch);
/** A batch from `path` was read. */
void quic_route_heard(struct quic_conn *conn, const struct path *path);
/** True: ask ngtcp2 where each packet is to go. */
bool quic_route_is_foreign(const struct quic_conn *conn);
/** ngtcp2 wants a packet to go to `to`. */
struct path quic_route_out(const struct quic_conn *conn, const ngtcp2_path *to);

/** Writes the next probe. Returns its length, or 0. */
size_t quic_route_output(struct quic_conn *conn, struct path *to, uint8_t out[static PROBE_MAX]);
/** A packet of QUIC's was sent; the last one that may hold data is kept. */
void quic_route_sent(struct quic_conn *conn, const uint8_t *data, size_t len);
/** Writes that one if it is to be sent once more, over conn->path. Returns its length, or 0. */
size_t quic_route_again(struct quic_conn *conn, uint8_t out[static QUIC_PAYLOAD]);
/** Data of an application goes out or has come in; the path set is told once for all that was read
 *  or written together. */
static inline void quic_route_traffic(struct quic_conn *conn)
{
    conn->used = true;
}
/** Bytes that a packet may have now. */
size_t quic_route_payload(const struct quic_conn *conn);
/** The connection's turn to send is over: tells the path set whether an answer is awaited. */
void quic_route_waiting(struct quic_conn *conn);
