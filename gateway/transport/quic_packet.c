#include "gateway/transport/quic_packet.h"

#include <string.h>

#include "gateway/transport/quic_afresh.h"
#include "gateway/transport/quic_datagram.h"
#include "gateway/transport/quic_rate.h"
#include "gateway/transport/quic_route.h"
#include "gateway/transport/quic_stream.h"

/* The far side's acknowledgements wait in our socket while we write: stop for them sometimes. */
#define ROUNDS_MAX 16

/* A burst of one millisecond at the pacer's rate; ngtcp2 1.11 answers 64 KiB to everyone, which
 * overruns the queue of a slow link (research: 25 instead of 42 Mbit/s at 50 Mbit/s). */
#define QUANTUM_MAX 1000000

static size_t own_quantum(ngtcp2_conn *quic, size_t payload)
{
    ngtcp2_conn_info info;
    ngtcp2_conn_get_conn_info(quic, &info);
    if (info.latest_rtt == 0 || info.smoothed_rtt == 0)
        return 10 * (size_t)QUIC_PAYLOAD; /* RFC 9002 §7.2: the initial window */

    double bytes = 1.25 * (double)info.cwnd * (double)MSEC(1) / (double)info.smoothed_rtt;
    if (bytes < 2 * (double)payload)
        return 2 * payload;
    return bytes > QUANTUM_MAX ? QUANTUM_MAX : (size_t)bytes;
}

/* Where the line is the limit and not the pace, whoever may send much at a time would get more of
 * it for that alone. */
static size_t quantum(const struct quic_conn *conn, size_t payload)
{
    size_t own = own_quantum(conn->quic, payload), piece = conn->ep->options.piece;
    return piece > 0 && own > piece ? piece : own;
}

/* ---- one packet ---- */

/* Where a packet is written to, and the answer of ngtcp2: its length, 0 for none now, an error, or
 * NGTCP2_ERR_WRITE_MORE while there is room left in it. */
struct packet {
    uint8_t *dest;
    size_t room;
    ngtcp2_path *path; /* set for foreign peers */
};

static ngtcp2_ssize put_datagram(struct quic_conn *conn, const struct packet *p)
{
    const struct quic_chunk *d = quic_datagram_next(conn);
    ngtcp2_vec bytes = {.base = (uint8_t *)d->data + d->from, .len = d->to - d->from};
    int accepted = 0;
    ngtcp2_ssize n = ngtcp2_conn_writev_datagram(conn->quic, p->path, NULL, p->dest, p->room,
                                                 &accepted, NGTCP2_WRITE_DATAGRAM_FLAG_MORE,
                                                 conn->datagram_id, &bytes, 1, conn->ep->now);
    if (accepted) {
        quic_rate_sent(conn, bytes.len);
        quic_route_traffic(conn);
    }
    bool hopeless = n == NGTCP2_ERR_INVALID_ARGUMENT || n == NGTCP2_ERR_INVALID_STATE;
    if (accepted)
        conn->datagram_id++;
    if (accepted || hopeless)
        quic_datagram_pop(conn);
    return hopeless ? NGTCP2_ERR_WRITE_MORE : n;
}

/* RFC 9000 §4.1: the stream or the connection has used up what the other side allowed. In the
 * second case no stream can go on, and nothing tells when it can but the next packet. */
static void note_blocked(struct quic_conn *conn, struct quic_stream *s)
{
    if (ngtcp2_conn_get_max_data_left(conn->quic) == 0)
        conn->blocked = true;
    else
        quic_stream_block(s);
}

static ngtcp2_ssize put_stream(struct quic_conn *conn, const struct packet *p,
                               struct quic_stream *s)
{
    ngtcp2_vec area[2];
    bool fin = false;
    size_t count = quic_stream_next(s, area, &fin);
    size_t offered = (count > 0 ? area[0].len : 0) + (count > 1 ? area[1].len : 0);
    uint32_t flags = NGTCP2_WRITE_STREAM_FLAG_MORE | (fin ? NGTCP2_WRITE_STREAM_FLAG_FIN : 0);
    ngtcp2_ssize taken = -1;
    ngtcp2_ssize n = ngtcp2_conn_writev_stream(conn->quic, p->path, NULL, p->dest, p->room, &taken,
                                               flags, s->id, area, count, conn->ep->now);

