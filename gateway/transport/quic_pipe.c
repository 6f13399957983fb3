#include "gateway/transport/quic_pipe.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "gateway/transport/quic_rate.h"
#include "gateway/transport/quic_work.h"

/* What one connection may hold unacknowledged is this many times what one stream may. The less is
 * left of it, the less each stream gets, so that thousands of downloads nobody reads stay within.
 */
#define HELD_TIMES 16
/* But a stream that holds nothing may always write this much, or it would never be woken. */
#define LEAST_ROOM 2048

#define WORTH_WAKING (64 * 1024)

/* What lies unacknowledged on a short path waits in the other gateway's socket, and what does not
 * fit the processor's cache is slow to send. So it is kept to this much and 20 Gbit/s times the
 * path's shortest round trip, which slows no network down. */
#define HELD_LOCAL       (2u << 20)
#define HELD_FOR_RTT(ns) ((size_t)(ns)*5 / 2)

static const struct pipe_ops ops;

static struct quic_stream *of(const struct pipe *p)
{
    return container_of(p, struct quic_stream, pipe);
}

/* ---- birth and death ---- */

struct quic_stream *quic_pipe_new(struct quic_conn *conn)
{
    struct quic_stream *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->pipe.ops = &ops;
    s->ep = conn->ep;
    s->conn = conn;
    s->id = -1;
    s->owned = true;
    list_append(&conn->streams, &s->all);
    conn->stream_count++;
    return s;
}

void quic_pipe_free(struct quic_stream *s)
{
    if (s->held)
        return;
    if (s->conn)
        s->conn->stream_count--;
    if (s->ep && s->ep->reserved == s)
        s->ep->reserved = NULL;
    list_remove(&s->all);
    list_remove(&s->send);
    list_remove(&s->posted);
    free(s);
}

int quic_open_stream(struct quic_conn *conn, struct pipe **out)
{
    if (!conn->quic || !conn->connected)
        return -ENOTCONN;
    if (ngtcp2_conn_get_streams_bidi_left(conn->quic) == 0)
        return -EAGAIN;
    struct quic_stream *s = quic_pipe_new(conn);
    if (!s)
        return -ENOMEM;
    if (ngtcp2_conn_open_bidi_stream(conn->quic, &s->id, s) != 0) {
        quic_pipe_free(s);
        return -ENOMEM;
    }
    s->open = true;
    s->announce = true;
    quic_pipe_activate(s);
    *out = &s->pipe;
    return 0;
}

int64_t quic_stream_id(const struct pipe *pipe)
{
    return of(pipe)->id;
}

void quic_stream_set_quiet(struct pipe *pipe)
{
    of(pipe)->quiet = true;
}

struct quic_conn *quic_stream_conn(const struct pipe *pipe)
{
    return of(pipe)->conn;
}

/* ---- shared with quic_stream ---- */

static bool is_live(const struct quic_stream *s)
{
    return s->conn && s->conn->quic;
}

void quic_pipe_activate(struct quic_stream *s)
{
    if (!is_live(s) || s->blocked || s->tx_shut || !s->open)
        return;
    if (!list_is_linked(&s->send)) {
        s->burst = 0;
        s->bulk = false;
        list_append(&s->conn->send_new, &s->send);
    }
    quic_work_touch(s->conn);
}

void quic_pipe_credit(struct quic_stream *s, size_t len)
{
    if (len == 0 || !is_live(s))
        return;
    if (s->open)
        (void)!ngtcp2_conn_extend_max_stream_offset(s->conn->quic, s->id, len);
    quic_rate_consumed(s->conn, len);
    quic_work_touch(s->conn);
}

void quic_pipe_clear_tx(struct quic_stream *s)
{
    if (s->conn)
        s->conn->tx_held -= (size_t)(s->ended - s->acked);
    s->acked = s->sent = s->ended;
    s->next = NULL;
    quic_chain_clear(&s->tx, &s->ep->pool);
    list_remove(&s->send);
}

void quic_pipe_clear_rx(struct quic_stream *s)
{
    size_t held = s->rx_held;
    s->rx_held = 0;
    if (held > 0)
        quic_chain_clear(&s->rx, &s->ep->pool);
    quic_pipe_credit(s, held);
}

/* The most that the connection's streams may hold together. When all connections hold much, none
 * may hold more than its part: their number and the memory are bounded, their patience is not. */
