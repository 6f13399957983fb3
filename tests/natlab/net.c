#include "tests/natlab/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/natlab/ip.h"
#include "tests/support/random.h"

#define FLYING_MAX 65536 /* packets under way at once */
#define DEPTH_MAX  4     /* routers in a row */
#define HOPS       6

/* A packet in a line. */
struct flight {
    struct timer timer;
    struct net *net;
    struct net_host *host;     /* whose line it is in, or NULL */
    struct net_router *router; /* or this one's */
    void (*landed)(struct flight *f);
    unsigned network; /* where it is, or goes to */
    struct ip_packet ip;
    uint8_t data[];
};

/* ---- beginning and end ---- */

void net_init(struct net *n, uint64_t seed,
              void (*deliver)(void *arg, struct net_host *h, const uint8_t *data, size_t len),
              void *arg)
{
    *n = (struct net){.seed = seed, .chance = seed, .hops = HOPS, .deliver = deliver, .arg = arg};
}

void net_deinit(struct net *n)
{
    for (struct timer *t; (t = heap_take_due(&n->flying, INSTANT_NEVER - 1));)
        free(container_of(t, struct flight, timer));
    heap_deinit(&n->flying);
    for (unsigned i = 0; i < n->router_count; i++)
        nat_deinit(&n->router[i].nat);
}

struct net_host *net_host_named(struct net *n, const char *name)
{
    for (unsigned i = 0; i < n->host_count; i++)
        if (strcmp(n->host[i].name, name) == 0)
            return &n->host[i];
    return NULL;
}

struct net_router *net_router_named(struct net *n, const char *name)
{
    for (unsigned i = 0; i < n->router_count; i++)
        if (strcmp(n->router[i].name, name) == 0)
            return &n->router[i];
    return NULL;
}

unsigned net_inside(const struct net *n, const struct net_router *r)
{
    return (unsigned)(r - n->router) + 1;
}

struct net_router *net_add_router(struct net *n, const char *name, unsigned outside,
                                  const struct addr *public, const struct nat_config *config)
{
    if (n->router_count == NET_ROUTERS_MAX)
        return NULL;
    static const uint8_t inside[4] = {192, 168, 1, 1};
    struct net_router *r = &n->router[n->router_count];
    /* By place, not in turn: one more router leaves the ports of the others as they were. */
    uint64_t seed = n->seed * 1000003 + n->router_count;
    *r = (struct net_router){.outside = outside, .inside = addr_v4(inside, 0)};
    if (nat_init(&r->nat, config, public, random_next(&seed)) < 0)
        return NULL;
    (void)snprintf(r->name, sizeof(r->name), "%s", name);
    n->router_count++;
    return r;
}

struct net_host *net_add_host(struct net *n, const char *name)
{
    if (n->host_count == NET_HOSTS_MAX)
        return NULL;
    struct net_host *h = &n->host[n->host_count++];
    *h = (struct net_host){.network = NET_INTERNET};
    (void)snprintf(h->name, sizeof(h->name), "%s", name);
    return h;
}

/* ---- ways ---- */

static bool host_has(const struct net_host *h, const struct addr *a)
{
    for (unsigned i = 0; i < h->address_count; i++)
        if (addr_same_ip(&h->address[i], a))
            return true;
    return false;
}

static struct net_host *host_on(struct net *n, unsigned network, const struct addr *a)
{
    for (unsigned i = 0; i < n->host_count; i++)
        if (n->host[i].network == network && host_has(&n->host[i], a))
            return &n->host[i];
    return NULL;
}

/* What is sent to `to` outside arrives at this router: it is its own address, or one behind it that
 * it leaves as it is. */
static bool answers_for(struct net *n, const struct net_router *r, const struct addr *to,
                        unsigned depth)
{
    if (addr_same_ip(&r->nat.public, to))
        return true;
    if (depth == DEPTH_MAX || (r->nat.config.mapping != NAT_MAP_NONE && !addr_is_v6(to)))
        return false;
    if (host_on(n, net_inside(n, r), to))
        return true;
    for (unsigned i = 0; i < n->router_count; i++)
        if (n->router[i].outside == net_inside(n, r) &&
            answers_for(n, &n->router[i], to, depth + 1))
            return true;
    return false;
}

static struct net_router *router_to(struct net *n, unsigned network, const struct addr *to)
{
    for (unsigned i = 0; i < n->router_count; i++)
        if (n->router[i].outside == network && answers_for(n, &n->router[i], to, 0))
            return &n->router[i];
    return NULL;
}

