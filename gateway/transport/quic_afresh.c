#include "gateway/transport/quic_afresh.h"

/* A migration that is blocked for want of connection ids is left out: three of them within a round
 * trip are no paths to learn about. */

static bool leads_elsewhere(const struct path *a, const struct path *b)
{
    struct addr x = a->remote, y = b->remote;

    addr_set_port(&x, 0);
    addr_set_port(&y, 0);
    bool same_via = a->kind == PATH_UDP || a->via == b->via; /* any socket of ours will do */
    return a->kind != b->kind || !same_via || !addr_equal(&x, &y);
}

void quic_afresh_moved(struct quic_conn *conn, const struct path *old)
{
    if (leads_elsewhere(old, &conn->path) && conn->connected)
        quic_afresh(conn);
}

void quic_afresh(struct quic_conn *conn)
{
    if (conn->dialled)
        conn->afresh = true;
    else if (conn->detour == QUIC_DETOUR_NONE)
        conn->detour = QUIC_DETOUR_AWAY;
}

int quic_afresh_start(struct quic_conn *conn)
{
    if (!conn->afresh)
        return 0;
    struct addr local = conn->virtual_local;
    addr_set_port(&local, addr_port(&local) == 1 ? 2 : 1);
    const ngtcp2_path path = {
        .local = {.addr = &local.sa, .addrlen = addr_len(&local)},
        .remote = {.addr = &conn->virtual_remote.sa, .addrlen = addr_len(&conn->virtual_remote)},
    };
    conn->afresh = false;
    int err = ngtcp2_conn_initiate_immediate_migration(conn->quic, &path, conn->ep->now);
    if (err == 0)
        conn->virtual_local = local;
    return ngtcp2_err_is_fatal(err) ? err : 0;
}

static struct addr away_from(const struct addr *usual)
{
    struct addr away = path_synthetic(PATH_NONE, 1);
    return addr_equal(&away, usual) ? path_synthetic(PATH_NONE, 2) : away;
}

struct addr quic_afresh_remote(const struct quic_conn *conn)
{
    return conn->detour == QUIC_DETOUR_AWAY ? away_from(&conn->virtual_remote)
                                            : conn->virtual_remote;
}

void quic_afresh_read(struct quic_conn *conn)
{
    const ngtcp2_path *believed = ngtcp2_conn_get_path(conn->quic);
    struct addr remote = addr_from_sockaddr(believed->remote.addr);
    if (conn->detour == QUIC_DETOUR_BACK) { /* if it did not come back, it may stay */
        conn->virtual_remote = remote;
        conn->detour = QUIC_DETOUR_NONE;
    } else if (!addr_equal(&remote, &conn->virtual_remote)) {
        conn->detour = QUIC_DETOUR_BACK;
    }
}