    if (taken >= 0) {
        quic_rate_sent(conn, (size_t)taken);
        if (!s->quiet)
            quic_route_traffic(conn);
        quic_stream_wrote(s, (size_t)taken, fin && (size_t)taken == offered);
    }
    switch (n) {
    case NGTCP2_ERR_STREAM_DATA_BLOCKED:
        note_blocked(conn, s);
        return NGTCP2_ERR_WRITE_MORE;
    case NGTCP2_ERR_STREAM_SHUT_WR:
    case NGTCP2_ERR_STREAM_NOT_FOUND:
        quic_stream_stopped(s);
        return NGTCP2_ERR_WRITE_MORE;
    default:
        return n;
    }
}

static ngtcp2_ssize put_rest(struct quic_conn *conn, const struct packet *p)
{
    return ngtcp2_conn_writev_stream(conn->quic, p->path, NULL, p->dest, p->room, NULL,
                                     NGTCP2_WRITE_STREAM_FLAG_NONE, -1, NULL, 0, conn->ep->now);
}

static ngtcp2_ssize write_packet(struct quic_conn *conn, const struct packet *p)
{
    ngtcp2_ssize n;
    conn->blocked = false;
    do {
        bool held = quic_rate_holds(conn);
        bool datagram = quic_datagram_next(conn) && !held;
        bool stream = !held && conn->connected && !conn->blocked;
        struct quic_stream *s = stream ? quic_stream_turn(conn) : NULL;
        if (datagram && (conn->datagram_turn || !s))
            n = put_datagram(conn, p);
        else if (s)
            n = put_stream(conn, p, s);
        else
            n = put_rest(conn, p);
    } while (n == NGTCP2_ERR_WRITE_MORE);
    conn->datagram_turn = !conn->datagram_turn;
    return n;
}

/* ---- batches ---- */

struct batch {
    struct path path;
    size_t payload; /* of one packet, at most */
    size_t used, segment, count;
    bool full; /* nothing may follow */
};

/* A packet that cannot join the batch, being larger or for elsewhere, waits for the next call. */
static void carry(struct quic_conn *conn, const struct batch *b, size_t len,
                  const struct path *path)
{
    struct quic_endpoint *ep = conn->ep;
    ep->carry_conn = conn;
    ep->carry_at = b->used;
    ep->carry_len = len;
    ep->carry_path = *path;
}

static void add(struct quic_conn *conn, struct batch *b, size_t len, const struct path *path)
{
    if (b->count > 0 && (len > b->segment || !path_equal(path, &b->path))) {
        carry(conn, b, len, path);
        b->full = true;
        return;
    }
    if (b->count++ == 0) {
        b->path = *path;
        b->segment = len;
    }
    b->used += len;
    b->full = len < b->segment || b->count == QUIC_BATCH_COUNT ||
              b->used + QUIC_PAYLOAD > QUIC_BATCH_ROOM;
}

static void take_carried(struct quic_conn *conn, struct batch *b)
{
    struct quic_endpoint *ep = conn->ep;
    if (ep->carry_conn != conn)
        return;
    ep->carry_conn = NULL;
    memmove(ep->batch, ep->batch + ep->carry_at, ep->carry_len);
    add(conn, b, ep->carry_len, &ep->carry_path);
}

/* The last packet of a batch or round is a small one: it can be sent again over any path, and where
 * large ones have ceased to pass its acknowledgement tells that they are lost. */
static size_t room_for_next(const struct quic_conn *conn, const struct batch *b)
{
    bool is_last = b->used + b->payload > QUIC_BATCH_ROOM ||
                   conn->round_bytes + b->payload >= conn->round_limit;
    return is_last ? QUIC_PAYLOAD : b->payload;
}

/* Writes packets until the batch is full or the round's bytes are used up; `*dry` if ngtcp2 had
 * nothing more before. Returns 0, or ngtcp2's fatal error. */