static bool is_cut(const struct net *n, const struct addr *from, const struct addr *to)
{
    for (unsigned i = 0; i < n->cut_count; i++)
        if ((addr_same_ip(&n->cut[i].a, from) && addr_same_ip(&n->cut[i].b, to)) ||
            (addr_same_ip(&n->cut[i].a, to) && addr_same_ip(&n->cut[i].b, from)))
            return true;
    return false;
}

/* ---- lines ---- */

static void lose(struct flight *f)
{
    f->net->lost++;
    free(f);
}

/* NULL: too many are under way, or no memory, or not a packet that routers read. */
static struct flight *new_flight(struct net *n, const uint8_t *data, size_t len)
{
    struct flight *f = NULL;
    if (n->flying.count < FLYING_MAX && len <= NET_PACKET_MAX)
        f = malloc(sizeof(*f) + len);
    if (!f) {
        n->lost++;
        return NULL;
    }
    *f = (struct flight){.net = n};
    memcpy(f->data, data, len);
    if (ip_parse(&f->ip, f->data, len) < 0) {
        lose(f);
        return NULL;
    }
    return f;
}

static void travel(struct flight *f);

/* Sends an ICMP error, or anything else of its own, from a network to where it is addressed. */
static void answer(struct net *n, unsigned network, const uint8_t *data, size_t len)
{
    struct flight *f = len > 0 ? new_flight(n, data, len) : NULL;
    if (!f)
        return;
    n->complaints++;
    f->network = network;
    travel(f);
}

static void complain(const struct flight *f, const struct addr *from, enum ip_complaint what,
                     size_t mtu)
{
    uint8_t out[IP_ANSWER_MAX];
    struct addr source = *from;
    /* Routers have an IPv6 address too; which does not matter. */
    static const uint8_t source6[16] = {0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff, [15] = 1};
    if (f->ip.v6)
        source = addr_v6(source6, 0, 0);
    if (!f->net->silent)
        answer(f->net, f->network, out, ip_make_error(out, &f->ip, &source, what, mtu));
}

static struct addr internet_hop(unsigned hop)
{
    const uint8_t ip[4] = {198, 18, 0, (uint8_t)hop};
    return addr_v4(ip, 0);
}

static void on_landed(struct timer *timer)
{
    struct flight *f = container_of(timer, struct flight, timer);
    f->landed(f);
}

/* Sends a packet into a line, and takes it. */
static void enter(struct flight *f, struct sim_link *line, void (*landed)(struct flight *f))
{
    struct net *n = f->net;
    if (f->ip.len > sim_link_mtu(line) && f->ip.whole) {
        const struct addr here = internet_hop(0);
        complain(f, &here, IP_TOO_BIG, sim_link_mtu(line));
    }
    f->landed = landed;
    f->timer.fire = on_landed;
    instant out = sim_link_pass(line, n->now, f->ip.len, &n->chance);
    if (out == INSTANT_NEVER || heap_set(&n->flying, &f->timer, out) < 0)
        lose(f);
}

static void at_host(struct flight *f)
{
    struct net *n = f->net;
    f->host->received++;
    n->deliver(n->arg, f->host, f->data, f->ip.len);
    free(f);
}

/* ---- routers ---- */

/* Shows a packet to a router and rewrites it as told. */
static enum nat_verdict judge_flow(struct flight *f, struct net_router *r, bool is_in)
{
    struct nat_packet seen = f->ip.seen;
    instant now = f->net->now;
    enum nat_verdict v = is_in ? nat_in(&r->nat, now, &seen) : nat_out(&r->nat, now, &seen);
    if (v == NAT_PASS || v == NAT_TURN) {
        ip_readdress(&f->ip, &seen.from, &seen.to);
        ip_set_ttl(&f->ip, seen.ttl);
    }
    return v;
}

static enum nat_verdict judge_error(struct flight *f, struct net_router *r, bool is_in)
{
    struct nat_packet about = f->ip.seen;
    struct addr from = f->ip.from, to = f->ip.to;
    instant now = f->net->now;
    if (f->ip.ttl <= 1)
        return NAT_DROP;
    enum nat_verdict v =
        is_in ? nat_error_in(&r->nat, now, &about) : nat_error_out(&r->nat, now, &about);
    if (v != NAT_PASS)
        return v;
    /* Errors go to whom the packet came from, and come from its target or a router on the way. */
    if (is_in)
        to = about.from;
    else if (!addr_is_v6(&from) && r->nat.config.mapping != NAT_MAP_NONE)
        from = r->nat.public;
    ip_readdress_error(&f->ip, &from, &to, &about);
    ip_set_ttl(&f->ip, (uint8_t)(f->ip.ttl - 1));
    return v;
}

