#include "tests/natlab/nat.h"

#include <assert.h>
#include <errno.h>

#include "tests/natlab/nat_ports.h"
#include "tests/natlab/nat_table.h"
#include "tests/support/random.h"

#define FIRST_PORT 1024
#define LAST_PORT  65535
#define BLOCK      512
#define FLOWS_MAX  16384

/* Linux: nf_conntrack_udp_timeout, _udp_timeout_stream, _icmp_timeout, and TCP's. RFC 5382 REQ-5
 * wants two hours and four minutes of an established connection. */
#define UNREPLIED       SEC(30)
#define STREAM          SEC(120)
#define PING            SEC(30)
#define TCP_OPENING     SEC(120)
#define TCP_ESTABLISHED SEC(7440)
#define TCP_CLOSED      SEC(10)

#define SWEEP_EVERY SEC(1)

enum { OURS_CLOSED = 1, THEIRS_CLOSED = 2, BOTH_CLOSED = 3 };

/* ---- beginning and end ---- */

static void set_defaults(struct nat_config *c)
{
    c->port_min = c->port_min > 0 ? c->port_min : FIRST_PORT;
    c->port_max = c->port_max > 0 ? c->port_max : LAST_PORT;
    c->block = c->block > 0 ? c->block : BLOCK;
    c->unreplied = c->unreplied > 0 ? c->unreplied : UNREPLIED;
    c->stream = c->stream > 0 ? c->stream : STREAM;
    c->flows_max = c->flows_max > 0 ? c->flows_max : FLOWS_MAX;
    assert(c->port_min <= c->port_max);
}

static void draw_first_port(struct nat *n)
{
    unsigned count = n->config.port_max - n->config.port_min + 1u;
    n->next_port = (uint16_t)(n->config.port_min + random_below(&n->chance, count));
}

int nat_init(struct nat *n, const struct nat_config *config, const struct addr *public,
             uint64_t seed)
{
    *n = (struct nat){.config = *config, .chance = seed};
    if (public)
        n->public = *public;
    set_defaults(&n->config);
    draw_first_port(n);
    n->table = nat_table_new();
    return n->table ? 0 : -ENOMEM;
}

void nat_deinit(struct nat *n)
{
    nat_table_free(n->table);
    n->table = NULL;
}

void nat_reboot(struct nat *n, const struct addr *public)
{
    nat_table_clear(n->table);
    if (public)
        n->public = *public;
    draw_first_port(n);
}

static void sweep(struct nat *n, instant now)
{
    if (now < n->sweep_at && n->table->count < n->config.flows_max)
        return;
    nat_table_sweep(n->table, now);
    n->sweep_at = now + SWEEP_EVERY;
}

size_t nat_mapping_count(struct nat *n, instant now)
{
    size_t count = 0;
    nat_table_sweep(n->table, now);
    for (unsigned i = 0; i < NAT_BUCKETS; i++)
        list_each(node, &n->table->by_public[i]) count += !nat_flow_by_public(node)->local;
    return count;
}

/* ---- rules ---- */

static bool translates(const struct nat *n, const struct addr *a)
{
    return n->config.mapping != NAT_MAP_NONE && !addr_is_v6(a);
}

/* Nothing is remembered of what may pass anyway. */
static bool is_open(const struct nat *n, const struct addr *a)
{
    if (addr_is_v6(a))
        return n->config.open_v6;
    return n->config.mapping == NAT_MAP_NONE && n->config.filter == NAT_FILTER_EI;
}

/* What of the remote a mapping is for. */
static struct addr key_of(const struct nat *n, const struct addr *remote)
{
    struct addr key = *remote;
    switch (addr_is_v6(remote) ? NAT_MAP_NONE : n->config.mapping) {
    case NAT_MAP_NONE:
    case NAT_MAP_EI:
        return (struct addr){0};
    case NAT_MAP_AD:
        addr_set_port(&key, 0);
        return key;
    case NAT_MAP_APD:
    case NAT_MAP_LINUX:
        break;
    }
    return key;
}

static bool may_come_in(const struct nat *n, instant now, const struct nat_flow *f,
                        const struct addr *remote)
{
    enum nat_filter rule = addr_is_v6(remote) ? NAT_FILTER_APD : n->config.filter;
    if (f->local)
        return addr_equal(&f->key, remote);
    return rule == NAT_FILTER_EI || nat_flow_permit(f, now, remote, rule == NAT_FILTER_AD) != NULL;
}

