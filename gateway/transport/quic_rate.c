#include "gateway/transport/quic_rate.h"

/* What may be sent in one burst: this much, or what flows in in that time. It also makes up for
 * timers that fire late. */
#define BURST_MIN  (64u << 10)
#define BURST_MAX  (1u << 30)
#define BURST_TIME MSEC(50)

/* While the bucket is empty, packets wait for each other this long: fewer wake-ups. */
#define STEP_TIME MSEC(5)

/* What the other side is allowed ahead of what it has sent: two round trips' worth, so that it need
 * not wait for us, but less than a second's. With the burst this is the most that comes at once
 * after a silence. */
#define AHEAD_MIN  (64u << 10)
#define AHEAD_TIME MSEC(50)
#define AHEAD_MOST MSEC(900)

/* ngtcp2 1.11 tells of new credit when it exceeds a quarter of initial_max_data. A small one makes
 * the credit flow evenly, and a short message need not wait long for its turn. */
#define FIRST_MIN  (16u << 10)
#define FIRST_TIME MSEC(10)

/* Bytes that pass in a time; exact enough, and without overflow. */
static uint64_t in_time(uint64_t rate, instant time)
{
    return rate / 1000 * (time / MSEC(1)) + rate % 1000 * (time / MSEC(1)) / 1000;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t quic_rate_start(struct quic_conn *conn, uint64_t room)
{
    uint64_t rate = conn->ep->options.rate;
    if (rate == 0)
        return room;
    uint64_t burst = smaller(larger(in_time(rate, BURST_TIME), BURST_MIN), BURST_MAX);
    uint64_t first = smaller(larger(in_time(rate, FIRST_TIME), FIRST_MIN), room);
    conn->rate = (struct quic_rate){
        .out = bucket_of(rate, burst),
        .in = bucket_of(rate, burst),
        .datagrams_in = bucket_of(rate, burst),
        .step = smaller(larger(in_time(rate, STEP_TIME), QUIC_PAYLOAD), burst / 2),
        .lump = smaller(first / 4 + 1, burst),
        .granted = first,
        .room = room,
    };
    return first;
}

/* ---- out ---- */

bool quic_rate_check(struct quic_conn *conn)
{
    struct quic_rate *r = &conn->rate;
    instant now = conn->ep->now;
    bool held = bucket_level(&r->out, now) < (r->held ? r->step : QUIC_PAYLOAD);

    if (r->held && !held)
        r->throttled = quic_rate_throttled(conn);
    if (held && !r->held) {
        r->held_at = now;
        r->free_at = bucket_ready(&r->out, now, r->step);
    }
    r->held = held;
    return held;
}

instant quic_rate_throttled(const struct quic_conn *conn)
{
    const struct quic_rate *r = &conn->rate;
    instant now = conn->ep->now, end = now < r->free_at ? now : r->free_at;
    return r->throttled + (r->held && end > r->held_at ? end - r->held_at : 0);
}

static bool has_data(const struct quic_conn *conn)
{
    return conn->datagram_count > 0 || !list_is_empty(&conn->send_new) ||
           !list_is_empty(&conn->send_old);
}

/* ---- in ---- */

static uint64_t ahead(const struct quic_conn *conn)
{
    ngtcp2_conn_info info;
    ngtcp2_conn_get_conn_info(conn->quic, &info);
    instant time = info.latest_rtt > 0 ? 2 * info.smoothed_rtt : 0;
    time = smaller(larger(time, AHEAD_TIME), AHEAD_MOST);
    return larger(in_time(conn->ep->options.rate, time), AHEAD_MIN);
}

/* Credit that the other side could have but for the rate. */
static uint64_t wanted(const struct quic_conn *conn)
{
    const struct quic_rate *r = &conn->rate;
    if (!conn->quic || !conn->connected)
        return 0;
    uint64_t upto = smaller(r->received + ahead(conn), r->room);
    return upto > r->granted ? upto - r->granted : 0;
}

void quic_rate_pay(struct quic_conn *conn)
{
    struct quic_rate *r = &conn->rate;
    if (!quic_rate_is_limited(conn))
        return;
    uint64_t n = smaller(wanted(conn), bucket_level(&r->in, conn->ep->now));
    if (n < r->lump)
        return;
    bucket_charge(&r->in, conn->ep->now, n);
    r->granted += n;
    ngtcp2_conn_extend_max_offset(conn->quic, n);
}

/* Datagrams come first, since they cannot wait; streams get what they leave, and while streams wait
 * datagrams leave half. */
bool quic_rate_admits(struct quic_conn *conn, size_t len)
{
    struct quic_rate *r = &conn->rate;
    instant now = conn->ep->now;
    if (!quic_rate_is_limited(conn))
        return true;
    bool short_of = bucket_level(&r->in, now) < r->lump && wanted(conn) >= r->lump;
    if (!bucket_take(&r->datagrams_in, now, short_of ? 2 * len : len))
        return false;
    bucket_charge(&r->in, now, len);
    return true;
}

instant quic_rate_deadline(struct quic_conn *conn)
{
    struct quic_rate *r = &conn->rate;
    instant now = conn->ep->now, due = INSTANT_NEVER;
    if (!quic_rate_is_limited(conn))
        return due;
    if (r->held && has_data(conn))
        due = bucket_ready(&r->out, now, r->step);
    if (wanted(conn) >= r->lump) {
        instant paid = bucket_ready(&r->in, now, r->lump);
        due = paid < due ? paid : due;
    }
    return due;
}
