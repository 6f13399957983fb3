/**
 * Received datagrams, cut into runs of those that go to one taker together.
 *
 *     for (size_t at = 0; at < rx->len; at += run.len) {
 *         enum taker taker = run_at(rx, at, &run);
 */
#pragma once

#include "gateway/base/env.h"

/** Who gets a datagram. Those for QUIC and the relay go on in batches. */
enum taker { TAKE_QUIC, TAKE_RELAY, TAKE_STUN, TAKE_OTHER };

/** The run that begins at byte `at`, and whose it is. */
enum taker run_at(const struct udp_rx *rx, size_t at, struct udp_rx *run);
/** Is this the answer of a STUN server? Those come from where a person, or the way there, has sent
 *  us. */
bool run_is_stun_answer(enum taker taker, const struct udp_rx *run);
