#include "gateway/discovery/lan_places.h"

#include <assert.h>
#include <string.h>

#include "gateway/discovery/dnssd.h"

/* What reaches every gateway of this machine although loopback has no multicast. */
#define LOOPBACK_BROADCAST "127.255.255.255"

static struct addr literal(const char *ip, uint16_t port)
{
    struct addr a = {0};
    int err = addr_parse_ip(&a, ip, port);
    assert(err == 0);
    (void)err;
    return a;
}

static void add_place(struct lan_places *p, const struct interface *i, struct addr to, int ttl)
{
    if (p->count == LAN_PLACES_MAX)
        return;
    struct lan_place *last = p->count > 0 ? &p->place[p->count - 1] : NULL;
    p->place[p->count++] = (struct lan_place){.to = to,
                                              .from = i->addr,
                                              .ifindex = i->index,
                                              .ttl = ttl,
                                              .prefix = {.addr = i->addr, .bits = i->prefix_bits},
                                              .again = last && addr_same_ip(&last->from, &i->addr)};
}

static void add_join(struct lan_places *p, enum lan_socket socket, const char *group, uint16_t port,
                     unsigned ifindex)
{
    struct addr a = literal(group, port);

    for (size_t n = 0; n < p->join_count; n++)
        if (p->join[n].ifindex == ifindex && addr_equal(&p->join[n].group, &a))
            return;
    if (p->join_count < LAN_JOINS_MAX)
        p->join[p->join_count++] =
            (struct lan_join){.socket = socket, .group = a, .ifindex = ifindex};
}

static void add_joins(struct lan_places *p, const struct interface *i, bool mdns)
{
    bool v6 = addr_is_v6(&i->addr);

    add_join(p, LAN_SOCKET_GROUP, v6 ? LAN_GROUP_V6 : LAN_GROUP_V4, LAN_PORT, i->index);
    if (mdns)
        add_join(p, LAN_SOCKET_MDNS, v6 ? MDNS_GROUP_V6 : MDNS_GROUP_V4, MDNS_PORT, i->index);
}

static void add_v4(struct lan_places *p, const struct interface *i)
{
    if (i->loopback) {
        add_place(p, i, literal(LOOPBACK_BROADCAST, LAN_PORT), 0);
        return;
    }
    if (i->multicast)
        add_place(p, i, literal(LAN_GROUP_V4, LAN_PORT), 1);
    if (!addr_is_none(&i->broadcast)) {
        struct addr to = i->broadcast;
        addr_set_port(&to, LAN_PORT);
        add_place(p, i, to, 1);
    }
}

/* One address of an interface is enough, and the link-local one is always there. */
static void add_v6(struct lan_places *p, const struct interface *i)
{
    if (i->loopback || !i->multicast || !addr_is_link_local(&i->addr))
        return;
    struct addr to = literal(LAN_GROUP_V6, LAN_PORT);
    to.v6.sin6_scope_id = i->index;
    add_place(p, i, to, 1);
}

void lan_places_set(struct lan_places *p, const struct interface *list, size_t count, bool v4,
                    bool v6, bool mdns)
{
    memset(p, 0, sizeof(*p));
    for (size_t n = 0; n < count && n < LAN_INTERFACES_MAX; n++) {
        const struct interface *i = &list[n];
        bool is_v6 = addr_is_v6(&i->addr);
        if (addr_is_none(&i->addr) || !(is_v6 ? v6 : v4))
            continue;
        p->own[p->own_count] = (struct addr_prefix){.addr = i->addr, .bits = i->prefix_bits};
        p->own_ifindex[p->own_count++] = i->index;
        if (is_v6)
            add_v6(p, i);
        else
            add_v4(p, i);
        if (i->multicast && !i->loopback)
            add_joins(p, i, mdns);
    }
}

bool lan_places_has_neighbour(const struct lan_places *p, const struct addr *a)
{
    for (size_t n = 0; n < p->own_count; n++)
        if (addr_prefix_contains(&p->own[n], a))
            return true;
    return addr_is_link_local(a);
}

bool lan_places_has_network(const struct lan_places *p, const struct addr_prefix *network,
                            unsigned ifindex)
{
    for (size_t n = 0; n < p->own_count; n++) {
        if (ifindex != 0 && p->own_ifindex[n] != ifindex)
            continue;
        if (p->own[n].bits == network->bits && addr_prefix_contains(network, &p->own[n].addr))
            return true;
    }
    return false;
}
