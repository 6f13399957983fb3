/**
 * Callers by where they come from, and how many handshakes are under way with them.
 *
 * Addresses share a street by chance, as there are QUIC_STREETS in all: what is too much for one
 * address is too much for its street. IPv6 hands out addresses by /64, so that is one caller.
 */
#pragma once

#include "gateway/transport/quic_state.h"

/** The street of an address: below QUIC_STREETS. */
uint8_t quic_street_of(const struct quic_endpoint *ep, const struct addr *from);
/** A caller's handshake begins, at its path's remote address. */
void quic_street_enter(struct quic_conn *conn);
/** It is over: done, or failed. For others than callers nothing happens. */
void quic_street_leave(struct quic_conn *conn);
