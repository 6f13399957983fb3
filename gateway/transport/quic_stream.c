#include "gateway/transport/quic_stream.h"

#include <errno.h>
#include <string.h>

#include "gateway/transport/quic_pipe.h"
#include "gateway/transport/quic_rate.h"
#include "gateway/transport/quic_work.h"

/* A stream that keeps writing gives way to others after this many bytes: about one batch, so that
 * the far side too can pass it on in one piece. */
#define BURST (64 * 1024)

/* Below this much unread data, small and then medium pieces: the memory taken stays within three
 * times what the other side may send. */
#define SMALL_UNTIL  (8 * 1024)
#define MEDIUM_UNTIL (64 * 1024)

/* ---- birth and death ---- */

struct quic_stream *quic_stream_accept(struct quic_conn *conn, int64_t id)
{
    struct quic_stream *s = quic_pipe_new(conn);
    if (!s)
        return NULL;
    s->id = id;
    s->open = true;
    quic_work_post_stream(s, QUIC_STREAM_OPENED);
    return s;
}

void quic_stream_closed(struct quic_stream *s)
{
    s->open = false;
    s->fin_acked = true;
    /* It may have been stopped while we had nothing to send, and learn of it only now. */
    if (!s->tx_shut && !(s->fin_sent && s->acked == s->ended))
        quic_stream_stopped(s);
    quic_pipe_clear_tx(s);
    if (!s->owned)
        quic_pipe_free(s);
}

void quic_stream_lost(struct quic_stream *s)
{
    s->open = false;
    s->tx_shut = true;
    quic_pipe_clear_tx(s);
    quic_pipe_clear_rx(s);
    if (s->events & QUIC_STREAM_OPENED) /* nobody has heard of it, nobody will give it back */
        s->owned = false;
    if (!s->owned) {
        quic_pipe_free(s);
        return;
    }
    s->rx_lost = true;
    s->reset_unread = false;
    s->reset_why = PIPE_RESET_SESSION_LOST;
    quic_work_post_stream(s, QUIC_STREAM_RESET);
}

void quic_stream_orphan(struct quic_stream *s)
{
    list_remove(&s->all);
    s->conn = NULL;
    s->ep = NULL;
}

/* ---- receiving ---- */

static enum quic_size size_for(const struct quic_stream *s)
{
    const struct quic_pool *pool = &s->ep->pool;
    if (pool->out > pool->comfort)
        return QUIC_SMALL;
    if (s->rx_held >= MEDIUM_UNTIL || s->rx_bulk >= MEDIUM_UNTIL / 2)
        return QUIC_LARGE;
    return s->rx_held >= SMALL_UNTIL ? QUIC_MEDIUM : QUIC_SMALL;
}

int quic_stream_received(struct quic_stream *s, const uint8_t *data, size_t len, bool fin)
{
    quic_rate_received(s->conn, len);
    if (fin)
        s->rx_fin = true;
    if (!s->owned || s->reset_seen) {
        quic_pipe_credit(s, len);
        return 0;
    }
    while (len > 0) {
        struct quic_chunk *c = s->rx.tail;
        if (!c || quic_chunk_left(c) == 0) {
            c = quic_pool_get(&s->ep->pool, size_for(s));
            if (!c)
                return -ENOMEM;
            quic_chain_append(&s->rx, c);
        }
        uint32_t n = quic_chunk_left(c) < len ? quic_chunk_left(c) : (uint32_t)len;
        memcpy(c->data + c->to, data, n);
        c->to += n;
        data += n;
        len -= n;
        s->rx_held += n;
        s->rx_run += n;
    }
    quic_work_post_stream(s, QUIC_STREAM_READABLE);
    return 0;
}

static enum pipe_reset reason_of(uint64_t code)
{
    bool known = code >= PIPE_RESET_ABORTED && code <= PIPE_RESET_PROTOCOL &&
                 code != PIPE_RESET_SESSION_LOST;
    return known ? (enum pipe_reset)code : PIPE_RESET_ABORTED;
}

void quic_stream_aborted(struct quic_stream *s, uint64_t code)
{
    quic_pipe_clear_rx(s);
    s->rx_fin = s->rx_lost = true;
    s->reset_unread = false;
    s->reset_why = (uint8_t)reason_of(code);
    quic_work_post_stream(s, QUIC_STREAM_RESET);
}

/* ---- sending ---- */

void quic_stream_acked(struct quic_stream *s, uint64_t offset, uint64_t len)
{
    uint64_t upto = offset + len;
    if (s->fin_sent && len == 0)
        s->fin_acked = true;
    if (s->tx_shut || upto <= s->acked || upto > s->sent)
        return;

    size_t freed = (size_t)(upto - s->acked);
    s->acked = upto;
    s->conn->tx_held -= freed;
    quic_chain_drop(&s->tx, &s->ep->pool, freed, s->acked != s->ended);
    if (s->acked == s->ended)
        s->next = NULL;
    if (s->wants_room && quic_pipe_worth_waking(s)) {
        s->wants_room = false;
        quic_work_post_stream(s, QUIC_STREAM_WRITABLE);
    }
}

