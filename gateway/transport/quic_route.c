#include "gateway/transport/quic_route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/crypto/secret.h"
#include "gateway/transport/quic_afresh.h"
#include "gateway/transport/quic_rate.h"
#include "gateway/transport/quic_table.h"
#include "gateway/transport/quic_work.h"

/* No acknowledgement alone is as long as this. */
#define DATA_MIN 512
/* Larger packets are worth their trial where so much is sent in so short a time, 20 Mbit/s: they
 * save work, and on a slow line they would keep others waiting. */
#define BUSY_BYTES (64u << 10)
#define BUSY_TIME  MSEC(25)
/* Sessions at one address that are told of datagrams too large for the way there. */
#define NEIGHBOURS_MAX 8

static void move_to(struct quic_conn *conn, const struct path *path)
{
    const struct path old = conn->path;
    conn->path = *path;
    if (path_equal(&old, path))
        return;
    quic_table_moved(conn);
    if (!quic_route_is_foreign(conn))
        quic_afresh_moved(conn, &old);
    quic_work_post_conn(conn, QUIC_CONN_PATH);
}

/* Something must go over the path now. While the congestion window is full QUIC sends nothing new,
 * for seconds if what fills it is lost and the probe timeout has backed off. So the last packet
 * goes once more: to the other side it is late or known already, and its acknowledgement of a late
 * one tells us that those before it are lost. */
static void kick(struct quic_conn *conn)
{
    ngtcp2_conn_info info;
    ngtcp2_conn_get_conn_info(conn->quic, &info);
    conn->kick = true;
    conn->again = conn->last_len > 0 && info.bytes_in_flight >= info.cwnd;
    quic_work_touch(conn);
}

/* Call after everything that may have changed the path set. */
static void follow(struct quic_conn *conn)
{
    bool suspect = path_set_is_suspect(conn->paths);
    if (suspect && !conn->in_doubt)
        quic_work_post_conn(conn, QUIC_CONN_DOUBT);
    conn->in_doubt = suspect;
    if (path_set_take_wake(conn->paths))
        quic_work_post_conn(conn, QUIC_CONN_WAKE);
    if (!conn->connected)
        return;
    bool shrunk = path_set_take_shrink(conn->paths);
    if (path_set_take_switch(conn->paths)) {
        move_to(conn, path_set_current(conn->paths));
        kick(conn);
    } else if (shrunk) { /* what was in flight is lost */
        quic_afresh(conn);
        kick(conn);
    }
}

/* ---- life ---- */

void quic_route_start(struct quic_conn *conn)
{
    const struct quic_options *o = &conn->ep->options;
    struct path_set_options options = {
        .role = conn->dialled ? PATH_DIALLER : PATH_ACCEPTOR,
        .first = conn->path,
        .random = o->random,
        .arg = o->arg,
    };
    if (quic_tls_export(conn->tls, PATH_SET_EXPORT_LABEL, options.secret, sizeof(options.secret)) <
        0)
        return;
    conn->paths = malloc(sizeof(*conn->paths));
    if (conn->paths) {
        path_set_init(conn->paths, conn->ep->now, &options);
        conn->token = path_set_token(conn->paths);
        if (quic_table_add_token(conn) < 0)
            quic_route_stop(conn);
    }
    secret_wipe(options.secret, sizeof(options.secret));
}

void quic_route_stop(struct quic_conn *conn)
{
    if (!conn->paths)
        return;
    path_set_wipe(conn->paths);
    free(conn->paths);
    free(conn->last);
    conn->paths = NULL;
    conn->last = NULL;
    conn->last_len = 0;
    conn->again = false;
}

static void tell_of_use(struct quic_conn *conn)
{
    if (conn->used && conn->paths && conn->connected)
        path_set_traffic(conn->paths, conn->ep->now);
    conn->used = false;
}

/* ---- in ---- */

static void tell_of_probe(struct quic_conn *conn, const struct path *path)
{
    const struct quic_options *o = &conn->ep->options;
    if (o->handler->on_probe && conn->told_connected && !conn->told_ended)
        o->handler->on_probe(o->arg, conn, path, path_set_works(conn->paths, path));
}

