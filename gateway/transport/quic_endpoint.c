#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/crypto/secret.h"
#include "gateway/transport/quic_conn.h"
#include "gateway/transport/quic_datagram.h"
#include "gateway/transport/quic_door.h"
#include "gateway/transport/quic_end.h"
#include "gateway/transport/quic_packet.h"
#include "gateway/transport/quic_route.h"
#include "gateway/transport/quic_stream.h"
#include "gateway/transport/quic_table.h"
#include "gateway/transport/quic_work.h"
#include "gateway/wire/demux.h"
#include "gateway/wire/probe.h"

/* Memory for stream data beyond which all streams take small pieces. */
#define COMFORT (256u << 20)
/* A limit above this is none that anyone would notice; it keeps the sums small. */
#define RATE_MAX (UINT64_C(1) << 40)
/* With a limit, what a stream has to send should not wait in here for more than about a second. */
#define SEND_BUFFER     (2u << 20)
#define SEND_BUFFER_MIN (256u << 10)

/* Sessions at one address among which a stateless reset's is looked for. */
#define NEIGHBOURS_MAX 8

/* ---- life ---- */

static size_t send_buffer_for(uint64_t rate)
{
    if (rate == 0 || rate > SEND_BUFFER)
        return SEND_BUFFER;
    return rate < SEND_BUFFER_MIN ? SEND_BUFFER_MIN : (size_t)rate;
}

static void fill_defaults(struct quic_options *o)
{
    if (o->idle_timeout == 0)
        o->idle_timeout = SEC(30);
    if (o->keep_alive == 0)
        o->keep_alive = SEC(10);
    if (o->handshake_timeout == 0)
        o->handshake_timeout = SEC(10);
    if (o->streams_per_peer == 0)
        o->streams_per_peer = 16384;
    if (o->stream_window == 0)
        o->stream_window = 4u << 20;
    if (o->connection_window == 0)
        o->connection_window = 32u << 20;
    if (o->send_buffer == 0)
        o->send_buffer = send_buffer_for(o->rate);
    if (o->rate > RATE_MAX)
        o->rate = RATE_MAX;
    if (o->max_connections == 0)
        o->max_connections = 1024;
}

int quic_endpoint_new(struct quic_endpoint **out, const struct quic_options *options)
{
    struct quic_endpoint *ep = calloc(1, sizeof(*ep));
    if (!ep)
        return -ENOMEM;
    ep->options = *options;
    fill_defaults(&ep->options);
    list_init(&ep->conns);
    list_init(&ep->active);
    list_init(&ep->parked);
    list_init(&ep->posted_conns);
    list_init(&ep->posted_streams);
    list_init(&ep->ended);
    ep->now = 1; /* ngtcp2 takes 0 for no time at all in places */
    ep->pool.comfort = COMFORT;
    quic_table_init(ep);
    quic_door_init(ep);
    ep->batch = malloc(QUIC_BATCH_ROOM + QUIC_PAYLOAD_MAX);
    bool chacha20 = options->chacha20 || !packet_has_aes();
    int err = ep->batch ? quic_tls_init(&ep->tls, options->keys, chacha20) : -ENOMEM;
    if (err < 0) {
        quic_endpoint_free(ep);
        return err;
    }
    *out = ep;
    return 0;
}

void quic_endpoint_free(struct quic_endpoint *ep)
{
    if (!ep)
        return;
    ep->busy = true;
    while (!list_is_empty(&ep->conns))
        quic_end_free(list_entry(list_first(&ep->conns), struct quic_conn, all));
    while (!list_is_empty(&ep->posted_streams))
        list_remove(list_first(&ep->posted_streams));
    quic_door_deinit(ep);
    quic_table_deinit(ep);
    heap_deinit(&ep->timers);
    for (int size = 0; size < QUIC_SIZES; size++)
        quic_pool_put(&ep->pool, ep->spare[size]);
    quic_pool_deinit(&ep->pool);
    packet_engine_free(ep->engine);
    quic_tls_deinit(&ep->tls);
    secret_wipe(&ep->options.reset_key, sizeof(ep->options.reset_key));
    secret_wipe(ep->token_key, sizeof(ep->token_key));
    free(ep->datagrams);
    free(ep->datagram_bytes);
    free(ep->batch);
    free(ep);
}

/* ---- in ---- */

/* Consecutive packets are mostly one connection's: what can be done once for all of them is. */
struct reading {
    const struct path *path;
    struct quic_conn *conn;
    uint8_t id[QUIC_CID_LEN]; /* of its last short header packet */
    ngtcp2_conn_info before;
};

/* Our own keys note each authentic packet. With those of GnuTLS nobody tells us: then these
 * figures, which change by authentic packets only, say it of the packets that count here, namely
 * answers. */
