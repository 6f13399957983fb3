/* What the gateway looks like from outside: peers, their paths and services. */
#include "gateway/node/members.h"

#include <string.h>

static bool is_direct(const struct member *m)
{
    struct quic_conn_info info;
    quic_conn_info(peer_conn(&m->peer), &info);
    return path_is_direct(&info.path);
}

static enum peer_state state_of(const struct member *m, const struct known_peer *known)
{
    if (known && known->blocked)
        return PEER_BLOCKED;
    if (!m)
        return PEER_IDLE;
    if (peer_session(&m->peer))
        return is_direct(m) ? PEER_DIRECT : PEER_RELAYED;
    if (peer_is_dialling(&m->peer) || peer_is_connected(&m->peer))
        return PEER_FINDING;
    return m->peer.failed ? PEER_UNREACHABLE : PEER_IDLE;
}

static const char *why_not_direct(enum peer_state state, const struct member *m)
{
    switch (state) {
    case PEER_DIRECT:
        return NULL;
    case PEER_RELAYED:
        return punch_desk_why(&m->node->punch, &m->peer.id);
    case PEER_FINDING:
        return m && m->last_error[0] ? m->last_error : "not connected yet";
    case PEER_BLOCKED:
        return "blocked";
    case PEER_UNREACHABLE:
        return m && m->last_error[0] ? m->last_error : "unreachable";
    case PEER_IDLE:
        break;
    }
    return "no session";
}

static void view_path(const struct member *m, const struct quic_conn_info *info,
                      struct path_view *out)
{
    static const char *const KIND[PATH_KINDS] = {
        [PATH_UDP] = "udp", [PATH_TCP] = "tcp", [PATH_RELAY] = "relay", [PATH_TURN] = "turn"};

    *out = (struct path_view){.present = true,
                              .kind = KIND[info->path.kind],
                              .rtt = info->rtt,
                              .mtu = (unsigned)info->payload};
    out->remote = info->path.remote;
    if (info->path.kind != PATH_RELAY)
        return;
    const struct path leg = relay_desk_leg(&m->node->relay, &info->path);
    out->remote = leg.remote;
    out->over = KIND[leg.kind];
}

/* Only what could be an alias: others may be anything. */
static const char *nickname_of(const struct session *session)
{
    const struct message_hello *hello = session_hello(session);

    return hello && registry_alias_ok(hello->nickname) ? hello->nickname : NULL;
}

static void view_connection(const struct member *m, struct peer_view *out)
{
    struct quic_conn *conn = peer_conn(&m->peer);
    struct quic_conn_info info;

    out->rx_bytes = m->peer.rx_bytes;
    out->tx_bytes = m->peer.tx_bytes;
    out->dropped = m->peer.dropped;
    out->throttled = m->peer.throttled;
    if (!conn)
        return;
    quic_conn_info(conn, &info);
    out->rx_bytes += info.rx_bytes;
    out->tx_bytes += info.tx_bytes;
    out->dropped += quic_dropped_sum(&info.dropped);
    out->throttled += info.throttled;
    const struct session *session = peer_session(&m->peer);
    if (session) {
        out->dropped += session_dropped(session);
        out->streams = session_streams(session);
        out->nickname = nickname_of(session);
    }
    view_path(m, &info, &out->path);
}

static void view(const struct peer_id *id, const struct member *m, const struct known_peer *known,
                 struct peer_view *out)
{
    *out = (struct peer_view){.id = *id, .known = known != NULL};
    if (known)
        memcpy(out->alias, known->alias, sizeof(out->alias));
    if (known && known->blocked_why[0])
        out->blocked_why = known->blocked_why;
    out->state = state_of(m, known);
    out->why_not_direct = why_not_direct(out->state, m);
    if (!m)
        return;
    view_connection(m, out);
    punch_desk_round(&m->node->punch, id, &out->round);
    out->offences = m->record.offences;
    out->last_error = m->last_error[0] ? m->last_error : NULL;
    out->services_known = m->services_known;
    out->services = m->services;
    out->service_count = m->service_count;
}

bool node_peer(struct node *n, const struct peer_id *id, struct peer_view *out)
{
    const struct known_peer *known = registry_peer(n->registry, id);
    const struct member *m = member_find(n, id);

    if (!known && !m)
        return false;
    view(id, m, known, out);
    return true;
}

size_t node_peers(struct node *n, struct peer_view *out, size_t max)
{
    size_t count = 0, known_count = registry_peer_count(n->registry);

    for (size_t i = 0; i < known_count; i++, count++) {
        const struct known_peer *known = registry_peer_at(n->registry, i);
        if (count < max)
            view(&known->id, member_find(n, &known->id), known, &out[count]);
    }
    list_each(node, &n->members)
    {
        const struct member *m = list_entry(node, struct member, link);
        if (registry_peer(n->registry, &m->peer.id))
            continue;
        if (count < max)
            view(&m->peer.id, m, NULL, &out[count]);
        count++;
    }
    return count;
}

/* ---- small questions ---- */

struct env *node_env(struct node *n)
{
    return n->env;
}

struct registry *node_registry(struct node *n)
{
    return n->registry;
}

const struct peer_id *node_id(const struct node *n)
{
    return &n->keys->id;
}

size_t node_addresses(const struct node *n, struct addr *out, size_t max)
{
    size_t count = n->hub.sockets < max ? n->hub.sockets : max;
    for (size_t i = 0; i < count; i++)
        out[i] = n->hub.socket[i].local;
    return count;
}

size_t node_tcp_addresses(const struct node *n, struct addr *out, size_t max)
{
    return tcp_roads_listens(&n->tcp, out, max);
}

void node_serve(struct node *n, const struct node_server *server, void *arg)
{
    n->server = server;
    n->server_arg = arg;
}

void node_watch(struct node *n, struct node_watch *w)
{
    list_append(&n->watches, &w->link);
}

void node_unwatch(struct node_watch *w)
{
    list_remove(&w->link);
}

void node_tell(struct node *n, const struct peer_id *peer)
{
    struct list due;
    list_take_all(&due, &n->watches);
    for (struct list *node; (node = list_first(&due));) {
        struct node_watch *w = list_entry(node, struct node_watch, link);
        list_remove(node);
        list_append(&n->watches, node);
        w->changed(w, peer);
    }
}
