/**
 * A connection's birth and life: dialling, answering, reading packets, time.
 */
#pragma once

#include "gateway/transport/quic_state.h"

/** What the door found out about a caller that it lets in. */
struct quic_caller {
    const struct path *path;
    const ngtcp2_pkt_hd *hd;
    const ngtcp2_cid *original; /* its first destination id, if it comes back after a Retry */
};

/** Answers a caller. Returns NULL for want of memory. */
struct quic_conn *quic_conn_accept(struct quic_endpoint *ep, const struct quic_caller *caller);

/** Reads one packet; the connection may end by it. */
void quic_conn_read(struct quic_conn *conn, const struct path *path, const uint8_t *data,
                    size_t len);
/** The timer is due. For a shell, that frees it. */
void quic_conn_expired(struct quic_conn *conn);