static void end_reading(struct reading *r)
{
    struct quic_conn *conn = r->conn;
    r->conn = NULL;
    if (!conn || !conn->quic)
        return;
    ngtcp2_conn_info after;
    ngtcp2_conn_get_conn_info(conn->quic, &after);
    if (after.bytes_in_flight < r->before.bytes_in_flight ||
        after.latest_rtt != r->before.latest_rtt)
        conn->link.authentic = true;
    if (conn->link.authentic || !conn->link.own_keys)
        conn->heard = conn->ep->now;
    quic_route_heard(conn, r->path);
}

static void begin_reading(struct reading *r, struct quic_conn *conn)
{
    if (conn == r->conn)
        return;
    end_reading(r);
    r->conn = conn;
    conn->link.authentic = false;
    if (conn->quic)
        ngtcp2_conn_get_conn_info(conn->quic, &r->before);
}

/* A stateless reset has an id that is nobody's: try it on the sessions with where it came from. */
static void input_unknown(struct quic_endpoint *ep, const struct path *path, const uint8_t *data,
                          size_t len)
{
    struct quic_conn *first = quic_table_find_address(ep, &path->remote);
    struct quic_conn *conn = first;
    for (int i = 0; conn && conn->quic && i < NEIGHBOURS_MAX; i++) {
        struct quic_conn *next = quic_table_neighbour(conn);
        quic_conn_read(conn, path, data, len);
        if (next == first || !conn->quic)
            return;
        conn = next;
    }
}

static struct quic_conn *find(struct quic_endpoint *ep, const struct path *path,
                              const uint8_t *data, size_t len)
{
    bool is_long = data[0] & 0x80;
    ngtcp2_version_cid ids;
    int err = ngtcp2_pkt_decode_version_cid(&ids, data, len, QUIC_CID_LEN);

    if (err == NGTCP2_ERR_VERSION_NEGOTIATION)
        quic_door_versions(ep, path, &ids);
    if (err != 0)
        return NULL;
    struct quic_conn *conn = quic_table_find_id(ep, ids.dcid, ids.dcidlen);
    if (conn)
        return conn;
    if (is_long)
        return ids.version ? quic_door_knock(ep, path, data, len) : NULL;
    if (quic_table_find_address(ep, &path->remote))
        input_unknown(ep, path, data, len);
    else
        quic_door_reset(ep, path, &ids, len);
    return NULL;
}

struct quic_conn *quic_conn_for(const struct quic_endpoint *ep, const uint8_t *data, size_t len)
{
    ngtcp2_version_cid ids;
    uint64_t token;

    if (len > 0 && data[0] == DEMUX_PROBE)
        return probe_token(data, len, &token) == 0 ? quic_table_find_token(ep, token) : NULL;
    if (len == 0 || !(data[0] & DEMUX_QUIC_BIT) ||
        ngtcp2_pkt_decode_version_cid(&ids, data, len, QUIC_CID_LEN) != 0)
        return NULL;
    return quic_table_find_id(ep, ids.dcid, ids.dcidlen);
}

static void input(struct quic_endpoint *ep, struct reading *r, const uint8_t *data, size_t len)
{
    if (data[0] == DEMUX_PROBE) {
        quic_route_probe(ep, r->path, data, len);
        return;
    }
    if (!(data[0] & DEMUX_QUIC_BIT))
        return;
    bool is_short = !(data[0] & 0x80) && len > QUIC_CID_LEN;
    if (!r->conn || !is_short || memcmp(data + 1, r->id, QUIC_CID_LEN) != 0) {
        struct quic_conn *conn = find(ep, r->path, data, len);
        if (!conn)
            return;
        begin_reading(r, conn);
        memset(r->id, 0, sizeof(r->id));
        if (is_short)
            memcpy(r->id, data + 1, QUIC_CID_LEN);
    }
    quic_conn_read(r->conn, r->path, data, len);
}

void quic_input(struct quic_endpoint *ep, instant now, const struct path *path, uint8_t *data,
                size_t len, size_t segment)
{
    struct reading r = {.path = path};
    if (segment == 0 || segment > len)
        segment = len;
    quic_work_clock(ep, now);
    ep->busy = true;
    for (size_t at = 0; at < len; at += segment)
        input(ep, &r, data + at, len - at < segment ? len - at : segment);
    end_reading(&r);
    ep->busy = false;
}

/* ---- whom to tell ---- */

