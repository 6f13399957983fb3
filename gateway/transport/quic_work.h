/**
 * Who has something to do: connections with packets to send, events to be told, timers.
 */
#pragma once

#include "gateway/transport/quic_state.h"

/** The connection may have something to send: quic_output() will ask it. Wakes the owner if need
 *  be. Does nothing for one that has ended and has no farewell to send. */
void quic_work_touch(struct quic_conn *conn);
/** Takes it out of the line. */
void quic_work_rest(struct quic_conn *conn);

/** Remembers events for quic_dispatch(). */
void quic_work_post_conn(struct quic_conn *conn, unsigned events);
void quic_work_post_stream(struct quic_stream *s, unsigned events);

/** Sets the connection's timer to what it waits for next. */
void quic_work_rearm(struct quic_conn *conn);
/** Sets it to never, until the connection's turn to send is over. */
void quic_work_disarm(struct quic_conn *conn);

/** Our time for the owner's `now`: it never goes back, since ngtcp2 aborts if it does. */
void quic_work_clock(struct quic_endpoint *ep, instant now);