static int fill_batch(struct quic_conn *conn, struct batch *b, bool *dry)
{
    bool foreign = quic_route_is_foreign(conn);
    ngtcp2_path_storage to;

    while (!b->full && conn->round_bytes < conn->round_limit) {
        struct packet p = {.dest = conn->ep->batch + b->used, .room = room_for_next(conn, b)};
        struct path path = conn->path;
        if (foreign) {
            ngtcp2_path_storage_zero(&to);
            p.path = &to.path;
        }
        ngtcp2_ssize n = write_packet(conn, &p);
        *dry = n == 0;
        if (n <= 0)
            return (int)n;
        if (foreign)
            path = quic_route_out(conn, &to.path);
        conn->round_bytes += (size_t)n;
        conn->tx_bytes += (size_t)n;
        add(conn, b, (size_t)n, &path);
    }
    return 0;
}

/* ngtcp2 1.11 has no call that sends a PING; a keep-alive time of 1 ns is over at once. */
static void start_kick(struct quic_conn *conn)
{
    if (!conn->kick || !conn->connected)
        return;
    conn->ep->now++; /* or that nanosecond has not passed yet */
    ngtcp2_conn_set_keep_alive_timeout(conn->quic, 1);
}

static void end_kick(struct quic_conn *conn, bool wrote)
{
    if (!conn->kick || !conn->connected)
        return;
    ngtcp2_conn_set_keep_alive_timeout(conn->quic, conn->keep_alive);
    if (wrote)
        conn->kick = false;
}

/* ---- rounds ---- */

/* A round is one quantum. The next follows at once while the pacer's time has come; otherwise the
 * turn is over. Returns 0, or ngtcp2's fatal error. */
static int end_round(struct quic_conn *conn)
{
    bool wrote = conn->round_bytes > 0;
    if (wrote)
        ngtcp2_conn_update_pkt_tx_time(conn->quic, conn->ep->now);
    conn->round_bytes = conn->round_limit = 0;
    conn->rounds++;
    conn->turn_over = true;
    if (ngtcp2_conn_get_expiry(conn->quic) > conn->ep->now)
        return 0;
    int err = ngtcp2_conn_handle_expiry(conn->quic, conn->ep->now);
    /* An expiry may have made something to send: ask again, but not for ever. */
    conn->turn_over = !wrote && conn->rounds > 1;
    return err;
}

static int write_round(struct quic_conn *conn, struct batch *b)
{
    bool dry = false;
    if (conn->round_limit == 0)
        conn->round_limit = quantum(conn, b->payload);
    size_t before = conn->round_bytes;
    start_kick(conn);
    int err = fill_batch(conn, b, &dry);
    end_kick(conn, conn->round_bytes > before);
    if (err == 0 && (dry || conn->round_bytes >= conn->round_limit))
        err = end_round(conn);
    return err;
}

enum quic_turn quic_packet_batch(struct quic_conn *conn, struct quic_tx *tx, int *err)
{
    struct batch b = {.payload = quic_route_payload(conn)};
    quic_rate_pay(conn);
    take_carried(conn, &b);
    *err = quic_afresh_start(conn);
    if (*err != 0)
        return QUIC_TURN_FAILED;
    do {
        if (conn->turn_over || conn->rounds >= ROUNDS_MAX)
            break;
        *err = write_round(conn, &b);
    } while (*err == 0 && b.count == 0);

    if (*err != 0)
        return QUIC_TURN_FAILED;
    if (b.count > 0) {
        size_t last = b.used - (b.count - 1) * b.segment;
        quic_route_sent(conn, conn->ep->batch + b.used - last, last);
        *tx = (struct quic_tx){
            .path = b.path,
            .data = conn->ep->batch,
            .len = b.used,
            .segment = b.segment,
        };
        return QUIC_TURN_BATCH;
    }
    bool over = conn->turn_over;
    conn->turn_over = false;
    conn->rounds = 0;
    return over ? QUIC_TURN_OVER : QUIC_TURN_LATER;
}
