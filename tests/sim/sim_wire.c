#include "tests/sim/sim_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_router.h"

static void on_uplink_end(struct timer *timer);
static void on_downlink_end(struct timer *timer);

/* ---- lines ---- */

static size_t ip_len(const struct sim_packet *p)
{
    return p->len + (p->proto == NAT_TCP ? 20 : 8) + (addr_is_v6(&p->to) ? 40 : 20);
}

struct sim_packet *sim_wire_copy(const struct sim_packet *p)
{
    struct sim_packet *copy = malloc(sizeof(*p) + p->len);
    assert_non_null(copy);
    memcpy(copy, p, sizeof(*p) + p->len);
    copy->link = (struct list){0};
    copy->timer = (struct timer){0};
    return copy;
}

void sim_wire_lose(struct sim_packet *p)
{
    p->host->lost++;
    free(p);
}

static void fly(struct sim_packet *p, struct sim_link *line, void (*at_end)(struct timer *timer))
{
    instant out = sim_link_pass(line, p->world->now, ip_len(p), &p->world->chance);
    if (out == INSTANT_NEVER) {
        sim_wire_lose(p);
        return;
    }
    p->timer.fire = at_end;
    list_append(&p->world->flying, &p->link);
    sim_set_timer(p->world, &p->timer, out);
}

/* The packet that has come to the end of its line. */
static struct sim_packet *landed(struct timer *timer)
{
    struct sim_packet *p = container_of(timer, struct sim_packet, timer);
    list_remove(&p->link);
    return p;
}

/* Forgets what flies from or to a host, or through a router. */
static void forget(struct sim_world *w, const struct sim_host *h, const struct sim_router *r)
{
    struct list *node = w->flying.next;
    while (node != &w->flying) {
        struct sim_packet *p = list_entry(node, struct sim_packet, link);
        node = node->next;
        if (p->host != h && (!r || p->router != r))
            continue;
        sim_stop_timer(w, &p->timer);
        list_remove(&p->link);
        free(p);
    }
}

void sim_wire_forget(struct sim_host *h)
{
    forget(h->world, h, NULL);
}

void sim_wire_forget_router(struct sim_router *r)
{
    forget(r->world, NULL, r);
}

/* Sends a packet into a line, maybe twice, and takes it. */
static void enter(struct sim_packet *p, struct sim_link *line, void (*at_end)(struct timer *timer))
{
    struct sim_world *w = p->world;
    if (sim_happens(w, line->repeat))
        fly(sim_wire_copy(p), line, at_end);
    fly(p, line, at_end);
}

static void on_downlink_end(struct timer *timer)
{
    struct sim_packet *p = landed(timer);
    /* It may have moved away meanwhile. */
    if (!p->many && !sim_interface_of(p->host, &p->to)) {
        sim_wire_lose(p);
        return;
    }
    p->arrived(p);
}

/* ---- in the network ---- */

static bool is_on(const struct sim_host *h, unsigned network, bool v6)
{
    for (unsigned i = 0; i < h->interface_count; i++)
        if (h->interface[i].network == network && addr_is_v6(&h->interface[i].is.addr) == v6)
            return true;
    return false;
}

/* Everybody on the packet's network gets a copy. */
static void spread(struct sim_packet *p)
{
    list_each(node, &p->world->hosts)
    {
        struct sim_host *h = list_entry(node, struct sim_host, link);
        if (!is_on(h, p->network, addr_is_v6(&p->to)))
            continue;
        struct sim_packet *copy = sim_wire_copy(p);
        copy->host = h;
        enter(copy, &h->down, on_downlink_end);
    }
    free(p);
}

