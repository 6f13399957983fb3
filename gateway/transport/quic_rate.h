/**
 * The limit on a connection's rate, quic_options.rate, for each direction by itself.
 *
 * Out: stream data and datagrams pass a token bucket; acknowledgements, probes, the handshake and
 * what is sent again do not. In: the other side may send stream data as far as MAX_DATA allows (RFC
 * 9000 §4.1), so that is raised no faster than the rate; datagrams have no credit and are dropped
 * beyond it. Several connections to one peer have a limit each: they are rare and short.
 *
 * Without a limit every call is one comparison.
 */
#pragma once

#include "gateway/transport/quic_state.h"

/** Begins. `room`: bytes that may lie here unread. Returns how many the other side may send before
 *  it hears of more: initial_max_data. */
uint64_t quic_rate_start(struct quic_conn *conn, uint64_t room);

static inline bool quic_rate_is_limited(const struct quic_conn *conn)
{
    return conn->ep->options.rate > 0;
}

/* ---- out ---- */

bool quic_rate_check(struct quic_conn *conn);

/** No data may go into a packet now; quic_rate_deadline() says when. */
static inline bool quic_rate_holds(struct quic_conn *conn)
{
    return quic_rate_is_limited(conn) && quic_rate_check(conn);
}

/** So many bytes of a stream or a datagram, a packet's worth at most, were put into a packet. */
static inline void quic_rate_sent(struct quic_conn *conn, size_t len)
{
    if (quic_rate_is_limited(conn))
        bucket_charge(&conn->rate.out, conn->ep->now, len);
}

/** For how long data has had to wait for the limit, of all time. */
instant quic_rate_throttled(const struct quic_conn *conn);

/* ---- in ---- */

/** Bytes of a stream arrived. */
static inline void quic_rate_received(struct quic_conn *conn, size_t len)
{
    if (quic_rate_is_limited(conn))
        conn->rate.received += len;
}

/** Bytes of streams were consumed, which others may take the place of. */
static inline void quic_rate_consumed(struct quic_conn *conn, size_t len)
{
    if (quic_rate_is_limited(conn))
        conn->rate.room += len;
    else
        ngtcp2_conn_extend_max_offset(conn->quic, len);
}

/** A datagram of `len` bytes that arrived is within the rate. */
bool quic_rate_admits(struct quic_conn *conn, size_t len);

/** Allows the other side what it may have by now. */
void quic_rate_pay(struct quic_conn *conn);

/** When quic_rate_pay() or sending can go on, or INSTANT_NEVER. */
instant quic_rate_deadline(struct quic_conn *conn);