void quic_stream_unblocked(struct quic_stream *s)
{
    if (!s->blocked)
        return;
    s->blocked = false;
    quic_pipe_activate(s);
}

/* Streams that write little now and then go first: an answer of one packet need not wait for a
 * download. When they are ahead by a burst, the lines take turns. */
struct quic_stream *quic_stream_turn(struct quic_conn *conn)
{
    struct list *fresh = list_first(&conn->send_new);
    struct list *bulk = list_first(&conn->send_old);
    struct list *next = fresh && (!bulk || conn->lead < BURST) ? fresh : bulk;
    return next ? list_entry(next, struct quic_stream, send) : NULL;
}

size_t quic_stream_next(const struct quic_stream *s, ngtcp2_vec area[static 2], bool *fin)
{
    size_t count = 0;
    uint64_t covered = s->sent;
    uint32_t at = s->next_at;

    /* One packet's worth: two pieces at most. */
    for (struct quic_chunk *c = s->next; c && count < 2; c = c->next) {
        if (c->to > at) {
            area[count].base = c->data + at;
            area[count++].len = c->to - at;
            covered += c->to - at;
        }
        if (covered - s->sent >= QUIC_PAYLOAD_MAX)
            break;
        at = 0;
    }
    *fin = s->finish && covered == s->ended;
    return count;
}

static void advance(struct quic_stream *s, size_t len)
{
    s->sent += len;
    while (s->next) {
        size_t here = s->next->to - s->next_at;
        if (len < here || (len == here && !s->next->next)) {
            s->next_at += (uint32_t)len;
            return;
        }
        len -= here;
        s->next = s->next->next;
        s->next_at = 0;
    }
}

static void count_turn(struct quic_stream *s, size_t len)
{
    struct quic_conn *conn = s->conn;
    s->burst += (unsigned)len;
    if (list_is_empty(&conn->send_old))
        conn->lead = 0;
    else if (!s->bulk)
        conn->lead += len;
    else
        conn->lead -= conn->lead < len ? conn->lead : len;
}

void quic_stream_wrote(struct quic_stream *s, size_t len, bool fin)
{
    s->announce = false;
    advance(s, len);
    count_turn(s, len);
    if (fin && s->sent == s->ended) {
        s->fin_sent = true;
        s->fin_alone = len == 0;
    }
    if (s->sent == s->ended && s->fin_sent == s->finish) {
        list_remove(&s->send);
        s->bulk = false;
        s->burst = 0;
    } else if (s->burst >= BURST) {
        list_remove(&s->send);
        list_append(&s->conn->send_old, &s->send);
        s->bulk = true;
        s->burst = 0;
    }
}

void quic_stream_block(struct quic_stream *s)
{
    s->blocked = true;
    list_remove(&s->send);
}

void quic_stream_stopped(struct quic_stream *s)
{
    s->tx_shut = true;
    s->wants_room = false;
    quic_pipe_clear_tx(s);
    s->reset_why = PIPE_RESET_ABORTED;
    /* What was received stays readable, as after a TCP reset; the owner hears of it afterwards. */
    s->reset_unread = !(s->rx_fin && s->rx_held == 0);
    if (!s->reset_unread)
        quic_work_post_stream(s, QUIC_STREAM_RESET);
}

/* ---- telling ---- */

static void deliver_reset(struct quic_stream *s)
{
    if (s->reset_seen)
        return;
    s->reset_seen = true;
    quic_pipe_clear_rx(s);
    if (s->pipe.handler && s->pipe.handler->on_reset)
        s->pipe.handler->on_reset(s->pipe.arg, s->reset_why);
}

/* Each handler may give the pipe back or close the connection; the object stays until we let go. */
static void deliver(struct quic_stream *s, unsigned events)
{
    if (events & QUIC_STREAM_OPENED && s->conn && s->conn->quic) {
        const struct quic_options *o = &s->ep->options;
        o->handler->on_stream(o->arg, s->conn, &s->pipe);
    }
    events |= s->events & QUIC_STREAM_RESET; /* lost inside on_stream() */
    if (events & QUIC_STREAM_RESET && s->owned) {
        deliver_reset(s);
        return;
    }
    if (events & QUIC_STREAM_READABLE && s->owned && s->pipe.handler)
        s->pipe.handler->on_readable(s->pipe.arg);
    if (events & QUIC_STREAM_WRITABLE && s->owned && s->pipe.handler)
        s->pipe.handler->on_writable(s->pipe.arg);
}

void quic_stream_deliver(struct quic_stream *s)
{
    unsigned events = s->events;
    s->events = 0;
    s->held = true;
    deliver(s, events);
    s->held = false;
    if (!s->owned && !s->open)
        quic_pipe_free(s);
}