/* Shows the packet to a router, which may rewrite it. */
static enum nat_verdict judge(struct sim_packet *p, struct sim_router *r,
                              enum nat_verdict (*rule)(struct nat *n, instant now,
                                                       struct nat_packet *p))
{
    if (p->icmp_error)
        return sim_icmp_cross(p, &r->nat, rule == nat_in);
    struct nat_packet seen = {.proto = p->proto, .from = p->from, .to = p->to, .ttl = p->ttl};
    seen.tcp_flags = p->tcp.flags;
    enum nat_verdict v = rule(&r->nat, p->world->now, &seen);
    p->from = seen.from;
    p->to = seen.to;
    p->ttl = seen.ttl;
    return v;
}

static void travel(struct sim_packet *p);

static void on_router_up_end(struct timer *timer)
{
    struct sim_packet *p = landed(timer);
    p->network = p->router->outside;
    p->router = NULL;
    travel(p);
}

static void turn_into_reset(struct sim_packet *p)
{
    const struct addr from = p->from;
    p->from = p->to;
    p->to = from;
    p->tcp.flags = NAT_TCP_RST;
    p->ttl = 64;
    p->len = 0;
}

static void on_router_down_end(struct timer *timer)
{
    struct sim_packet *p = landed(timer);
    struct sim_router *r = p->router;
    p->router = NULL;
    enum nat_verdict v = judge(p, r, nat_in);
    if (v == NAT_REFUSED && p->proto == NAT_TCP) {
        turn_into_reset(p);
        travel(p);
        return;
    }
    if (v != NAT_PASS) {
        sim_wire_lose(p);
        return;
    }
    p->network = r->inside;
    travel(p);
}

static void cross(struct sim_packet *p, struct sim_router *r, bool from_outside)
{
    enum nat_verdict v = from_outside ? NAT_PASS : judge(p, r, nat_out);
    if (v == NAT_TURN) {
        travel(p);
        return;
    }
    if (v != NAT_PASS) {
        sim_wire_lose(p);
        return;
    }
    p->router = r;
    if (from_outside)
        enter(p, &r->down, on_router_down_end);
    else
        enter(p, &r->up, on_router_up_end);
}

static bool cross_internet(struct sim_packet *p)
{
    const struct sim_world *w = p->world;
    bool may_cut = w->cut && !(w->cut_spares_tcp && p->proto == NAT_TCP);
    if (p->ttl <= w->hops || (may_cut && w->cut(w->cut_arg, &p->from, &p->to)))
        return false;
    p->ttl = (uint8_t)(p->ttl - w->hops);
    return true;
}

/* A unicast packet is on its network: to the host that has the address, or a router. */
static void travel(struct sim_packet *p)
{
    bool from_outside;
    if (p->world->tap && p->proto == NAT_UDP)
        p->world->tap(p->world->tap_arg, &p->from, &p->to, p->data, p->len);
    if (p->world->tap_syn && p->proto == NAT_TCP && p->tcp.flags == NAT_TCP_SYN)
        p->world->tap_syn(p->world->tap_arg, &p->from, &p->to);
    if (p->network == INTERNET && !cross_internet(p)) {
        sim_wire_lose(p);
        return;
    }
    list_each(node, &p->world->hosts)
    {
        struct sim_host *h = list_entry(node, struct sim_host, link);
        const struct sim_interface *i = sim_interface_of(h, &p->to);
        if (!i || i->network != p->network)
            continue;
        p->host = h;
        enter(p, &h->down, on_downlink_end);
        return;
    }
    struct sim_router *r = sim_router_towards(p->world, p->network, &p->to, &from_outside);
    if (r)
        cross(p, r, from_outside);
    else
        sim_wire_lose(p);
}

static void on_uplink_end(struct timer *timer)
{
    struct sim_packet *p = landed(timer);
    if (p->many)
        spread(p);
    else
        travel(p);
}

void sim_wire_send(struct sim_packet *p)
{
    enter(p, &p->host->up, on_uplink_end);
}

void sim_wire_send_here(struct sim_packet *p)
{
    enter(p, &p->host->lo, on_downlink_end);
}
