#include "gateway/transport/quic_datagram.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/transport/quic_rate.h"
#include "gateway/transport/quic_work.h"

#define OUT_MAX  256       /* waiting in one connection: some 300 KiB */
#define OUT_WAIT MSEC(150) /* and for so long: later it is of no use in a call or a game */
#define IN_MAX   2048      /* waiting in the endpoint */
#define IN_BYTES (1 << 20) /* likewise; touched only as far as used */

/* ---- out ---- */

/* In front of its bytes, a chunk has the time when its wait began. */
static instant waits_since(const struct quic_chunk *c)
{
    instant since;
    memcpy(&since, c->data, sizeof(since));
    return since;
}

/* A wait begins when the connection's turn comes for the first time: when a datagram is queued the
 * endpoint's time may be old. */
static void begin_waits(struct quic_conn *conn)
{
    for (struct quic_chunk *c = conn->datagram_new; c; c = c->next)
        memcpy(c->data, &conn->ep->now, sizeof(conn->ep->now));
    conn->datagram_new = NULL;
}

static void drop_late(struct quic_conn *conn)
{
    const struct quic_chunk *c;
    while ((c = conn->datagrams.head) && c != conn->datagram_new &&
           conn->ep->now - waits_since(c) >= OUT_WAIT) {
        quic_datagram_pop(conn);
        conn->dropped.late++;
    }
}

/* Returns an empty piece, or NULL when too many wait. */
static struct quic_chunk *place(struct quic_conn *conn)
{
    if (conn->datagram_count >= OUT_MAX)
        drop_late(conn);
    if (conn->datagram_count >= OUT_MAX)
        return NULL;
    return quic_pool_get(&conn->ep->pool, QUIC_SMALL);
}

int quic_send_datagram(struct quic_conn *conn, const uint8_t *data, size_t len)
{
    /* ngtcp2 1.11 aborts on an empty one, and never accepts one that fits no packet. */
    if (len == 0 || len > QUIC_DATAGRAM_MAX)
        return -EMSGSIZE;
    if (!conn->quic || !conn->connected)
        return -EOPNOTSUPP;
    const ngtcp2_transport_params *theirs = ngtcp2_conn_get_remote_transport_params(conn->quic);
    if (!theirs || theirs->max_datagram_frame_size == 0)
        return -EOPNOTSUPP;
    if (1 + varint_len(len) + len > theirs->max_datagram_frame_size)
        return -EMSGSIZE;
    struct quic_chunk *c = place(conn);
    if (!c) {
        conn->dropped.full++;
        return -ENOBUFS;
    }
    c->from = (uint32_t)sizeof(instant);
    c->to = c->from + (uint32_t)len;
    memcpy(c->data + c->from, data, len);
    quic_chain_append(&conn->datagrams, c);
    conn->datagram_count++;
    if (!conn->datagram_new)
        conn->datagram_new = c;
    quic_work_touch(conn);
    return 0;
}

const struct quic_chunk *quic_datagram_next(struct quic_conn *conn)
{
    if (!conn->datagrams.head)
        return NULL;
    begin_waits(conn);
    drop_late(conn);
    return conn->datagrams.head;
}

void quic_datagram_pop(struct quic_conn *conn)
{
    quic_pool_put(&conn->ep->pool, quic_chain_take(&conn->datagrams));
    conn->datagram_count--;
}

void quic_datagram_clear(struct quic_conn *conn)
{
    quic_chain_clear(&conn->datagrams, &conn->ep->pool);
    conn->datagram_new = NULL;
    conn->datagram_count = 0;
}

/* ---- in ---- */

static bool make_room(struct quic_endpoint *ep)
{
    if (!ep->datagrams)
        ep->datagrams = malloc(IN_MAX * sizeof(*ep->datagrams));
    if (!ep->datagram_bytes)
        ep->datagram_bytes = malloc(IN_BYTES);
    return ep->datagrams && ep->datagram_bytes;
}

void quic_datagram_received(struct quic_conn *conn, const uint8_t *data, size_t len)
{
    struct quic_endpoint *ep = conn->ep;
    if (!quic_rate_admits(conn, len)) {
        conn->dropped.over_rate++;
        return;
    }
    if (ep->datagram_count == IN_MAX || ep->datagram_used + len > IN_BYTES || !make_room(ep)) {
        conn->dropped.unread++;
        return;
    }
    ep->datagrams[ep->datagram_count++] = (struct quic_datagram_in){
        .conn = conn,
        .at = (uint32_t)ep->datagram_used,
        .len = (uint32_t)len,
    };
    if (len > 0)
        memcpy(ep->datagram_bytes + ep->datagram_used, data, len);
    ep->datagram_used += len;
}

void quic_datagram_deliver(struct quic_endpoint *ep)
{
    const struct quic_options *o = &ep->options;
    for (unsigned i = 0; i < ep->datagram_count; i++) {
        const struct quic_datagram_in *d = &ep->datagrams[i];
        if (d->conn->quic && d->conn->connected && d->len > 0)
            o->handler->on_datagram(o->arg, d->conn, ep->datagram_bytes + d->at, d->len);
    }
    ep->datagram_count = 0;
    ep->datagram_used = 0;
}