void quic_route_probe(struct quic_endpoint *ep, const struct path *path, const uint8_t *data,
                      size_t len)
{
    uint64_t token;
    if (probe_token(data, len, &token) < 0)
        return;
    struct quic_conn *conn = quic_table_find_token(ep, token);
    if (!conn || !conn->quic)
        return;
    if (path_set_input(conn->paths, ep->now, path, data, len) < 0)
        return;
    if (path_equal(path, &conn->path))
        conn->path.local = path->local;
    follow(conn);
    quic_work_touch(conn);
    tell_of_probe(conn, path);
}

bool quic_route_is_foreign(const struct quic_conn *conn)
{
    return conn->connected && !(conn->paths && path_set_speaks_probes(conn->paths));
}

static void set_path(ngtcp2_path *out, struct addr *local, struct addr *remote)
{
    *out = (ngtcp2_path){
        .local = {.addr = &local->sa, .addrlen = addr_len(local)},
        .remote = {.addr = &remote->sa, .addrlen = addr_len(remote)},
    };
}

bool quic_route_in(struct quic_conn *conn, const struct path *path, ngtcp2_path *out,
                   struct addr *scratch)
{
    bool same = path_equal(path, &conn->path);
    if (!conn->connected && !same)
        return false; /* the limits of the handshake count for this address */
    if (same)
        conn->path.local = path->local;
    if (quic_route_is_foreign(conn)) {
        *scratch = path->remote;
        conn->foreign = true;
        set_path(out, &conn->virtual_local, scratch);
        return true;
    }
    if (conn->foreign) { /* it was until now: go on with what ngtcp2 has come to believe */
        const ngtcp2_path *believed = ngtcp2_conn_get_path(conn->quic);
        conn->virtual_remote = addr_from_sockaddr(believed->remote.addr);
        conn->foreign = false;
    }
    *scratch = conn->detour == QUIC_DETOUR_NONE ? conn->virtual_remote : quic_afresh_remote(conn);
    set_path(out, &conn->virtual_local, scratch);
    return true;
}

void quic_route_heard(struct quic_conn *conn, const struct path *path)
{
    tell_of_use(conn);
    if (!conn->paths || !conn->connected)
        return;
    if (conn->link.authentic)
        path_set_heard(conn->paths, conn->ep->now, path);
    if (!path_equal(path, path_set_current(conn->paths)))
        path_set_hint(conn->paths, conn->ep->now, path);
    follow(conn);
}

/* ---- out ---- */

struct path quic_route_out(const struct quic_conn *conn, const ngtcp2_path *to)
{
    struct path path = conn->path;
    struct addr remote = addr_from_sockaddr(to->remote.addr);
    if (!addr_is_none(&remote) && !addr_equal(&remote, &path.remote)) {
        path.remote = remote;
        path.local = (struct addr){0};
    }
    return path;
}

size_t quic_route_output(struct quic_conn *conn, struct path *to, uint8_t out[static PROBE_MAX])
{
    if (!conn->paths || !conn->connected)
        return 0;
    size_t len = path_set_output(conn->paths, conn->ep->now, to, out);
    follow(conn);
    return len;
}

void quic_route_sent(struct quic_conn *conn, const uint8_t *data, size_t len)
{
    tell_of_use(conn);
    /* A larger one may not fit another path. */
    if (len < DATA_MIN || len > QUIC_PAYLOAD || !conn->paths || !conn->connected)
        return;
    if (!conn->last)
        conn->last = malloc(QUIC_PAYLOAD);
    conn->last_len = conn->last ? len : 0;
    if (conn->last)
        memcpy(conn->last, data, len);
}

size_t quic_route_again(struct quic_conn *conn, uint8_t out[static QUIC_PAYLOAD])
{
    if (!conn->again)
        return 0;
    conn->again = false;
    conn->tx_bytes += conn->last_len;
    memcpy(out, conn->last, conn->last_len);
    return conn->last_len;
}

/* A session with calls that wait must notice soon that the other side has lost it. An idle one need
 * only stay alive, and keep its mapping in NATs. */
static void set_keep_alive(struct quic_conn *conn)
{
    instant idle = path_set_idle_check(conn->paths, conn->ep->now);
    instant time = idle > 0 ? idle : conn->ep->options.keep_alive;

    if (time == conn->keep_alive)
        return;
    conn->keep_alive = time;
    ngtcp2_conn_set_keep_alive_timeout(conn->quic, time);
}

