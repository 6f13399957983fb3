/* What TCP simultaneous open (gateway/punch/tcp_open.h) needs of us: one local port, from which
 * connections to relays and STUN servers come, who see where that is outside; from which peers are
 * connected to that connect to us; and which is listened at meanwhile, for where NATs let the peer
 * in although the moment was missed. */
#include "gateway/node/tcp_parts.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/transport/path_table.h"

#define HOLD SEC(15) /* after the last time that somebody wanted it */

enum { ROADS_ASKED = 4, SERVERS_MAX = 16 };

static bool is_prepared(const struct tcp_roads *r)
{
    return r->node && env_now(r->node->env) < r->half_until;
}

/* ---- our own address ---- */

/* How the relay at the other end of a connection sees us, or none. */
static struct addr seen_over(const struct tcp_roads *r, const struct road *road)
{
    const struct peer *p = r->node->find(r->node->node, &road->id);
    struct path_info info[PATH_SET_MAX];
    size_t count = 0;

    if (p && peer_conn(p))
        count = quic_conn_paths(peer_conn(p), info, PATH_SET_MAX);
    for (size_t i = 0; i < count && i < PATH_SET_MAX; i++)
        if (path_equal(&info[i].path, &road->path))
            return info[i].seen;
    return (struct addr){0};
}

static size_t votes_of_roads(const struct tcp_roads *r, bool v6, struct addr *out)
{
    size_t count = 0;

    list_each(node, &r->roads)
    {
        const struct road *road = list_entry(node, struct road, link);
        if (!road->bound || !road->tcp.up || road->opening || addr_is_v6(&road->to) != v6 ||
            count == ROADS_ASKED)
            continue;
        out[count] = seen_over(r, road);
        count += !addr_is_none(&out[count]);
    }
    return count;
}

size_t tcp_roads_seen(const struct tcp_roads *r, struct addr out[static 2])
{
    struct addr vote[TCP_STUN_MAX + ROADS_ASKED];
    size_t used = 0;

    for (int v6 = 0; v6 < 2 && is_prepared(r); v6++) {
        size_t count = votes_of_roads(r, v6 != 0, vote);
        count += tcp_stun_votes(&r->stun, v6 != 0, vote + count);
        out[used] = tcp_stun_agree(vote, count);
        used += !addr_is_none(&out[used]);
    }
    return used;
}

uint16_t tcp_roads_port(const struct tcp_roads *r, bool v6)
{
    return is_prepared(r) && r->half[v6].listener ? r->port[v6] : 0;
}

/* ---- the shared port ---- */

static struct addr shared_port(const struct tcp_roads *r, bool v6)
{
    return v6 ? addr_v6((const uint8_t[16]){0}, r->port[1], 0)
              : addr_v4((const uint8_t[4]){0}, r->port[0]);
}

static bool has_family(const struct tcp_roads *r, bool v6)
{
    const struct hub *hub = r->node->hub;

    for (size_t i = 0; i < hub->sockets; i++)
        if (addr_is_v6(&hub->socket[i].local) == v6)
            return true;
    return false;
}

static void listen_at(struct tcp_roads *r, bool v6)
{
    struct tcp_door *door = &r->half[v6];
    struct addr local = shared_port(r, v6);

    if (door->listener || !has_family(r, v6))
        return;
    *door = (struct tcp_door){.roads = r, .half = true};
    int err = sock_listen_shared(r->node->env, &door->listener, &local, &TCP_DOOR_HANDLER, door);
    if (err < 0) {
        door->listener = NULL;
        log_debug(LOG_PUNCH, "nothing listens at the port of our TCP connections: %s",
                  strerror(-err));
        return;
    }
    local = listener_local(r->node->env, door->listener);
    r->port[v6] = addr_port(&local);
}

/* A relay that we have a connection to from there says as much as a STUN server. */
static bool is_connected(const struct tcp_roads *r, const struct addr *to)
{
    list_each(node, &r->roads)
    {
        const struct road *road = list_entry(node, struct road, link);
        if (road->bound && addr_equal(&road->to, to))
            return true;
    }
    return false;
}

static void ask(struct tcp_roads *r)
{
    struct addr server[SERVERS_MAX];
    size_t count = r->events->stun(r->node->node, server, SERVERS_MAX);

    for (size_t i = 0; i < count; i++) {
        bool v6 = addr_is_v6(&server[i]);
        const struct addr local = shared_port(r, v6);
        if (addr_port(&local) != 0 && !is_connected(r, &server[i]))
            tcp_stun_ask(&r->stun, &local, &server[i]);
    }
}

void tcp_roads_prepare(struct tcp_roads *r)
{
    if (!r->node)
        return;
    r->half_until = env_now(r->node->env) + HOLD;
    listen_at(r, false);
    listen_at(r, true);
    ask(r);
    tcp_roads_set_timer(r);
}

void tcp_half_end(struct tcp_roads *r)
{
    for (int v6 = 0; v6 < 2; v6++) {
        if (r->half[v6].listener)
            listener_close(r->node->env, r->half[v6].listener);
        r->half[v6].listener = NULL;
    }
    tcp_stun_stop(&r->stun);
    memset(r->met, 0, sizeof(r->met));
    r->half_until = 0;
}

void tcp_half_due(struct tcp_roads *r, instant now)
{
    if (r->half_until > 0 && now >= r->half_until)
        tcp_half_end(r);
}

instant tcp_half_deadline(const struct tcp_roads *r)
{
    return r->half_until > 0 ? r->half_until : INSTANT_NEVER;
}

/* ---- peers ---- */

/* Behind a NAT of the kind that changes ports it may come from another one. */
bool tcp_half_is_met(const struct tcp_roads *r, const struct addr *from)
{
    for (size_t i = 0; i < TCP_MET_MAX; i++)
        if (addr_same_ip(&r->met[i], from))
            return true;
    return false;
}

int tcp_roads_meet(struct tcp_roads *r, const struct peer_id *id, const struct addr *to)
{
    const struct tcp_place place = {.to = *to};
    char id_text[9], text[ADDR_TEXT_MAX];

    if (!r->node)
        return -ENOTCONN;
    if (!tcp_half_is_met(r, to)) {
        log_debug(LOG_PUNCH, "%s: opening TCP with %s", peer_id_short(id, id_text),
                  addr_print(to, text));
        r->met[r->met_next++ % TCP_MET_MAX] = *to;
    }
    return tcp_roads_open(r, id, &place);
}

void tcp_roads_leave(struct tcp_roads *r, const struct peer_id *id, const struct addr *to)
{
    struct list *next;

    for (struct list *node = r->node ? r->roads.next : &r->roads; node && node != &r->roads;
         node = next) {
        struct road *road = list_entry(node, struct road, link);
        next = node->next;
        if (road->opening && !road->tcp.up && peer_id_equal(&road->id, id) &&
            (!to || addr_equal(&road->to, to)))
            tcp_roads_close(road);
    }
}
