/* What follows when the registry or this machine's network has changed. */
#include "gateway/node/members.h"

#include <stdlib.h>

/* RFC 9000 §10.1: its idle time begins anew with what it sends us after the last thing it heard, so
 * a session ends within two of them (30 s each, as nobody asks for more). */
#define NOBODY_WAITS SEC(60)

/* Peers with local ports that are open are kept connected. */
static bool is_wanted(struct node *n, const struct peer_id *id)
{
    const struct known_peer *known = registry_peer(n->registry, id);
    size_t count = registry_port_count(n->registry);

    if (known && known->blocked)
        return false;
    if (relay_desk_keeps(&n->relay, id))
        return true;
    for (size_t i = 0; i < count; i++) {
        const struct port_assignment *p = registry_port_at(n->registry, i);
        if (p->open && peer_id_equal(&p->peer, id))
            return true;
    }
    return false;
}

static void want_peers_of_ports(struct node *n)
{
    size_t count = registry_port_count(n->registry);

    for (size_t i = 0; i < count; i++) {
        const struct port_assignment *p = registry_port_at(n->registry, i);
        if (p->open)
            (void)member_get(n, &p->peer);
    }
}

static void tell_lan(struct node *n)
{
    size_t count = registry_peer_count(n->registry), used = 0;
    struct peer_id *ids = calloc(count + 1, sizeof(*ids));
    if (!ids)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct known_peer *known = registry_peer_at(n->registry, i);
        if (!known->blocked)
            ids[used++] = known->id;
    }
    lan_link_contacts(&n->lan, ids, used);
    free(ids);
}

static void drop_shut(struct node *n)
{
    list_each(node, &n->members)
    {
        peer_drop_shut(&list_entry(node, struct member, link)->peer);
    }
}

void node_registry_changed(struct node *n)
{
    int64_t wall_us = env_wall_us(n->env);

    node_block_addresses(n);
    want_peers_of_ports(n);
    list_each(node, &n->members)
    {
        struct member *m = list_entry(node, struct member, link);
        bool wanted = is_wanted(n, &m->peer.id);
        if (wanted != m->peer.wanted)
            peer_want(&m->peer, wanted);
        if (registry_may_connect(n->registry, &m->peer.id, wall_us) ||
            relay_desk_admits(&n->relay, &m->peer.id))
            peer_tell_services(&m->peer);
        else
            peer_drop(&m->peer, QUIC_CLOSE_DENIED);
    }
    tell_lan(n);
    pwnat_desk_contacts(&n->pwnat);
    record_desk_changed(&n->record);
    exchange_desk_changed(&n->exchange);
    invite_desk_registry_changed(&n->invite);
    mail_desk_contacts(&n->mail);
    mailbox_desk_contacts(&n->mailbox);
    env_defer(n->env, &n->chores);
    node_tell(n, NULL);
}

void node_block_addresses(struct node *n)
{
    size_t count;
    const struct addr_prefix *list = registry_blocked_addresses(n->registry, &count);

    if (access_block_more(&n->access, list, count))
        drop_shut(n);
}

int node_set_access(struct node *n, const struct access_lists *lists)
{
    int err = access_set(&n->access, lists);

    if (err < 0)
        return err;
    drop_shut(n);
    return 0;
}

void node_slept(struct node *n, instant slept)
{
    if (slept >= NOBODY_WAITS)
        list_each(node, &n->members) peer_slept(&list_entry(node, struct member, link)->peer);
    node_network_changed(n);
}

void node_network_changed(struct node *n)
{
    hub_read_locals(&n->hub);
    lan_link_network_changed(&n->lan);
    nat64_desk_network_changed(&n->nat64);
    outside_network_changed(&n->outside);
    turn_desk_network_changed(&n->turn, n->outside.stun.network[0].key);
    tcp_roads_network_changed(&n->tcp);
    list_each(node, &n->members)
    {
        peer_probe(&list_entry(node, struct member, link)->peer);
    }
    punch_desk_network_changed(&n->punch);
    portmap_desk_network_changed(&n->portmap);
    pwnat_desk_network_changed(&n->pwnat);
    mailbox_desk_network_changed(&n->mailbox);
    hub_wake(&n->hub);
}