/* Other protocols pass where nothing is translated. */
static enum nat_verdict judge_other(struct flight *f, const struct net_router *r)
{
    if (r->nat.config.mapping != NAT_MAP_NONE || f->ip.ttl <= 1)
        return NAT_DROP;
    ip_set_ttl(&f->ip, (uint8_t)(f->ip.ttl - 1));
    return NAT_PASS;
}

static enum nat_verdict judge(struct flight *f, struct net_router *r, bool is_in)
{
    switch (f->ip.kind) {
    case IP_FLOW:
        return judge_flow(f, r, is_in);
    case IP_ERROR:
        return judge_error(f, r, is_in);
    case IP_OTHER:
        break;
    }
    return judge_other(f, r);
}

static void refuse(struct flight *f, const struct addr *from)
{
    uint8_t out[IP_ANSWER_MAX];
    if (f->ip.seen.proto == NAT_TCP)
        answer(f->net, f->network, out, ip_make_reset(out, &f->ip));
    else
        complain(f, from, IP_PORT_UNREACHABLE, 0);
}

static void after_up(struct flight *f)
{
    f->router = NULL;
    travel(f);
}

static void after_down(struct flight *f)
{
    struct net_router *r = f->router;
    enum nat_verdict v = judge(f, r, true);
    f->router = NULL;
    if (v == NAT_EXPIRED)
        complain(f, &r->nat.public, IP_TIME_EXCEEDED, 0);
    if (v == NAT_REFUSED)
        refuse(f, &r->nat.public);
    if (v != NAT_PASS) {
        lose(f);
        return;
    }
    f->network = net_inside(f->net, r);
    travel(f);
}

static void leave(struct flight *f, struct net_router *r)
{
    if (!ip_is_one_host(&f->ip.to)) { /* such packets stay on their network, and take no port */
        lose(f);
        return;
    }
    enum nat_verdict v = judge(f, r, false);
    if (v == NAT_TURN) {
        travel(f);
        return;
    }
    if (v == NAT_EXPIRED)
        complain(f, &r->inside, IP_TIME_EXCEEDED, 0);
    if (v != NAT_PASS) {
        lose(f);
        return;
    }
    f->router = r;
    f->network = r->outside;
    enter(f, &r->up, after_up);
}

/* ---- networks ---- */

/* What is said to the router itself, or to all on its network, is not translated: it maps no ports,
 * so that is not answered. */
static bool stays(const struct net_router *r, const struct addr *to)
{
    return addr_same_ip(&r->inside, to) || addr_is_multicast(to);
}

/* Returns false when the packet got lost on the internet, or was told so. */
static bool cross_internet(struct flight *f)
{
    const struct net *n = f->net;
    if (is_cut(n, &f->ip.from, &f->ip.to))
        return false;
    if (f->ip.ttl > n->hops) {
        ip_set_ttl(&f->ip, (uint8_t)(f->ip.ttl - n->hops));
        return true;
    }
    const struct addr hop = internet_hop(f->ip.ttl);
    complain(f, &hop, IP_TIME_EXCEEDED, 0);
    return false;
}

static void travel(struct flight *f)
{
    struct net *n = f->net;
    if (f->network == NET_INTERNET && !cross_internet(f)) {
        lose(f);
        return;
    }
    struct net_host *h = host_on(n, f->network, &f->ip.to);
    struct net_router *r = h ? NULL : router_to(n, f->network, &f->ip.to);
    if (h) {
        f->host = h;
        enter(f, &h->down, at_host);
    } else if (r) {
        f->router = r;
        enter(f, &r->down, after_down);
    } else if (f->network != NET_INTERNET && !stays(&n->router[f->network - 1], &f->ip.to)) {
        leave(f, &n->router[f->network - 1]);
    } else {
        lose(f);
    }
}

static void after_host(struct flight *f)
{
    f->host = NULL;
    travel(f);
}

void net_send(struct net *n, instant now, struct net_host *h, const uint8_t *data, size_t len)
{
    net_run(n, now);
    h->sent++;
    struct flight *f = new_flight(n, data, len);
    if (!f)
        return;
    f->host = h;
    f->network = h->network;
    enter(f, &h->up, after_host);
}

void net_run(struct net *n, instant now)
{
    for (instant due; (due = net_due(n)) <= now;) {
        n->now = due > n->now ? due : n->now;
        struct timer *t = heap_take_due(&n->flying, n->now);
        t->fire(t);
    }
    n->now = now > n->now ? now : n->now;
}
