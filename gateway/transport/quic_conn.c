#include "gateway/transport/quic_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/transport/quic_afresh.h"
#include "gateway/transport/quic_callbacks.h"
#include "gateway/transport/quic_end.h"
#include "gateway/transport/quic_memory.h"
#include "gateway/transport/quic_rate.h"
#include "gateway/transport/quic_route.h"
#include "gateway/transport/quic_street.h"
#include "gateway/transport/quic_table.h"
#include "gateway/transport/quic_work.h"

#define INITIAL_DCID_LEN 18 /* random, by a dialler; at least 8 (RFC 9000 §7.2) */
#define UNREAD_OF_ALL    (256u << 20)
#define UNREAD_LEAST     (1u << 20)
/* Packets, or an eighth of a round trip, whichever is first. RFC 9000 §13.2.2 suggests two; then on
 * a quick path every other answer is announced by a packet with nothing but an acknowledgement. */
#define ACK_EVERY 10

/* ---- birth ---- */

static struct quic_conn *conn_new(struct quic_endpoint *ep, const struct path *path)
{
    struct quic_conn *conn = calloc(1, sizeof(*conn));
    if (!conn)
        return NULL;
    conn->ep = ep;
    conn->path = *path;
    conn->virtual_local = addr_loopback(addr_is_v6(&path->remote), 1);
    conn->virtual_remote = path->remote;
    conn->link.engine = &ep->engine;
    conn->heard = ep->now;
    list_init(&conn->streams);
    list_init(&conn->send_new);
    list_init(&conn->send_old);
    if (heap_set(&ep->timers, &conn->timer, INSTANT_NEVER - 1) < 0) {
        free(conn);
        return NULL;
    }
    list_append(&ep->conns, &conn->all);
    ep->connections++;
    conn->counted = true;
    quic_table_moved(conn);
    return conn;
}

static void fill_settings(const struct quic_endpoint *ep, ngtcp2_settings *s)
{
    ngtcp2_settings_default(s);
    s->initial_ts = ep->now;
    s->rand_ctx.native_handle = (void *)ep;
    s->cc_algo = NGTCP2_CC_ALGO_CUBIC; /* BBR of 1.11 collapses when a path gets slower */
    s->handshake_timeout = ep->options.handshake_timeout;
    s->ack_thresh = ACK_EVERY;
    /* Which size the path carries we find out ourselves, and give ngtcp2 no more room than that
     * (quic_packet): it can see neither a switch of the path nor that one has become narrower. Its
     * own discovery tries the same sizes, each once it has the room, so that its window grows in
     * steps that are no larger than the packets. (With no_pmtud 1.11 aborts when a peer migrates
     * back.) */
    s->max_tx_udp_payload_size = QUIC_PAYLOAD_MAX;
    s->pmtud_probes = PATH_SIZES;
    s->pmtud_probeslen = sizeof(PATH_SIZES) / sizeof(PATH_SIZES[0]);
}

/* What the peer may send that nobody has read. The windows of the first sessions are as wide as
 * they are to be; the more there are, the smaller those of new ones, so that all of them cannot be
 * filled to more than the machine has. */
static uint64_t unread_max(const struct quic_endpoint *ep)
{
    uint64_t part = UNREAD_OF_ALL / ep->connections;
    if (part < UNREAD_LEAST)
        part = UNREAD_LEAST;
    return part < ep->options.connection_window ? part : ep->options.connection_window;
}

static void fill_params(struct quic_conn *conn, ngtcp2_transport_params *p)
{
    const struct quic_options *o = &conn->ep->options;
    ngtcp2_transport_params_default(p);
    p->initial_max_streams_bidi = o->streams_per_peer;
    p->initial_max_streams_uni = 0;
    p->initial_max_data = quic_rate_start(conn, unread_max(conn->ep));
    p->initial_max_stream_data_bidi_local = o->stream_window;
    p->initial_max_stream_data_bidi_remote = o->stream_window;
    p->max_idle_timeout = o->idle_timeout;
    p->max_datagram_frame_size = 65535;
    p->active_connection_id_limit = 4;
    p->grease_quic_bit = 0; /* demultiplexing counts on the bit */
}

