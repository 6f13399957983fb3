/**
 * Packets that belong to no connection: who may come in, and what others are told.
 *
 * Nothing here keeps state for a stranger. Above QUIC_DOOR_HALF_OPEN handshakes under way, or
 * QUIC_DOOR_RATE a second from one address, a caller must first show that it receives where it says
 * it is (Retry, RFC 9000 §8.1.2). Every answer is shorter than three times the question.
 */
#pragma once

#include "gateway/transport/quic_state.h"

#define QUIC_DOOR_HALF_OPEN     32
#define QUIC_DOOR_HALF_OPEN_MAX 256 /* with Retry: beyond, callers are not heard */
#define QUIC_DOOR_HALF_OPEN_OF  64  /* the same for those from one address */
#define QUIC_DOOR_RATE          20
#define QUIC_DOOR_BURST         20

void quic_door_init(struct quic_endpoint *ep);
void quic_door_deinit(struct quic_endpoint *ep);

/** A long header packet of a version that we do not speak. */
void quic_door_versions(struct quic_endpoint *ep, const struct path *path,
                        const ngtcp2_version_cid *ids);
/** A long header packet: a connection for it when it may come in, else NULL. */
struct quic_conn *quic_door_knock(struct quic_endpoint *ep, const struct path *path,
                                  const uint8_t *data, size_t len);
/** A short header packet of a session that we know nothing of (any more): stateless reset. */
void quic_door_reset(struct quic_endpoint *ep, const struct path *path,
                     const ngtcp2_version_cid *ids, size_t len);

/** Fills `tx` with the next answer. False: none. */
bool quic_door_output(struct quic_endpoint *ep, struct quic_tx *tx);