static instant lease_of(const struct nat *n, enum nat_proto proto, const struct nat_permit *p)
{
    switch (proto) {
    case NAT_UDP:
        return p->replied ? n->config.stream : n->config.unreplied;
    case NAT_PING:
        return PING;
    case NAT_TCP:
        break;
    }
    if (p->closing == BOTH_CLOSED)
        return TCP_CLOSED;
    return p->replied ? TCP_ESTABLISHED : TCP_OPENING;
}

/* ---- finding and refreshing ---- */

static struct nat_flow *flow_from(const struct nat *n, instant now, const struct nat_packet *p)
{
    struct addr key = key_of(n, &p->to);
    list_each(node, nat_table_inside(n->table, p->proto, &p->from))
    {
        struct nat_flow *f = nat_flow_by_inside(node);
        if (f->until > now && f->proto == p->proto && addr_equal(&f->inside, &p->from) &&
            addr_equal(&f->key, &key))
            return f;
    }
    return NULL;
}

/* The flow that a packet from outside belongs to: one that knows its sender, or one that may. */
static struct nat_flow *flow_to(const struct nat *n, instant now, const struct addr *public,
                                const struct addr *remote, enum nat_proto proto)
{
    struct nat_flow *other = NULL;
    list_each(node, nat_table_public(n->table, addr_port(public)))
    {
        struct nat_flow *f = nat_flow_by_public(node);
        if (f->until <= now || f->proto != proto || !addr_equal(&f->public, public) ||
            !may_come_in(n, now, f, remote))
            continue;
        if (f->local || nat_flow_permit(f, now, remote, false))
            return f;
        other = f;
    }
    return other;
}

static struct nat_flow *new_flow(struct nat *n, instant now, const struct nat_packet *p)
{
    struct nat_flow f = {.proto = p->proto, .inside = p->from, .key = key_of(n, &p->to)};
    if (n->table->count + 2 > n->config.flows_max)
        return NULL;
    f.public = p->from;
    if (translates(n, &p->to)) {
        uint16_t port = nat_pick_port(n, now, p->proto, &p->from, &p->to);
        if (port == 0)
            return NULL;
        f.public = n->public;
        addr_set_port(&f.public, port);
    }
    return nat_table_add(n->table, &f);
}

/* A mapping lives as long as the longest of its permits. */
static void settle_lease(struct nat_flow *f)
{
    f->until = 0;
    for (const struct nat_permit *p = f->permits; p; p = p->next)
        f->until = p->until > f->until ? p->until : f->until;
}

static void note_tcp(struct nat_permit *permit, uint8_t flags, bool outgoing)
{
    if (flags & NAT_TCP_SYN)
        permit->closing = 0;
    if (flags & NAT_TCP_FIN)
        permit->closing |= outgoing ? OURS_CLOSED : THEIRS_CLOSED;
    if (flags & NAT_TCP_RST)
        permit->closing = BOTH_CLOSED;
}

static void refresh(const struct nat *n, instant now, struct nat_flow *f, struct nat_permit *permit)
{
    permit->until = now + lease_of(n, f->proto, permit);
    if (f->proto == NAT_TCP)
        settle_lease(f);
    else if (permit->until > f->until)
        f->until = permit->until;
}

/* Returns the flow by which a packet leaves, which is then alive, or NULL: the table is full. */
static struct nat_flow *leave_by(struct nat *n, instant now, const struct nat_packet *p)
{
    struct nat_flow *f = flow_from(n, now, p);
    if (!f)
        f = new_flow(n, now, p);
    if (!f)
        return NULL;
    struct nat_permit *permit = nat_flow_permit(f, now, &p->to, false);
    if (!permit && n->table->count < n->config.flows_max)
        permit = nat_table_permit(n->table, f, &p->to);
    if (!permit)
        return NULL;
    note_tcp(permit, p->tcp_flags, true);
    refresh(n, now, f, permit);
    return f;
}

static void come_by(const struct nat *n, instant now, struct nat_flow *f,
                    const struct nat_packet *p)
{
    struct nat_permit *permit = nat_flow_permit(f, now, &p->from, false);
    if (permit) {
        permit->replied = true;
        note_tcp(permit, p->tcp_flags, false);
    }
    if (n->config.keeps_on_out_only)
        return;
    if (permit)
        refresh(n, now, f, permit);
    else if (f->until < now + n->config.stream)
        f->until = now + n->config.stream; /* from a stranger that the filter lets in */
}

/* ---- packets ---- */

static enum nat_verdict one_hop(struct nat *n, struct nat_packet *p)
{
    if (p->ttl <= 1) {
        n->count.expired++;
        return NAT_EXPIRED;
    }
    p->ttl--;
    return NAT_PASS;
}

static bool is_blocked(struct nat *n, const struct nat_packet *p)
{
    bool blocked = n->config.udp_blocked && p->proto == NAT_UDP;
    n->count.blocked += blocked;
    return blocked;
}