static size_t cap_of(const struct quic_conn *conn)
{
    const struct quic_endpoint *ep = conn->ep;
    size_t most = HELD_TIMES * ep->options.send_buffer;
    size_t part = ep->pool.comfort / (ep->connections + 1);
    ngtcp2_conn_info info;
    if (ep->pool.out > ep->pool.comfort / 2 && part < most)
        most = part;
    ngtcp2_conn_get_conn_info(conn->quic, &info);
    if (info.min_rtt > MSEC(100))
        return most;
    size_t fast = HELD_LOCAL + HELD_FOR_RTT(info.min_rtt);
    return fast < most ? fast : most;
}

/* The most that this stream may hold. */
static size_t share_of(const struct quic_stream *s)
{
    size_t cap = cap_of(s->conn), held = s->conn->tx_held;
    size_t left = cap > held ? cap - held : 0;
    size_t share = left < s->ep->options.send_buffer ? left : s->ep->options.send_buffer;
    return share < LEAST_ROOM ? LEAST_ROOM : share;
}

static size_t held_by(const struct quic_stream *s)
{
    return (size_t)(s->ended - s->acked);
}

size_t quic_pipe_room(const struct quic_stream *s)
{
    size_t held = held_by(s), share = share_of(s);
    return held < share ? share - held : 0;
}

bool quic_pipe_worth_waking(const struct quic_stream *s)
{
    size_t held = held_by(s), share = share_of(s);
    size_t enough = share / 2 < WORTH_WAKING ? share / 2 : WORTH_WAKING;
    return held == 0 || held + enough <= share;
}

/* ---- writing ---- */

/* The spare pieces are the endpoint's, not the stream's: naming room costs an idle stream nothing.
 * commit() takes them. */
static bool fill_spare(struct quic_endpoint *ep, enum quic_size size)
{
    if (!ep->spare[size])
        ep->spare[size] = quic_pool_get(&ep->pool, size);
    return ep->spare[size] != NULL;
}

static size_t name_area(struct iovec *area, struct quic_chunk *c, size_t room)
{
    area->iov_base = c->data + c->to;
    area->iov_len = quic_chunk_left(c) < room ? quic_chunk_left(c) : room;
    return room - area->iov_len;
}

/* A small piece to begin with, then a large one, and a huge one for a writer that filled all. Fewer
 * reads of a TCP socket save more than their own cost: each tells the sender of new room. */
static int reserve(struct pipe *p, struct iovec area[static 2])
{
    struct quic_stream *s = of(p);
    if (!is_live(s) || s->tx_shut || s->finish || s->reset_seen)
        return 0;
    struct quic_endpoint *ep = s->ep;
    size_t room = quic_pipe_room(s);
    ep->reserved_size = s->hungry ? QUIC_HUGE : QUIC_LARGE;
    if (room == 0 || !fill_spare(ep, QUIC_SMALL) || !fill_spare(ep, ep->reserved_size)) {
        s->wants_room = true;
        return 0;
    }
    struct quic_chunk *first = s->tx.tail ? s->tx.tail : ep->spare[QUIC_SMALL];
    size_t left = room;
    int count = 0;
    if (quic_chunk_left(first) > 0)
        left = name_area(&area[count++], first, left);
    if (left > 0)
        left = name_area(&area[count++], ep->spare[ep->reserved_size], left);
    ep->reserved = s;
    ep->reserved_room = room - left;
    return count;
}

static void append(struct quic_stream *s, struct quic_chunk *c)
{
    quic_chain_append(&s->tx, c);
    if (!s->next || s->next_at == s->next->to) {
        s->next = c;
        s->next_at = c->from;
    }
}

/* Counts up to `len` bytes that were put into `c`; returns how many are left. */
static size_t fill(struct quic_chunk *c, size_t len)
{
    uint32_t n = quic_chunk_left(c) < len ? quic_chunk_left(c) : (uint32_t)len;
    c->to += n;
    return len - n;
}

static void take_spare(struct quic_stream *s, enum quic_size size, size_t *len)
{
    struct quic_chunk *c = s->ep->spare[size];
    if (*len == 0 || !c)
        return;
    s->ep->spare[size] = NULL;
    *len = fill(c, *len);
    append(s, c);
}

