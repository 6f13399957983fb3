/**
 * Finding the connection that a datagram belongs to: by connection id, by the token of a probe, by
 * where it came from (a stateless reset carries no id of ours, RFC 9000 §10.3).
 */
#pragma once

#include "gateway/transport/quic_state.h"

void quic_table_init(struct quic_endpoint *ep);
void quic_table_deinit(struct quic_endpoint *ep);

/** Adds an id of the connection. Returns 0, -EEXIST, -ENOSPC (too many) or -ENOMEM. */
MUST_USE int quic_table_add_id(struct quic_conn *conn, const uint8_t *data, size_t len);
void quic_table_remove_id(struct quic_conn *conn, const uint8_t *data, size_t len);
/** Returns NULL when it is nobody's. */
struct quic_conn *quic_table_find_id(const struct quic_endpoint *ep, const uint8_t *data,
                                     size_t len);

/** Makes conn->token findable. Returns 0, -EEXIST or -ENOMEM. */
MUST_USE int quic_table_add_token(struct quic_conn *conn);
struct quic_conn *quic_table_find_token(const struct quic_endpoint *ep, uint64_t token);

/** Notes that conn->path changed. Without memory it is not found by address, which costs time. */
void quic_table_moved(struct quic_conn *conn);
/** One of the live connections at an address, or NULL; walk the others with next. */
struct quic_conn *quic_table_find_address(const struct quic_endpoint *ep, const struct addr *from);
/** The next one at the same address; `first` again after the last. */
struct quic_conn *quic_table_neighbour(struct quic_conn *conn);

/** Takes the token and the address away, as at a connection's end. */
void quic_table_forget_paths(struct quic_conn *conn);
/** Takes everything away. */
void quic_table_forget(struct quic_conn *conn);