static void deliver_conn(struct quic_conn *conn)
{
    const struct quic_options *o = &conn->ep->options;
    unsigned events = conn->events;
    conn->events = 0;
    if (events & QUIC_CONN_CONNECTED && conn->quic) {
        conn->told_connected = true;
        o->handler->on_connected(o->arg, conn);
    }
    if (events & QUIC_CONN_PATH && conn->quic && conn->told_connected)
        o->handler->on_path(o->arg, conn, &conn->path);
    if (events & QUIC_CONN_DOUBT && conn->in_doubt && conn->told_connected)
        o->handler->on_doubt(o->arg, conn);
    if (events & QUIC_CONN_WAKE && conn->quic && conn->told_connected && o->handler->on_wake)
        o->handler->on_wake(o->arg, conn);
    if (events & QUIC_CONN_ENDED)
        list_append(&conn->ep->ended, &conn->posted);
}

static void deliver(struct quic_endpoint *ep)
{
    struct list *node;
    do {
        while ((node = list_first(&ep->posted_conns))) {
            list_remove(node);
            deliver_conn(list_entry(node, struct quic_conn, posted));
        }
        while ((node = list_first(&ep->posted_streams))) {
            list_remove(node);
            quic_stream_deliver(list_entry(node, struct quic_stream, posted));
        }
        quic_datagram_deliver(ep);
        while ((node = list_first(&ep->ended))) {
            list_remove(node);
            quic_end_deliver(list_entry(node, struct quic_conn, posted));
        }
    } while (list_first(&ep->posted_conns) || list_first(&ep->posted_streams));
}

static void expire(struct quic_endpoint *ep)
{
    struct timer *timer;
    while ((timer = heap_take_due(&ep->timers, ep->now)))
        quic_conn_expired(container_of(timer, struct quic_conn, timer));
}

static void unpark(struct quic_endpoint *ep)
{
    struct list *node;
    while ((node = list_first(&ep->parked))) {
        list_remove(node);
        list_append(&ep->active, node);
    }
}

void quic_dispatch(struct quic_endpoint *ep, instant now)
{
    quic_work_clock(ep, now);
    ep->busy = true;
    ep->woken = false;
    unpark(ep);
    deliver(ep);
    expire(ep);
    deliver(ep);
    quic_pool_trim(&ep->pool, ep->now);
    ep->busy = false;
}

/* ---- out ---- */

/* What goes over a path beside QUIC's own packets. */
static bool output_beside(struct quic_conn *conn, struct quic_tx *tx)
{
    struct quic_endpoint *ep = conn->ep;
    struct path to;
    size_t len = quic_route_output(conn, &to, ep->single);
    if (len == 0) {
        len = quic_route_again(conn, ep->single);
        to = conn->path;
    }
    if (len == 0)
        return false;
    *tx = (struct quic_tx){.path = to, .data = ep->single, .len = len, .segment = len};
    return true;
}

/* The connection at the head of the line. False: it has nothing (more) to send now. */
static bool output_conn(struct quic_conn *conn, struct quic_tx *tx)
{
    struct quic_endpoint *ep = conn->ep;
    int err;
    if (!conn->quic) {
        quic_work_rest(conn);
        return quic_end_farewell(conn, tx);
    }
    if (output_beside(conn, tx))
        return true;
    switch (quic_packet_batch(conn, tx, &err)) {
    case QUIC_TURN_BATCH:
        if (conn->round_limit == 0 && ep->carry_conn != conn) { /* others may want a round */
            list_remove(&conn->active);
            list_append(&ep->active, &conn->active);
        }
        return true;
    case QUIC_TURN_OVER:
        quic_work_rest(conn);
        quic_route_waiting(conn);
        quic_work_rearm(conn);
        return false;
    case QUIC_TURN_LATER:
        list_remove(&conn->active);
        list_append(&ep->parked, &conn->active);
        return false;
    case QUIC_TURN_FAILED:
        quic_end_failed(conn, err);
        return false;
    }
    return false;
}

static bool output(struct quic_endpoint *ep, struct quic_tx *tx)
{
    struct list *node;
    if (quic_door_output(ep, tx))
        return true;
    while ((node = list_first(&ep->active)))
        if (output_conn(list_entry(node, struct quic_conn, active), tx))
            return true;
    return false;
}

bool quic_output(struct quic_endpoint *ep, instant now, struct quic_tx *tx)
{
    quic_work_clock(ep, now);
    ep->busy = true;
    bool any = output(ep, tx);
    ep->busy = false;
    if (!any)
        ep->woken = false;
    return any;
}

instant quic_deadline(const struct quic_endpoint *ep)
{
    bool events = ep->posted_conns.next != &ep->posted_conns ||
                  ep->posted_streams.next != &ep->posted_streams || ep->datagram_count > 0;
    if (events || !list_is_empty(&ep->parked))
        return ep->raw;
    instant due = heap_due(&ep->timers);
    if (due >= INSTANT_NEVER - 1)
        return INSTANT_NEVER;
    /* Our time and the owner's differ when the owner's has gone back. */
    return due <= ep->now ? ep->raw : ep->raw + (due - ep->now);
}
