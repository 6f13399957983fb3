/* What the gateway looks like from outside: its NAT, and the ways in. */
#include "gateway/node/members.h"
#include "gateway/node/stun_servers.h"

static void view_servers(const struct stun_result *r, struct node_nat *out)
{
    const struct nat_report *report = &r->report;

    for (unsigned i = 0; i < r->server_count; i++)
        out->server[out->servers++] = (struct node_nat_server){
            .at = r->server[i],
            .seen = report->seen[i],
            .disagrees = report->disagreeing & 1u << i,
        };
}

static void view_addresses(const struct outside *o, struct node_nat *out)
{
    for (size_t i = 0; i < o->addresses; i++)
        out->address[out->addresses++] = (struct node_nat_address){
            .kind = o->address[i].type == CANDIDATE_CONFIGURED ? "configured" : "reflexive",
            .at = o->address[i].addr,
            .reachable = o->address[i].reachable,
        };
}

static void view_report(const struct stun_result *r, struct node_nat *out)
{
    const struct nat_report *report = &r->report;

    out->mapping = report->mapping;
    out->filtering = report->filtering;
    out->hairpin = report->hairpin;
    out->preserving = report->preserving;
    out->delta = report->delta;
    out->span = report->span;
    out->opener_ttl = report->opener_ttl;
    out->opener_measured = report->opener_measured;
    out->measured = r->at;
}

/* Does UDP come back? Sessions show it too, where no server was asked. */
static enum nat_answer udp_of(const struct node *n, const struct stun_result *r, bool v6)
{
    if (r->report.answered != 0 || stun_servers_see_udp(&n->desk, v6))
        return NAT_YES;
    return r->at > 0 && r->server_count > 0 ? NAT_NO : NAT_NOT_KNOWN;
}

/* What the router says of its own address tells whether there is another NAT behind it. */
static void view_layers(struct node_nat *out)
{
    const struct addr *outer = NULL;

    for (size_t i = 0; i < out->port_maps; i++)
        if (!addr_is_v6(&out->port_map[i].external))
            outer = &out->port_map[i].external;
    if (outer && addr_is_private(outer))
        out->layered = NAT_YES;
    else if (outer && !addr_is_none(&out->public))
        out->layered = addr_same_ip(outer, &out->public) ? NAT_NO : NAT_YES;
    if ((outer && addr_is_shared(outer)) || addr_is_shared(&out->local))
        out->carrier = NAT_YES;
    else if (out->layered == NAT_NO)
        out->carrier = NAT_NO;
}

static void view_router(const struct node *n, struct node_nat *out)
{
    struct router found[NODE_PORT_MAPS_MAX];
    int count = env_routers(n->env, found, NODE_PORT_MAPS_MAX);

    for (int i = 0; i < count; i++)
        if (!addr_is_v6(&found[i].addr) && addr_is_none(&out->router)) {
            out->router = found[i].addr;
            out->local = found[i].local;
        }
}

static enum nat_answer translated(const struct node *n, const struct addr *public)
{
    if (addr_is_none(public))
        return NAT_NOT_KNOWN;
    for (size_t i = 0; i < n->hub.local_count; i++)
        if (addr_same_ip(&n->hub.locals[i], public))
            return NAT_NO;
    return NAT_YES;
}

void node_nat(const struct node *n, struct node_nat *out)
{
    const struct stun_result *v4 = stun_desk_result(&n->outside.stun, STUN_V4);
    const struct stun_result *v6 = stun_desk_result(&n->outside.stun, STUN_V6);

    *out = (struct node_nat){
        .class = outside_facts(&n->outside).class,
        .reachable = outside_reachable(&n->outside),
        .translated = translated(n, &v4->report.public),
        .udp_v4 = udp_of(n, v4, false),
        .udp_v6 = udp_of(n, v6, true),
        .public = v4->report.public,
        .public_v6 = v6->report.public,
        .pwnat = pwnat_desk_state(&n->pwnat),
        .pwnat_calls = n->pwnat.ear.calls,
        .pwnat_ignored = n->pwnat.ear.ignored,
        .turn = turn_desk_state(&n->turn),
        .turn_relayed = n->turn.relayed,
    };
    view_report(v4->at > 0 || v6->at == 0 ? v4 : v6, out);
    if (portmap_desk_is_reached(&n->portmap)) {
        out->class = NAT_PUBLIC;
        out->reachable = NAT_YES;
    }
    view_addresses(&n->outside, out);
    view_servers(v4, out);
    view_servers(v6, out);
    view_router(n, out);
    out->port_maps = portmap_desk_list(&n->portmap, out->port_map);
    view_layers(out);
    out->v6_only = nat64_desk_is_v6_only(&n->nat64);
    if (n->hub.nat64.bits != 0)
        (void)nat64_print(&n->hub.nat64, out->nat64);
}

bool node_port_mapping(const struct node *n, char out[static NODE_TEXT_MAX])
{
    return portmap_desk_print(&n->portmap, out);
}