/* From inside to another socket inside, by its public port. */
static enum nat_verdict turn(struct nat *n, instant now, struct nat_packet *p)
{
    const struct nat_flow *f = leave_by(n, now, p);
    if (!f) {
        n->count.full++;
        return NAT_DROP;
    }
    struct nat_flow *target = flow_to(n, now, &p->to, &f->public, p->proto);
    if (!target || target->local) {
        n->count.filtered++;
        return NAT_DROP;
    }
    struct nat_packet seen = *p;
    seen.from = f->public;
    come_by(n, now, target, &seen);
    if (n->config.hairpin == NAT_HAIRPIN_EXTERNAL)
        p->from = f->public;
    p->to = target->inside;
    n->count.turned++;
    return NAT_TURN;
}

enum nat_verdict nat_out(struct nat *n, instant now, struct nat_packet *p)
{
    sweep(n, now);
    if (is_blocked(n, p))
        return NAT_DROP;
    /* First, as Linux: a packet that ends here makes no mapping. */
    if (one_hop(n, p) == NAT_EXPIRED)
        return NAT_EXPIRED;
    if (is_open(n, &p->to)) {
        n->count.out++;
        return NAT_PASS;
    }
    if (translates(n, &p->to) && addr_same_ip(&p->to, &n->public)) {
        if (n->config.hairpin != NAT_HAIRPIN_OFF)
            return turn(n, now, p);
        n->count.filtered++;
        return NAT_DROP;
    }
    const struct nat_flow *f = leave_by(n, now, p);
    if (!f) {
        n->count.full++;
        return NAT_DROP;
    }
    p->from = f->public;
    n->count.out++;
    return NAT_PASS;
}

/* The router takes the packet for its own, and with it the port towards its sender. */
static enum nat_verdict poison(struct nat *n, instant now, const struct nat_packet *p)
{
    struct nat_flow f = {.proto = p->proto, .local = true, .public = p->to, .key = p->from};
    f.until = now + n->config.unreplied;
    if (n->table->count < n->config.flows_max && nat_table_add(n->table, &f))
        n->count.poisoned++;
    return NAT_REFUSED;
}

static enum nat_verdict unwanted(struct nat *n, instant now, const struct nat_packet *p)
{
    n->count.filtered++;
    if (p->proto == NAT_TCP && p->tcp_flags & NAT_TCP_RST)
        return NAT_DROP;
    if (p->proto == NAT_TCP) /* the RST that answers ends the router's own flow at once */
        return n->config.refuses_tcp ? NAT_REFUSED : NAT_DROP;
    if (p->proto == NAT_UDP && n->config.mapping == NAT_MAP_LINUX && n->config.input_accepts &&
        translates(n, &p->to))
        return poison(n, now, p);
    return NAT_DROP;
}

enum nat_verdict nat_in(struct nat *n, instant now, struct nat_packet *p)
{
    sweep(n, now);
    if (is_blocked(n, p))
        return NAT_DROP;
    if (!is_open(n, &p->from)) {
        struct nat_flow *f = flow_to(n, now, &p->to, &p->from, p->proto);
        if (!f)
            return unwanted(n, now, p);
        if (f->local) {
            f->until = now + n->config.unreplied;
            n->count.filtered++;
            return NAT_REFUSED;
        }
        come_by(n, now, f, p); /* before the hop limit is looked at, as Linux */
        p->to = f->inside;
    }
    if (one_hop(n, p) == NAT_EXPIRED)
        return NAT_EXPIRED;
    n->count.in++;
    return NAT_PASS;
}

/* ---- ICMP errors ---- */

enum nat_verdict nat_error_in(struct nat *n, instant now, struct nat_packet *about)
{
    if (is_open(n, &about->to))
        return NAT_PASS;
    const struct nat_flow *f = flow_to(n, now, &about->from, &about->to, about->proto);
    if (!f || f->local || !nat_flow_permit(f, now, &about->to, false)) {
        n->count.filtered++;
        return NAT_DROP;
    }
    about->from = f->inside;
    return NAT_PASS;
}

enum nat_verdict nat_error_out(struct nat *n, instant now, struct nat_packet *about)
{
    if (is_open(n, &about->from))
        return NAT_PASS;
    list_each(node, nat_table_inside(n->table, about->proto, &about->to))
    {
        const struct nat_flow *f = nat_flow_by_inside(node);
        if (f->until <= now || f->proto != about->proto || !addr_equal(&f->inside, &about->to) ||
            !may_come_in(n, now, f, &about->from))
            continue;
        about->to = f->public;
        return NAT_PASS;
    }
    n->count.filtered++;
    return NAT_DROP;
}