static void commit(struct pipe *p, size_t len)
{
    struct quic_stream *s = of(p);
    if (len == 0 || !is_live(s) || s->tx_shut)
        return;
    assert(s->ep->reserved == s && len <= s->ep->reserved_room);
    s->ep->reserved = NULL;
    s->hungry = len == s->ep->reserved_room && len > QUIC_PAYLOAD;
    s->ended += len;
    s->conn->tx_held += len;

    if (s->tx.tail)
        len = fill(s->tx.tail, len);
    else
        take_spare(s, QUIC_SMALL, &len);
    take_spare(s, s->ep->reserved_size, &len);
    assert(len == 0);
    quic_pipe_activate(s);
}

static void finish(struct pipe *p)
{
    struct quic_stream *s = of(p);
    if (s->finish)
        return;
    s->finish = true;
    quic_pipe_activate(s);
}

/* ---- reading ---- */

static int peek(struct pipe *p, struct iovec *area, int max)
{
    struct quic_stream *s = of(p);
    int count = 0;
    for (struct quic_chunk *c = s->rx.head; c && count < max; c = c->next) {
        if (c->to == c->from)
            continue;
        area[count].iov_base = c->data + c->from;
        area[count++].iov_len = c->to - c->from;
    }
    return count;
}

static void tell_of_stop(struct quic_stream *s)
{
    if (!s->reset_unread)
        return;
    s->reset_unread = false;
    quic_work_post_stream(s, QUIC_STREAM_RESET);
}

static void consume(struct pipe *p, size_t len)
{
    struct quic_stream *s = of(p);
    /* With its connection, what it had received is gone, also for who just peeked at it. */
    if (len == 0 || !is_live(s))
        return;
    assert(len <= s->rx_held);
    s->rx_held -= len;
    quic_chain_drop(&s->rx, &s->ep->pool, len, s->rx_held > 0);
    if (s->rx_held == 0) {
        s->rx_bulk = (s->rx_bulk + s->rx_run) / 2;
        s->rx_run = 0;
        if (s->rx_fin)
            tell_of_stop(s);
    }
    quic_pipe_credit(s, len);
}

static bool at_end(const struct pipe *p)
{
    const struct quic_stream *s = of(p);
    /* Whoever asks before it is told of the reset must not take it for the end. */
    return s->rx_fin && s->rx_held == 0 && !s->rx_lost && !s->reset_seen;
}

static bool drained(const struct pipe *p)
{
    const struct quic_stream *s = of(p);
    return s->fin_sent && s->acked == s->ended && (!s->fin_alone || s->fin_acked);
}

/* ---- giving back ---- */

static void shut_write(struct quic_stream *s, enum pipe_reset why)
{
    if (s->tx_shut)
        return;
    s->tx_shut = true;
    quic_pipe_clear_tx(s);
    (void)!ngtcp2_conn_shutdown_stream_write(s->conn->quic, 0, s->id, why);
    quic_work_touch(s->conn);
}

static void give_back(struct quic_stream *s)
{
    s->owned = false;
    s->wants_room = false;
    s->events = 0;
    list_remove(&s->posted);
    if (s->rx_held > 0)
        quic_pipe_clear_rx(s);
    if (!s->open)
        quic_pipe_free(s);
}

static void reset(struct pipe *p, enum pipe_reset why)
{
    struct quic_stream *s = of(p);
    if (is_live(s) && s->open) {
        shut_write(s, why);
        (void)!ngtcp2_conn_shutdown_stream_read(s->conn->quic, 0, s->id, why);
        quic_work_touch(s->conn);
    }
    give_back(s);
}

static void close_pipe(struct pipe *p)
{
    struct quic_stream *s = of(p);
    if (is_live(s) && s->open) {
        if (!s->finish)
            shut_write(s, PIPE_RESET_ABORTED);
        if (!s->rx_fin)
            (void)!ngtcp2_conn_shutdown_stream_read(s->conn->quic, 0, s->id, PIPE_RESET_ABORTED);
        quic_work_touch(s->conn);
    }
    give_back(s);
}

static const struct pipe_ops ops = {
    .reserve = reserve,
    .commit = commit,
    .finish = finish,
    .peek = peek,
    .consume = consume,
    .at_end = at_end,
    .drained = drained,
    .reset = reset,
    .close = close_pipe,
};