static void note_busy(struct quic_conn *conn)
{
    instant now = conn->ep->now;

    if (conn->tx_bytes - conn->told_bytes < BUSY_BYTES)
        return;
    if (now - conn->told_at <= BUSY_TIME && !quic_rate_is_limited(conn))
        path_set_busy(conn->paths, now);
    conn->told_bytes = conn->tx_bytes;
    conn->told_at = now;
}

void quic_route_waiting(struct quic_conn *conn)
{
    tell_of_use(conn);
    if (quic_route_is_foreign(conn)) {
        struct path path = quic_route_out(conn, ngtcp2_conn_get_path(conn->quic));
        move_to(conn, &path);
    }
    if (!conn->paths)
        return;
    ngtcp2_conn_info info;
    ngtcp2_conn_get_conn_info(conn->quic, &info);
    path_set_waiting(conn->paths, conn->ep->now, info.bytes_in_flight > 0,
                     ngtcp2_conn_get_pto(conn->quic));
    note_busy(conn);
    set_keep_alive(conn);
    follow(conn);
}

size_t quic_route_payload(const struct quic_conn *conn)
{
    return conn->paths && conn->connected ? path_set_payload(conn->paths) : QUIC_PAYLOAD;
}

void quic_too_large(struct quic_endpoint *ep, instant now, const struct path *path, size_t len)
{
    struct quic_conn *first = quic_table_find_address(ep, &path->remote), *conn = first;

    quic_work_clock(ep, now);
    for (int i = 0; conn && i < NEIGHBOURS_MAX; i++) {
        if (conn->quic && conn->paths && conn->connected) {
            path_set_refused(conn->paths, ep->now, path, len);
            follow(conn);
        }
        conn = quic_table_neighbour(conn);
        if (conn == first)
            return;
    }
}

/* ---- the owner's wishes ---- */

void quic_conn_probe(struct quic_conn *conn)
{
    if (!conn->quic || !conn->paths)
        return;
    path_set_kick(conn->paths, conn->ep->now);
    kick(conn);
}

void quic_conn_add_path(struct quic_conn *conn, const struct path *path)
{
    if (!conn->quic || !conn->paths)
        return;
    if (path_set_add(conn->paths, conn->ep->now, path) < 0)
        log_debug(LOG_PATH, "too many paths for one session, one was left out");
    quic_work_touch(conn);
}

void quic_conn_use(struct quic_conn *conn)
{
    if (!conn->quic)
        return;
    quic_route_traffic(conn);
    tell_of_use(conn);
    quic_work_touch(conn);
}

void quic_conn_path_gone(struct quic_conn *conn, const struct path *path)
{
    if (!conn->quic || !conn->paths)
        return;
    path_set_gone(conn->paths, conn->ep->now, path);
    follow(conn);
    quic_work_touch(conn);
}

int quic_conn_guess(struct quic_conn *conn, const struct addr *remote,
                    uint8_t out[static QUIC_GUESS_LEN])
{
    if (!conn->quic || !conn->paths || !conn->connected)
        return -ENOTCONN;
    path_set_guess(conn->paths, remote, out);
    return 0;
}

size_t quic_conn_paths(const struct quic_conn *conn, struct path_info *out, size_t max)
{
    return conn->paths ? path_set_info(conn->paths, out, max) : 0;
}

void quic_path_gone(struct quic_endpoint *ep, const struct path *path)
{
    list_each(node, &ep->conns)
    {
        struct quic_conn *conn = list_entry(node, struct quic_conn, all);
        if (conn->connected)
            quic_conn_path_gone(conn, path);
    }
}

void quic_each_path(struct quic_endpoint *ep, enum path_kind kind,
                    void (*visit)(void *arg, const struct path *path, instant heard), void *arg)
{
    struct path_info info[PATH_SET_MAX];

    list_each(node, &ep->conns)
    {
        const struct quic_conn *conn = list_entry(node, struct quic_conn, all);
        size_t count =
            conn->connected && conn->quic ? quic_conn_paths(conn, info, PATH_SET_MAX) : 0;
        for (size_t i = 0; i < count; i++)
            if (info[i].path.kind == kind)
                visit(arg, &info[i].path, info[i].heard);
    }
}
