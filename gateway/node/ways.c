/* Ways in: what the desks that find them out have to tell the gatherer, and through it our peers.
 */
#include <string.h>

#include "gateway/node/members.h"

#define RELAYS_MAX 8

static size_t list_relays(void *arg, struct addr *out, size_t max)
{
    const struct node *n = arg;
    return relay_desk_servers(&n->relay, out, max);
}

static bool is_among(const struct addr *list, size_t count, const struct addr *a)
{
    for (size_t i = 0; i < count; i++)
        if (addr_equal(&list[i], a))
            return true;
    return false;
}

/* Whoever punches is told only what is new: each time, rounds that wait begin at once. */
static void on_nat_changed(void *arg)
{
    struct node *n = arg;
    struct gather *g = &n->punch.gather;
    struct addr now[STUN_FAMILIES];
    size_t count = outside_reflexive(&n->outside, now);
    struct nat_facts facts = outside_facts(&n->outside);

    if (portmap_desk_is_reached(&n->portmap))
        facts.class = NAT_PUBLIC;
    if (facts.class == NAT_BLOCKED)
        tcp_roads_udp_blocked(&n->tcp);
    for (size_t i = 0; i < n->reflexives; i++)
        if (!is_among(now, count, &n->reflexive[i]))
            gather_remove(g, CANDIDATE_REFLEXIVE, &n->reflexive[i]);
    for (size_t i = 0; i < count; i++)
        gather_add(g, CANDIDATE_REFLEXIVE, &now[i]);
    memcpy(n->reflexive, now, count * sizeof(now[0]));
    n->reflexives = count;
    if (!nat_facts_equal(&g->facts, &facts))
        gather_set_facts(g, &facts);
    node_tell(n, NULL);
}

static void on_turn_changed(void *arg, const struct addr *before, const struct addr *now)
{
    struct node *n = arg;

    if (!addr_is_none(before))
        gather_remove(&n->punch.gather, CANDIDATE_RELAYED, before);
    if (!addr_is_none(now))
        gather_add(&n->punch.gather, CANDIDATE_RELAYED, now);
    node_tell(n, NULL);
}

static const struct turn_desk_events TURN_EVENTS = {on_turn_changed};
static const struct outside_events OUTSIDE_EVENTS = {list_relays, on_nat_changed};

/* ---- TCP ---- */

struct servers {
    struct node *node;
    struct addr *out;
    size_t count, max;
};

static void add_server(struct servers *s, const struct addr *a)
{
    if (s->count < s->max && !addr_is_none(a) && !is_among(s->out, s->count, a))
        s->out[s->count++] = *a;
}

static void add_places(struct servers *s, bool tcp)
{
    const struct stun_desk *d = &s->node->outside.stun;

    for (size_t i = 0; i < d->places; i++)
        for (int f = 0; f < STUN_FAMILIES && s->node->options.stun[i].tcp == tcp; f++)
            add_server(s, &d->place[i].found[f]);
}

/* A relay answers STUN at its ports for TLS and TCP alike (gateway/node/tcp_road.h). */
static void add_relay(void *arg, struct peer *p)
{
    struct servers *s = arg;
    struct addr at[PEER_ADDRESSES_MAX];
    const char *host;
    size_t count = peer_session(p)
                       ? relay_desk_tls(&s->node->relay, &p->id, at, PEER_ADDRESSES_MAX, &host)
                       : 0;

    for (size_t i = 0; i < count; i++)
        add_server(s, &at[i]);
}

static size_t list_tcp_stun(void *node, struct addr *out, size_t max)
{
    struct node *n = node;
    struct servers s = {.node = n, .out = out, .max = max};
    struct addr relay[RELAYS_MAX];
    size_t count = relay_desk_servers(&n->relay, relay, RELAYS_MAX);

    add_places(&s, true);
    n->desk.each(n->desk.node, add_relay, &s);
    for (size_t i = 0; i < count; i++)
        add_server(&s, &relay[i]);
    add_places(&s, false);
    return s.count;
}

size_t node_stun_servers(void *node, bool tcp, struct addr *out, size_t max)
{
    struct node *n = node;
    struct servers s = {.node = n, .out = out, .max = max};
    struct addr relay[RELAYS_MAX];
    size_t count = tcp ? 0 : relay_desk_servers(&n->relay, relay, RELAYS_MAX);

    if (tcp)
        return list_tcp_stun(node, out, max);
    for (size_t i = 0; i < count; i++)
        add_server(&s, &relay[i]);
    add_places(&s, false);
    return s.count;
}

static size_t answer_stun(void *node, const struct addr *from, const uint8_t *message, size_t len,
                          uint8_t out[static STUN_ANSWER_MAX])
{
    const struct node *n = node;
    struct stun_service *service = n->outside.stun.service;
    return service ? stun_service_answer(service, env_now(n->env), from, message, len, out) : 0;
}

static void on_tcp_refused(void *node, const struct peer_id *id, const struct addr *to)
{
    struct node *n = node;
    punch_desk_on_refused(&n->punch, id, to);
}

const struct tcp_roads_events TCP_ROADS_EVENTS = {
    .places = member_tcp_places,
    .stun = list_tcp_stun,
    .answer = answer_stun,
    .refused = on_tcp_refused,
};

/* ---- life ---- */

void ways_start_portmap(struct node *n)
{
    const struct portmap_desk_options options = {
        .gather = &n->punch.gather,
        .reach = &n->outside.reach,
        .changed = on_nat_changed,
        .arg = n,
    };
    portmap_desk_start(&n->portmap, &n->desk, &options);
}

/* Whoever gave up for want of IPv4 begins anew. */
static void on_nat64(void *arg)
{
    struct node *n = arg;

    if (n->hub.nat64.bits != 0) {
        outside_network_changed(&n->outside);
        list_each(node, &n->members)
        {
            peer_probe(&list_entry(node, struct member, link)->peer);
        }
        punch_desk_network_changed(&n->punch);
    }
    node_tell(n, NULL);
}

int ways_start(struct node *n)
{
    int err = outside_start(&n->outside, &n->desk, &OUTSIDE_EVENTS, n);

    nat64_desk_start(&n->nat64, &n->desk, on_nat64, n);
    turn_desk_start(&n->turn, &n->desk, &TURN_EVENTS, n);
    turn_desk_network_changed(&n->turn, n->outside.stun.network[0].key);
    return err;
}
