/**
 * What goes into a connection's next packets: datagrams and streams in turn, several in one packet,
 * packets of one size in one batch (UDP_SEGMENT), batches at the pace of the congestion controller.
 */
#pragma once

#include "gateway/transport/quic_state.h"

enum quic_turn {
    QUIC_TURN_BATCH,  /* `tx` is filled; there may be more */
    QUIC_TURN_OVER,   /* nothing more now: the timer or an event will tell */
    QUIC_TURN_LATER,  /* there is more, but others and the receiving side come first */
    QUIC_TURN_FAILED, /* ngtcp2 gave up: *err says why */
};

/** Fills `tx` with the connection's next batch. */
enum quic_turn quic_packet_batch(struct quic_conn *conn, struct quic_tx *tx, int *err);
