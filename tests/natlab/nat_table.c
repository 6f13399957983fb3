#include "tests/natlab/nat_table.h"

#include <stdlib.h>

struct nat_table *nat_table_new(void)
{
    struct nat_table *t = calloc(1, sizeof(*t));
    for (unsigned i = 0; t && i < NAT_BUCKETS; i++) {
        list_init(&t->by_inside[i]);
        list_init(&t->by_public[i]);
    }
    return t;
}

/* Frees the permits that are over at `now`. */
static void sweep_permits(struct nat_table *t, struct nat_flow *f, instant now)
{
    for (struct nat_permit **at = &f->permits; *at;) {
        struct nat_permit *p = *at;
        if (p->until > now) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        free(p);
        t->count--;
    }
}

static void forget(struct nat_table *t, struct nat_flow *f)
{
    sweep_permits(t, f, INSTANT_NEVER);
    list_remove(&f->by_inside);
    list_remove(&f->by_public);
    free(f);
    t->count--;
}

void nat_table_sweep(struct nat_table *t, instant now)
{
    for (unsigned i = 0; i < NAT_BUCKETS; i++) {
        struct list *node = t->by_public[i].next;
        while (node != &t->by_public[i]) {
            struct nat_flow *f = nat_flow_by_public(node);
            node = node->next;
            if (f->until <= now)
                forget(t, f);
            else
                sweep_permits(t, f, now);
        }
    }
}

void nat_table_clear(struct nat_table *t)
{
    nat_table_sweep(t, INSTANT_NEVER);
    for (struct nat_block *b; (b = t->blocks);) {
        t->blocks = b->next;
        free(b);
    }
}

void nat_table_free(struct nat_table *t)
{
    if (t)
        nat_table_clear(t);
    free(t);
}

struct list *nat_table_inside(struct nat_table *t, enum nat_proto proto, const struct addr *inside)
{
    size_t len;
    const uint8_t *ip = addr_ip(inside, &len);
    uint32_t hash = (uint32_t)proto * 31 + addr_port(inside);
    for (size_t i = 0; i < len; i++)
        hash = hash * 31 + ip[i];
    return &t->by_inside[hash % NAT_BUCKETS];
}

struct list *nat_table_public(struct nat_table *t, uint16_t port)
{
    return &t->by_public[port % NAT_BUCKETS];
}

struct nat_flow *nat_table_add(struct nat_table *t, const struct nat_flow *flow)
{
    struct nat_flow *f = malloc(sizeof(*f));
    if (!f)
        return NULL;
    *f = *flow;
    list_append(nat_table_inside(t, f->proto, &f->inside), &f->by_inside);
    list_append(nat_table_public(t, addr_port(&f->public)), &f->by_public);
    t->count++;
    return f;
}

struct nat_permit *nat_flow_permit(const struct nat_flow *f, instant now, const struct addr *remote,
                                   bool ip_only)
{
    for (struct nat_permit *p = f->permits; p; p = p->next)
        if (p->until > now &&
            (ip_only ? addr_same_ip(&p->remote, remote) : addr_equal(&p->remote, remote)))
            return p;
    return NULL;
}

struct nat_permit *nat_table_permit(struct nat_table *t, struct nat_flow *f,
                                    const struct addr *remote)
{
    struct nat_permit *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->remote = *remote;
    p->next = f->permits;
    f->permits = p;
    t->count++;
    return p;
}