static void virtual_path(struct quic_conn *conn, ngtcp2_path *out)
{
    *out = (ngtcp2_path){
        .local = {&conn->virtual_local.sa, addr_len(&conn->virtual_local)},
        .remote = {&conn->virtual_remote.sa, addr_len(&conn->virtual_remote)},
    };
}

static void start(struct quic_conn *conn)
{
    conn->link.quic = conn->quic;
    ngtcp2_conn_set_tls_native_handle(conn->quic, conn->tls);
    conn->keep_alive = conn->ep->options.keep_alive;
    ngtcp2_conn_set_keep_alive_timeout(conn->quic, conn->keep_alive);
    quic_work_rearm(conn);
    quic_work_touch(conn);
}

static int start_client(struct quic_conn *conn, const struct peer_id *id)
{
    const struct quic_endpoint *ep = conn->ep;
    uint8_t first[INITIAL_DCID_LEN], unused[NGTCP2_STATELESS_RESET_TOKENLEN];
    ngtcp2_cid dcid, scid;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_path path;

    conn->id = conn->link.expected = *id;
    int err = quic_tls_session(&ep->tls, &conn->tls, false, &conn->link);
    if (err == 0)
        err = quic_callbacks_new_id(conn, &scid, unused);
    if (err < 0)
        return err;
    ep->options.random(ep->options.arg, first, sizeof(first));
    ngtcp2_cid_init(&dcid, first, sizeof(first));
    fill_settings(ep, &settings);
    fill_params(conn, &params);
    virtual_path(conn, &path);
    if (ngtcp2_conn_client_new(&conn->quic, &dcid, &scid, &path, NGTCP2_PROTO_VER_V1,
                               &quic_callbacks, &settings, &params, quic_memory_count(conn),
                               conn) != 0)
        return -ENOMEM;
    start(conn);
    return 0;
}

int quic_dial(struct quic_endpoint *ep, instant now, struct quic_conn **out,
              const struct peer_id *id, const struct path *path, void *app)
{
    quic_work_clock(ep, now);
    if (ep->connections >= ep->options.max_connections)
        return -EMFILE;
    struct quic_conn *conn = conn_new(ep, path);
    if (!conn)
        return -ENOMEM;
    conn->dialled = true;
    conn->app = app;
    int err = start_client(conn, id);
    if (err < 0) {
        quic_end_free(conn);
        return err == -EEXIST ? -ENOMEM : err;
    }
    *out = conn;
    return 0;
}

static int start_server(struct quic_conn *conn, const struct quic_caller *caller)
{
    const struct quic_endpoint *ep = conn->ep;
    const ngtcp2_pkt_hd *hd = caller->hd;
    ngtcp2_cid scid;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_path path;

    fill_settings(ep, &settings);
    fill_params(conn, &params);
    int err = quic_tls_session(&ep->tls, &conn->tls, true, &conn->link);
    if (err == 0)
        err = quic_callbacks_new_id(conn, &scid, params.stateless_reset_token);
    if (err == 0)
        err = quic_table_add_id(conn, hd->dcid.data, hd->dcid.datalen);
    if (err < 0)
        return err;
    params.stateless_reset_token_present = 1;
    params.original_dcid_present = 1;
    params.original_dcid = hd->dcid;
    if (caller->original) {
        conn->there = true;
        params.original_dcid = *caller->original;
        params.retry_scid_present = 1;
        params.retry_scid = hd->dcid;
        settings.token = hd->token;
        settings.tokenlen = hd->tokenlen;
        settings.token_type = NGTCP2_TOKEN_TYPE_RETRY;
    }
    virtual_path(conn, &path);
    if (ngtcp2_conn_server_new(&conn->quic, &hd->scid, &scid, &path, hd->version, &quic_callbacks,
                               &settings, &params, quic_memory_count(conn), conn) != 0)
        return -ENOMEM;
    start(conn);
    return 0;
}

