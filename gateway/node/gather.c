#include "gateway/node/gather.h"

#include <string.h>

#define HOST_MAX 16 /* addresses of interfaces */
#define SEEN_MAX 4  /* addresses that peers saw */

/* ---- life ---- */

static void read_interfaces(struct gather *g)
{
    int n = env_interfaces(g->node->env, g->interface, GATHER_INTERFACES_MAX);
    g->interfaces = n > 0 ? (size_t)n : 0;
}

void gather_start(struct gather *g, const struct desk *node, void (*changed)(void *arg), void *arg)
{
    *g = (struct gather){.node = node, .changed = changed, .arg = arg};
    read_interfaces(g);
}

void gather_network_changed(struct gather *g)
{
    read_interfaces(g);
}

/* ---- what others found out ---- */

static void forget(struct gather *g, size_t at)
{
    g->added_count--;
    memmove(&g->added[at], &g->added[at + 1], (g->added_count - at) * sizeof(g->added[0]));
}

void gather_add(struct gather *g, enum candidate_type type, const struct addr *a)
{
    for (size_t i = 0; i < g->added_count; i++)
        if (g->added[i].type == type && addr_equal(&g->added[i].addr, a))
            return;
    if (g->added_count == GATHER_ADDED_MAX)
        forget(g, 0);
    g->added[g->added_count++] = (struct candidate){.type = type, .addr = *a};
    g->changed(g->arg);
}

void gather_remove(struct gather *g, enum candidate_type type, const struct addr *a)
{
    for (size_t i = 0; i < g->added_count; i++)
        if (g->added[i].type == type && addr_equal(&g->added[i].addr, a)) {
            forget(g, i);
            return;
        }
}

void gather_set_facts(struct gather *g, const struct nat_facts *facts)
{
    g->facts = *facts;
    g->changed(g->arg);
}

void gather_set_port(struct gather *g, uint16_t port)
{
    g->facts.last_port = port;
}

struct nat_facts gather_facts(const struct gather *g)
{
    struct nat_facts facts = g->facts;
    if (g->node->options->opener_ttl > 0)
        facts.opener_ttl = g->node->options->opener_ttl;
    return facts;
}

/* ---- the list ---- */

struct listing {
    const struct gather *gather;
    struct candidate *out;
    size_t count;
    size_t left; /* of the kind that is being listed */
};

static void put(struct listing *l, enum candidate_type type, const struct addr *a)
{
    for (size_t i = 0; i < l->count; i++)
        if (addr_equal(&l->out[i].addr, a))
            return;
    if (l->count == CANDIDATES_MAX || l->left == 0 || addr_port(a) == 0)
        return;
    l->out[l->count++] = (struct candidate){.type = type, .addr = *a};
    l->left--;
}

/* Made by software on this machine: worth trying after everything else, as what is behind them is
 * seldom the way to somebody else. */
static bool is_artificial(const struct interface *i)
{
    static const char *const PREFIX[] = {"br-", "docker", "veth",   "virbr",    "vmnet", "vboxnet",
                                         "lxc", "lxd",    "podman", "cni",      "tun",   "tap",
                                         "wg",  "ppp",    "zt",     "tailscale"};

    for (size_t k = 0; k < sizeof(PREFIX) / sizeof(PREFIX[0]); k++)
        if (strncmp(i->name, PREFIX[k], strlen(PREFIX[k])) == 0)
            return true;
    return false;
}

/* The port at which an address of ours is listened on by a main socket; 0: at none. */
static uint16_t port_at(const struct hub *h, const struct addr *a)
{
    for (size_t i = 0; i < h->sockets; i++) {
        const struct addr *local = &h->socket[i].local;
        if (addr_is_v6(local) == addr_is_v6(a) &&
            (addr_is_unspecified(local) || addr_same_ip(local, a)))
            return addr_port(local);
    }
    return 0;
}

/* Peers refuse loopback and link-local addresses, so they are not told any. */
static void put_interfaces(struct listing *l, bool artificial)
{
    const struct gather *g = l->gather;

    for (size_t i = 0; i < g->interfaces; i++) {
        struct addr a = g->interface[i].addr;
        if (g->interface[i].loopback || addr_is_loopback(&a) || addr_is_link_local(&a) ||
            is_artificial(&g->interface[i]) != artificial)
            continue;
        addr_set_port(&a, port_at(g->node->hub, &a));
        put(l, CANDIDATE_HOST, &a);
    }
}

/* Whoever connects could claim to see us anywhere, and have our peers send their probes there. So
 * only those count that a person has to do with: the peers with an entry here, and whom we dialled,
 * which is them and their relays. */
static bool is_believed(const struct gather *g, const struct peer *p)
{
    struct quic_conn_info info;
    quic_conn_info(peer_conn(p), &info);
    return info.dialled || registry_peer(g->node->registry, &p->id);
}

/* The paths that work from a socket of ours straight to a peer that is believed, with where it sees
 * us. Returns how many were written. */
static size_t look_from(const struct gather *g, const struct peer *p, uint32_t via,
                        struct path_info out[static PATH_SET_MAX])
{
    size_t used = 0, count = 0;

    if (peer_conn(p) && is_believed(g, p))
        count = quic_conn_paths(peer_conn(p), out, PATH_SET_MAX);
    for (size_t i = 0; i < count && i < PATH_SET_MAX; i++)
        if (out[i].path.kind == PATH_UDP && out[i].path.via == via && out[i].state == PATH_GOOD)
            out[used++] = out[i];
    return used;
}

