#include "tests/natlab/nat_ports.h"

#include <stdlib.h>

#include "tests/natlab/nat_table.h"
#include "tests/support/random.h"

#define GUESSES 64 /* before all are looked at in turn */

/* What a new flow is going to be. */
struct wish {
    struct nat *nat;
    instant now;
    enum nat_proto proto;
    const struct addr *inside, *remote;
};

static bool is_taken(const struct wish *w, uint16_t port)
{
    /* Linux compares whole tuples: one port may serve any number of remotes. */
    bool shares = w->nat->config.mapping == NAT_MAP_LINUX;
    list_each(node, nat_table_public(w->nat->table, port))
    {
        const struct nat_flow *f = nat_flow_by_public(node);
        if (f->until > w->now && f->proto == w->proto && addr_port(&f->public) == port &&
            addr_same_ip(&f->public, &w->nat->public) &&
            (!shares || addr_equal(&f->key, w->remote)))
            return true;
    }
    return false;
}

/* A free port of `count` from `first`, by chance; 0: all are taken. */
static uint16_t any_of(const struct wish *w, unsigned first, unsigned count)
{
    unsigned port = 0;
    for (unsigned i = 0; i < GUESSES; i++) {
        port = first + (unsigned)random_below(&w->nat->chance, count);
        if (!is_taken(w, (uint16_t)port))
            return (uint16_t)port;
    }
    for (unsigned i = 0; i < count; i++) {
        port = port + 1 < first + count ? port + 1 : first;
        if (!is_taken(w, (uint16_t)port))
            return (uint16_t)port;
    }
    return 0;
}

static unsigned port_count(const struct nat *n)
{
    return n->config.port_max - n->config.port_min + 1u;
}

/* Linux gives a socket the port that it has already, if that is free for this remote too: its
 * latest flow decides, so that a clash with one remote moves the port for the ones that follow. */
static uint16_t port_in_use(const struct wish *w)
{
    struct list *head = nat_table_inside(w->nat->table, w->proto, w->inside);
    for (struct list *node = head->prev; node != head; node = node->prev) {
        const struct nat_flow *f = nat_flow_by_inside(node);
        if (f->until <= w->now || f->proto != w->proto || !addr_equal(&f->inside, w->inside))
            continue;
        return is_taken(w, addr_port(&f->public)) ? 0 : addr_port(&f->public);
    }
    return 0;
}

static uint16_t preserved(const struct wish *w)
{
    uint16_t port = w->nat->config.mapping == NAT_MAP_LINUX ? port_in_use(w) : 0;
    if (port != 0)
        return port;
    port = addr_port(w->inside);
    if (port != 0 && !is_taken(w, port))
        return port;
    return any_of(w, w->nat->config.port_min, port_count(w->nat));
}

static uint16_t next_in_turn(const struct wish *w)
{
    struct nat *n = w->nat;
    for (unsigned left = port_count(n); left > 0; left--) {
        uint16_t port = n->next_port;
        n->next_port = port < n->config.port_max ? (uint16_t)(port + 1) : n->config.port_min;
        if (!is_taken(w, port))
            return port;
    }
    return 0;
}

static bool is_given(const struct nat *n, unsigned start)
{
    for (const struct nat_block *b = n->table->blocks; b; b = b->next)
        if (b->start == start)
            return true;
    return false;
}

/* Gives an inside address one more block. NULL: none is left. */
static struct nat_block *new_block(const struct wish *w)
{
    struct nat *n = w->nat;
    unsigned count = port_count(n) / n->config.block;
    if (count == 0)
        return NULL;
    unsigned at = (unsigned)random_below(&n->chance, count);
    for (unsigned i = 0; i < count; i++, at = (at + 1) % count) {
        unsigned start = n->config.port_min + at * n->config.block;
        if (is_given(n, start))
            continue;
        struct nat_block *b = calloc(1, sizeof(*b));
        if (!b)
            return NULL;
        b->inside = *w->inside;
        b->start = (uint16_t)start;
        b->next = n->table->blocks;
        n->table->blocks = b;
        return b;
    }
    return NULL;
}

static uint16_t in_block(const struct wish *w)
{
    for (const struct nat_block *b = w->nat->table->blocks; b; b = b->next) {
        uint16_t port =
            addr_same_ip(&b->inside, w->inside) ? any_of(w, b->start, w->nat->config.block) : 0;
        if (port != 0)
            return port;
    }
    const struct nat_block *b = new_block(w);
    return b ? any_of(w, b->start, w->nat->config.block) : 0;
}

uint16_t nat_pick_port(struct nat *n, instant now, enum nat_proto proto, const struct addr *inside,
                       const struct addr *remote)
{
    const struct wish w = {n, now, proto, inside, remote};
    switch (n->config.ports) {
    case NAT_PORTS_PRESERVE:
        return preserved(&w);
    case NAT_PORTS_RANDOM:
        return any_of(&w, n->config.port_min, port_count(n));
    case NAT_PORTS_SEQUENTIAL:
        return next_in_turn(&w);
    case NAT_PORTS_BLOCK:
        return in_block(&w);
    }
    return 0;
}