struct quic_conn *quic_conn_accept(struct quic_endpoint *ep, const struct quic_caller *caller)
{
    struct quic_conn *conn = conn_new(ep, caller->path);
    if (!conn)
        return NULL;
    quic_street_enter(conn);
    if (start_server(conn, caller) < 0) {
        quic_end_free(conn);
        return NULL;
    }
    return conn;
}

/* ---- life ---- */

void quic_conn_read(struct quic_conn *conn, const struct path *path, const uint8_t *data,
                    size_t len)
{
    if (!conn->quic) {
        quic_end_heard(conn, path);
        return;
    }
    ngtcp2_path from;
    struct addr scratch;
    if (!quic_route_in(conn, path, &from, &scratch))
        return;
    conn->rx_bytes += len;
    static const ngtcp2_pkt_info no_ecn;
    int err = ngtcp2_conn_read_pkt(conn->quic, &from, &no_ecn, data, len, conn->ep->now);
    if (err == 0 && conn->detour != QUIC_DETOUR_NONE)
        quic_afresh_read(conn);
    if (err != 0) {
        quic_end_failed(conn, err);
    } else if (conn->refused) {
        quic_end_refuse(conn);
    } else if (quic_memory_is_too_much(conn)) {
        quic_end_greedy(conn);
    } else {
        quic_work_touch(conn);
    }
}

void quic_conn_expired(struct quic_conn *conn)
{
    if (!conn->quic) {
        quic_end_expired(conn);
        return;
    }
    int err = 0;
    if (ngtcp2_conn_get_expiry(conn->quic) <= conn->ep->now)
        err = ngtcp2_conn_handle_expiry(conn->quic, conn->ep->now);
    if (err != 0) {
        quic_end_failed(conn, err);
        return;
    }
    /* What expired may be served by a packet only; the timer is set when that is written. */
    quic_work_disarm(conn);
    quic_work_touch(conn);
}

/* ---- questions ---- */

void quic_conn_info(const struct quic_conn *conn, struct quic_conn_info *out)
{
    *out = (struct quic_conn_info){
        .id = conn->id,
        .dialled = conn->dialled,
        .connected = conn->connected,
        .in_doubt = conn->in_doubt,
        .resting = conn->paths && path_set_is_resting(conn->paths),
        .speaks_probes = conn->paths && path_set_speaks_probes(conn->paths),
        .path = conn->path,
        .rx_bytes = conn->rx_bytes,
        .tx_bytes = conn->tx_bytes,
        .streams = conn->stream_count,
        .since = conn->since,
        .heard = conn->heard,
        .throttled = quic_rate_throttled(conn),
        .dropped = conn->dropped,
    };
    if (!conn->quic)
        return;
    ngtcp2_conn_info info;
    ngtcp2_conn_get_conn_info(conn->quic, &info);
    out->rtt = info.latest_rtt > 0 ? info.smoothed_rtt : 0;
    size_t known = ngtcp2_conn_get_path_max_tx_udp_payload_size(conn->quic);
    size_t room = quic_route_payload(conn);
    out->payload = known < room ? known : room;
}

void *quic_conn_app(const struct quic_conn *conn)
{
    return conn->app;
}

void quic_conn_set_app(struct quic_conn *conn, void *app)
{
    conn->app = app;
}

int quic_conn_export(const struct quic_conn *conn, const char *label, uint8_t *out, size_t len)
{
    if (!conn->quic || !ngtcp2_conn_get_handshake_completed(conn->quic))
        return -ENOTCONN;
    return quic_tls_export(conn->tls, label, out, len);
}
