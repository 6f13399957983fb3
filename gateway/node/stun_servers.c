#include "gateway/node/stun_servers.h"

#include "gateway/peer/peer.h"

static bool is_asked(const struct classify_options *o, const struct addr *a)
{
    for (unsigned i = 0; i < o->server_count; i++)
        if (addr_equal(&o->server[i], a))
            return true;
    return false;
}

static void list_servers(struct classify_options *o, bool v6, const struct addr *all, size_t count)
{
    for (size_t i = 0; i < count && o->server_count < NAT_SERVERS_MAX; i++)
        if (!addr_is_none(&all[i]) && addr_is_v6(&all[i]) == v6 && !is_asked(o, &all[i]))
            o->server[o->server_count++] = all[i];
}

/* ---- what peers saw ---- */

struct watching {
    const struct desk *node;
    struct classify_options *options;
    bool v6;
};

/* A stranger could say anything. */
static bool is_believed(const struct desk *node, const struct peer *p)
{
    struct quic_conn_info info;
    quic_conn_info(peer_conn(p), &info);
    return info.dialled || registry_peer(node->registry, &p->id);
}

static bool is_outside(const struct addr *a)
{
    return !addr_is_private(a) && !addr_is_loopback(a) && !addr_is_link_local(a);
}

/* One vote each, whatever the number of ways: one that lies shall not be a majority. */
static void observe(void *arg, struct peer *p)
{
    const struct watching *w = arg;
    struct classify_options *o = w->options;
    struct path_info path[4];

    if (!peer_conn(p) || !is_believed(w->node, p))
        return;
    size_t count = quic_conn_paths(peer_conn(p), path, sizeof(path) / sizeof(path[0]));
    for (size_t i = 0; i < count && i < sizeof(path) / sizeof(path[0]); i++) {
        const struct addr *remote = &path[i].path.remote;
        if (path[i].path.kind != PATH_UDP || path[i].path.via != 0 || path[i].state != PATH_GOOD ||
            addr_is_v6(remote) != w->v6 || addr_is_none(&path[i].seen) || !is_outside(remote) ||
            is_asked(o, remote) || o->observed_count == CLASSIFY_OBSERVED_MAX)
            continue;
        o->observed[o->observed_count++] =
            (struct classify_observed){.to = *remote, .mapped = path[i].seen};
        return;
    }
}

void stun_servers_list(const struct desk *node, bool v6, const struct addr *all, size_t count,
                       struct classify_options *out)
{
    *out = (struct classify_options){.server_count = 0};
    struct watching w = {node, out, v6};

    list_servers(out, v6, all, count);
    /* A relay with a thousand peers and no server to ask need not look at them all. */
    if (out->server_count > 0)
        node->each(node->node, observe, &w);
}

bool stun_servers_see_udp(const struct desk *node, bool v6)
{
    struct classify_options none = {.server_count = 0};
    struct watching w = {node, &none, v6};

    node->each(node->node, observe, &w);
    return none.observed_count > 0;
}