static void put_seen(void *arg, struct peer *p)
{
    struct listing *l = arg;
    struct path_info path[PATH_SET_MAX];
    size_t count = l->left > 0 ? look_from(l->gather, p, 0, path) : 0;

    for (size_t i = 0; i < count; i++)
        if (!addr_is_none(&path[i].seen))
            put(l, CANDIDATE_PEER, &path[i].seen);
}

static struct listing list_seen(const struct gather *g, struct candidate room[CANDIDATES_MAX])
{
    struct listing l = {.gather = g, .out = room, .left = SEEN_MAX};
    g->node->each(g->node->node, put_seen, &l);
    return l;
}

/* What a STUN server said half an hour ago is less than what peers see now. */
static bool is_out_of_date(const struct listing *seen, const struct candidate *c)
{
    bool others = false;

    for (size_t i = 0; i < seen->count; i++) {
        if (addr_same_ip(&seen->out[i].addr, &c->addr))
            return false;
        others = others || addr_is_v6(&seen->out[i].addr) == addr_is_v6(&c->addr);
    }
    return others && c->type == CANDIDATE_REFLEXIVE;
}

bool gather_is_out_of_date(const struct gather *g)
{
    struct candidate room[CANDIDATES_MAX];
    struct listing seen = list_seen(g, room);

    for (size_t i = 0; i < g->added_count; i++)
        if (is_out_of_date(&seen, &g->added[i]))
            return true;
    return false;
}

size_t gather_list(const struct gather *g, struct candidate out[static CANDIDATES_MAX])
{
    const struct node_options *o = g->node->options;
    struct candidate room[CANDIDATES_MAX];
    struct listing l = {.gather = g, .out = out};

    l.left = NODE_EXTERNAL_MAX;
    for (size_t i = 0; i < NODE_EXTERNAL_MAX && !addr_is_none(&o->external[i]); i++)
        put(&l, CANDIDATE_CONFIGURED, &o->external[i]);
    l.left = HOST_MAX;
    put_interfaces(&l, false);
    size_t left = l.left;
    struct listing seen = list_seen(g, room);
    l.left = GATHER_ADDED_MAX;
    for (size_t i = g->added_count; i-- > 0;)
        if (!is_out_of_date(&seen, &g->added[i]))
            put(&l, g->added[i].type, &g->added[i].addr);
    l.left = SEEN_MAX;
    for (size_t i = 0; i < seen.count; i++)
        put(&l, CANDIDATE_PEER, &seen.out[i].addr);
    l.left = left;
    put_interfaces(&l, true);
    return l.count;
}

bool gather_is_near(const struct gather *g, const struct addr *a)
{
    for (size_t i = 0; i < g->interfaces; i++) {
        const struct interface *f = &g->interface[i];
        const struct addr_prefix net = {.addr = f->addr, .bits = f->prefix_bits};
        if (!f->loopback && addr_prefix_contains(&net, a))
            return true;
    }
    return false;
}

static bool is_everybody(const struct gather *g, const struct addr *a)
{
    for (size_t i = 0; i < g->interfaces; i++) {
        const struct addr_prefix net = {.addr = g->interface[i].addr,
                                        .bits = g->interface[i].prefix_bits};
        if (addr_prefix_is_everybody(&net, a))
            return true;
    }
    return false;
}

bool gather_may_be_peer(const struct gather *g, const struct addr *a)
{
    const struct hub *hub = g->node->hub;
    return !is_everybody(g, a) && !nat64_holds(&hub->nat64, a) && hub_admits(hub, a);
}

/* ---- other sockets ---- */

struct look {
    const struct gather *gather;
    uint32_t via;
    const struct quic_conn *owner;
    struct addr seen;
    bool done;
};

/* The path to the peer by its main socket, by another one: the answer to the first probe says it.
 */
static void show_to(void *arg, struct peer *p)
{
    struct look *l = arg;
    struct path_info path[PATH_SET_MAX];
    size_t count = l->done ? 0 : look_from(l->gather, p, 0, path);

    for (size_t i = 0; i < count && !l->done; i++) {
        if (!path[i].current || addr_is_v6(&path[i].path.remote) ||
            gather_is_near(l->gather, &path[i].path.remote))
            continue;
        const struct path by_it = {.kind = PATH_UDP, .via = l->via, .remote = path[i].path.remote};
        quic_conn_add_path(peer_conn(p), &by_it);
        l->done = true;
    }
}

void gather_show(const struct gather *g, uint32_t via)
{
    struct look l = {.gather = g, .via = via};
    g->node->each(g->node->node, show_to, &l);
}

static void look_for(void *arg, struct peer *p)
{
    struct look *l = arg;
    struct path_info path[PATH_SET_MAX];

    if (l->done || look_from(l->gather, p, l->via, path) == 0)
        return;
    l->seen = path[0].seen;
    l->done = !addr_is_none(&l->seen);
}

bool gather_seen(const struct gather *g, uint32_t via, struct addr *out)
{
    struct look l = {.gather = g, .via = via};
    g->node->each(g->node->node, look_for, &l);
    *out = l.seen;
    return l.done;
}

static void hide_from(void *arg, struct peer *p)
{
    const struct look *l = arg;
    struct path_info path[PATH_SET_MAX];
    size_t count = 0;

    if (peer_conn(p) && peer_conn(p) != l->owner)
        count = quic_conn_paths(peer_conn(p), path, PATH_SET_MAX);

    for (size_t i = 0; i < count && i < PATH_SET_MAX; i++)
        if (path[i].path.kind == PATH_UDP && path[i].path.via == l->via)
            quic_conn_path_gone(peer_conn(p), &path[i].path);
}

void gather_hide(const struct gather *g, uint32_t via, const struct quic_conn *owner)
{
    struct look l = {.gather = g, .via = via, .owner = owner};
    g->node->each(g->node->node, hide_from, &l);
}
