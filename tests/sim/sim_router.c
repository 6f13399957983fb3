#include "tests/sim/sim_router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/random.h"

#define MIDDLE    1000000 /* network between the two routers of an access: the LAN's number more */
#define DEPTH_MAX 4       /* routers in a row */

static struct addr ip_of(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse_ip(&a, text, 0), 0);
    return a;
}

void sim_router_init(struct sim_router *r, struct sim_world *w, unsigned inside, unsigned outside,
                     const char *public, const struct nat_config *config)
{
    const struct addr address = public ? ip_of(public) : (struct addr){0};
    *r = (struct sim_router){.world = w, .inside = inside, .outside = outside};
    assert_true(inside != INTERNET && inside != outside);
    assert_int_equal(nat_init(&r->nat, config, &address, random_next(&w->chance)), 0);
    list_append(&w->routers, &r->link);
}

void sim_router_deinit(struct sim_router *r)
{
    sim_wire_forget_router(r);
    list_remove(&r->link);
    nat_deinit(&r->nat);
}

void sim_router_reboot(struct sim_router *r, const char *public)
{
    const struct addr address = public ? ip_of(public) : (struct addr){0};
    nat_reboot(&r->nat, public ? &address : NULL);
}

void sim_access_init(struct sim_access *a, struct sim_world *w, const char *preset,
                     unsigned network, const char *public)
{
    const struct nat_preset *p = nat_preset_find(preset);
    char middle[ADDR_TEXT_MAX];
    assert_non_null(p);
    *a = (struct sim_access){.depth = p->depth, .network = network};
    a->translates = p->router[0].mapping != NAT_MAP_NONE;
    (void)snprintf(a->public, sizeof(a->public), "%s", public);
    (void)snprintf(middle, sizeof(middle), "100.64.%u.%u", network / 250 % 250, network % 250 + 1);
    for (unsigned i = 0; i < p->depth; i++) {
        bool last = i + 1 == p->depth;
        sim_router_init(&a->router[i], w, network + i * MIDDLE,
                        last ? INTERNET : network + (i + 1) * MIDDLE,
                        !a->translates ? NULL : (last ? public : middle), &p->router[i]);
    }
}

void sim_access_deinit(struct sim_access *a)
{
    for (unsigned i = 0; i < a->depth; i++)
        sim_router_deinit(&a->router[i]);
}

struct sim_interface *sim_access_join(struct sim_access *a, struct sim_host *h, const char *address)
{
    char public[ADDR_TEXT_MAX + 4];
    (void)snprintf(public, sizeof(public), "%s/32", a->public);
    return sim_host_join(h, a->network, a->translates ? address : public);
}

/* ---- ways ---- */

bool sim_router_serves(const struct sim_world *w, unsigned network)
{
    list_each(node, &w->routers) if (list_entry(node, struct sim_router, link)->inside ==
                                     network) return true;
    return false;
}

static bool host_has(const struct sim_world *w, unsigned network, const struct addr *to)
{
    list_each(node, &w->hosts)
    {
        const struct sim_interface *i =
            sim_interface_of(list_entry(node, struct sim_host, link), to);
        if (i && i->network == network)
            return true;
    }
    return false;
}

/* What is sent to `to` outside arrives at this router: it is its own address, or one behind it that
 * it leaves as it is. */
static bool answers_for(const struct sim_router *r, const struct addr *to, unsigned depth)
{
    if (addr_same_ip(&r->nat.public, to))
        return true;
    if (depth == DEPTH_MAX || (r->nat.config.mapping != NAT_MAP_NONE && !addr_is_v6(to)))
        return false;
    if (host_has(r->world, r->inside, to))
        return true;
    list_each(node, &r->world->routers)
    {
        const struct sim_router *next = list_entry(node, struct sim_router, link);
        if (next->outside == r->inside && answers_for(next, to, depth + 1))
            return true;
    }
    return false;
}

struct sim_router *sim_router_towards(const struct sim_world *w, unsigned network,
                                      const struct addr *to, bool *from_outside)
{
    struct sim_router *out = NULL;
    *from_outside = false;
    list_each(node, &w->routers)
    {
        struct sim_router *r = list_entry(node, struct sim_router, link);
        if (r->outside == network && answers_for(r, to, 0)) {
            *from_outside = true;
            return r;
        }
        if (r->inside == network && !out)
            out = r;
    }
    return out;
}
