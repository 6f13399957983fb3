/* What the gateway looks like from outside: the relays that it uses, and the one that it is. */
#include <stdio.h>

#include "gateway/node/members.h"

static const char *over_of(const struct node *n, const struct path *path)
{
    if (path->kind == PATH_UDP)
        return "udp";
    if (path->kind == PATH_TCP)
        return tcp_roads_is_tls(&n->tcp, path) ? "tls" : "tcp";
    return path->kind == PATH_TURN ? "turn" : "relay";
}

static const struct member *member_of(const struct node *n, const struct relay_site *p)
{
    const struct peer *peer = n->desk.find(n->desk.node, &p->id);
    return peer ? container_of(peer, const struct member, peer) : NULL;
}

static void view_session(const struct node *n, const struct relay_site *p, const struct member *m,
                         struct relay_place_view *out, bool *home)
{
    struct quic_conn_info info;

    quic_conn_info(peer_conn(&m->peer), &info);
    out->over = over_of(n, &info.path);
    out->remote = info.path.remote;
    out->rtt = info.rtt;
    out->state = "connected";
    if (info.in_doubt) {
        out->state = "silent";
    } else if (p->ours && p->registered) {
        out->state = *home ? "spare" : "home";
        *home = true;
    } else if (p->ours && p->answered && p->status != RELAY_OK) {
        out->state = "refused";
        out->why = relay_status_text(p->status);
    }
}

/* `*home`: there is one already. */
static void view_place(const struct node *n, const struct relay_site *p,
                       struct relay_place_view *out, bool *home)
{
    const struct member *m = member_of(n, p);

    *out = (struct relay_place_view){.id = p->id, .ours = p->ours, .state = "none"};
    (void)snprintf(out->host, sizeof(out->host), "%s", p->host);
    if (!m)
        return;
    if (peer_session(&m->peer))
        view_session(n, p, m, out, home);
    else if (peer_is_dialling(&m->peer) || peer_is_connected(&m->peer))
        out->state = "connecting";
    if (!out->over && m->last_error[0])
        out->why = m->last_error;
}

static void view_places(const struct node *n, struct relay_view *out)
{
    bool home = false;

    for (int ours = 1; ours >= 0; ours--)
        list_each(node, &n->relay.places)
        {
            const struct relay_site *p = list_entry(node, struct relay_site, link);
            if (p->ours == (ours != 0) && out->places < RELAY_VIEWS_MAX)
                view_place(n, p, &out->place[out->places++], &home);
        }
}

void node_relay(const struct node *n, struct relay_view *out)
{
    struct relay_server_counters c;
    char ours[PEER_RELAYS_MAX][PEER_RELAY_MAX + 1];

    *out = (struct relay_view){.serving = n->relay.server != NULL};
    if (relay_desk_ours(&n->relay, ours) > 0)
        memcpy(out->home, ours[0], sizeof(out->home));
    while (out->configured < RELAY_USE_MAX && n->options.relay_use[out->configured][0])
        out->configured++;
    view_places(n, out);
    if (!out->serving)
        return;
    relay_server_counters(n->relay.server, &c);
    out->registered = c.registered;
    out->circuits = c.circuits;
    out->clients = c.clients;
    out->bytes = c.bytes;
    out->datagrams = c.datagrams;
    out->dropped = c.over_quota + c.over_full;
}
