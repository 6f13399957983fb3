#include "gateway/node/reach_help.h"

#include "gateway/base/map.h"
#include "gateway/peer/peer.h"

/* Six requests a minute and at once, of ten tokens each. */
#define REQUEST      10
#define PEER_RATE    1
#define PEER_BURST   60
#define TOTAL_RATE   200
#define TOTAL_BURST  400
#define PORT_MINIMUM 1024

void reach_help_init(struct reach_help *h, const struct desk *node)
{
    *h = (struct reach_help){.node = node, .total = bucket_of(TOTAL_RATE, TOTAL_BURST)};
    env_random(node->env, h->secret, sizeof(h->secret));
    for (size_t i = 0; i < REACH_HELP_PEERS; i++)
        h->peer[i] = bucket_of(PEER_RATE, PEER_BURST);
}

static bool take_turn(struct reach_help *h, const struct peer_id *id)
{
    instant now = env_now(h->node->env);
    size_t at = map_hash(h->secret, id->key, sizeof(id->key)) % REACH_HELP_PEERS;

    return bucket_take(&h->peer[at], now, REQUEST) && bucket_take(&h->total, now, REQUEST);
}

static bool is_ours(const struct hub *hub, const struct addr *a)
{
    for (size_t i = 0; i < hub->local_count; i++)
        if (addr_same_ip(&hub->locals[i], a))
            return true;
    return false;
}

/* Its session's source is where it is, but on this machine and its link are more ears than its. */
static bool may_dial(const struct hub *hub, const struct addr *a)
{
    return addr_port(a) >= PORT_MINIMUM && !addr_is_loopback(a) && !addr_is_link_local(a) &&
           !addr_is_multicast(a) && !addr_is_unspecified(a) && !is_ours(hub, a);
}

/* Another address of this machine, in the same kind of network as the one that the session uses.
 * None if there is no other. */
static struct addr other_address(const struct hub *hub, const struct addr *local)
{
    for (size_t i = 0; i < hub->local_count; i++) {
        const struct addr *a = &hub->locals[i];
        if (a->sa.sa_family != local->sa.sa_family || addr_same_ip(a, local) ||
            addr_is_loopback(a) || addr_is_link_local(a) ||
            addr_is_private(a) != addr_is_private(local))
            continue;
        return *a;
    }
    return (struct addr){0};
}

static enum reach_status dial(struct hub *hub, const struct path *session, uint16_t port,
                              const uint8_t token[static REACH_TOKEN_LEN])
{
    uint8_t out[REACH_DATAGRAM_LEN];
    struct path to = {.kind = PATH_UDP, .remote = session->remote};
    const struct hub_socket *first = hub_socket_of(hub, session);

    addr_set_port(&to.remote, port);
    if (!first || hub_open_extra(hub, &first->local, &to.via) < 0)
        return REACH_CANNOT;
    reach_datagram_write(token, out);
    to.local = session->local;
    hub_send_path(hub, &to, out, sizeof(out), 0);
    to.local = (struct addr){0};
    if (addr_is_unspecified(&first->local) && !addr_is_none(&session->local))
        to.local = other_address(hub, &session->local);
    if (!addr_is_none(&to.local))
        hub_send_path(hub, &to, out, sizeof(out), 0);
    hub_close_extra(hub, to.via);
    return addr_is_none(&to.local) ? REACH_SENT : REACH_SENT_TWICE;
}

enum reach_status reach_help_dial(struct reach_help *h, struct quic_conn *conn,
                                  const struct reach_message *m)
{
    struct quic_conn_info info;

    quic_conn_info(conn, &info);
    struct addr target = info.path.remote;
    if (info.path.kind != PATH_UDP)
        return REACH_CANNOT;
    addr_set_port(&target, m->port);
    if (addr_is_v6(&target) != m->v6 || !may_dial(h->node->hub, &target))
        return REACH_REFUSED;
    if (!take_turn(h, &info.id))
        return REACH_TOO_MANY;
    return dial(h->node->hub, &info.path, m->port, m->token);
}
