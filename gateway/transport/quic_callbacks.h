/**
 * What ngtcp2 tells a connection while it reads packets.
 */
#pragma once

#include "gateway/transport/quic_state.h"

extern const ngtcp2_callbacks quic_callbacks;

/** A random id that leads to the connection, and its reset token. Returns 0, -EEXIST, -ENOSPC or
 *  -ENOMEM. */
MUST_USE int quic_callbacks_new_id(struct quic_conn *conn, ngtcp2_cid *cid, uint8_t *token);
