#include "config/control/status_network.h"

#include "config/control/lookup.h"
#include "config/control/protocol.h"
#include "gateway/wire/candidate.h"

json_t *status_rtt(instant rtt)
{
    return rtt ? json_real((double)rtt / 1e6) : json_null();
}

static json_t *answer_json(enum nat_answer answer)
{
    return answer == NAT_NOT_KNOWN ? json_null() : json_boolean(answer == NAT_YES);
}

/** Without the port, which is 0. */
static json_t *ip_json(const struct addr *a)
{
    char text[ADDR_TEXT_MAX];
    return addr_is_none(a) ? json_null() : json_string(addr_print_ip(a, text));
}

static json_t *seconds_json(instant span)
{
    return json_integer((json_int_t)(span / SEC(1)));
}

/* ---- the NAT ---- */

static json_t *stun_json(const struct node_nat *nat)
{
    json_t *list = json_array();

    for (size_t i = 0; i < nat->servers; i++)
        (void)json_array_append_new(list, json_pack("{s:o, s:o, s:b}", "server",
                                                    addr_json(&nat->server[i].at), "seen",
                                                    addr_json(&nat->server[i].seen), "disagrees",
                                                    nat->server[i].disagrees));
    return list;
}

static json_t *tried_json(const struct node_nat *nat)
{
    json_t *list = json_array();

    for (size_t i = 0; i < nat->addresses; i++)
        (void)json_array_append_new(list, json_pack("{s:o, s:s, s:o}", "address",
                                                    addr_json(&nat->address[i].at), "kind",
                                                    nat->address[i].kind, "reachable",
                                                    answer_json(nat->address[i].reachable)));
    return list;
}

static json_t *maps_json(const struct node_nat *nat, instant now)
{
    json_t *list = json_array();

    for (size_t i = 0; i < nat->port_maps; i++) {
        const struct node_port_map *m = &nat->port_map[i];
        instant left = m->expires > now ? m->expires - now : 0;
        (void)json_array_append_new(
            list, json_pack("{s:s, s:o, s:o, s:o, s:o, s:s}", "method", m->method, "router",
                            ip_json(&m->router), "external", addr_json(&m->external), "age_s",
                            seconds_json(now - m->renewed), "left_s",
                            m->expires == INSTANT_NEVER ? json_null() : seconds_json(left), "state",
                            m->state));
    }
    return list;
}

/** What doctor tells beside the class. */
static void add_details(json_t *out, const struct node_nat *nat, instant now)
{
    bool known = nat->measured > 0;
    json_t *more = json_pack(
        "{s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
        "translated", answer_json(nat->translated), "v6_only", nat->v6_only, "nat64",
        protocol_text(*nat->nat64 ? nat->nat64 : NULL), "preserving", answer_json(nat->preserving),
        "udp_v4", answer_json(nat->udp_v4), "udp_v6", answer_json(nat->udp_v6), "layered",
        answer_json(nat->layered), "carrier", answer_json(nat->carrier), "delta",
        known ? json_integer(nat->delta) : json_null(), "span",
        known ? json_integer((json_int_t)nat->span) : json_null(), "opener_ttl",
        known ? json_integer((json_int_t)nat->opener_ttl) : json_null(), "opener_measured",
        json_boolean(nat->opener_measured), "measured_s",
        known ? seconds_json(now - nat->measured) : json_null(), "router", ip_json(&nat->router),
        "local", ip_json(&nat->local), "port_maps", maps_json(nat, now));

    (void)json_object_update(out, more);
    json_decref(more);
}

static json_t *pwnat_json(const struct node_nat *nat)
{
    return json_pack("{s:s, s:I, s:I}", "state", nat->pwnat, "calls", (json_int_t)nat->pwnat_calls,
                     "ignored", (json_int_t)nat->pwnat_ignored);
}

json_t *status_nat(struct command_context *c)
{
    struct node_nat nat;
    char mapping[NODE_TEXT_MAX];
    bool mapped = node_port_mapping(c->node, mapping);

    node_nat(c->node, &nat);
    json_t *out = json_pack(
        "{s:s, s:s, s:s, s:o, s:o, s:o, s:s?, s:s?, s:o, s:o, s:o}", "class",
        nat_class_text(nat.class), "mapping", nat_rule_name(nat.mapping), "filtering",
        nat_rule_name(nat.filtering), "hairpin", answer_json(nat.hairpin), "reachable",
        answer_json(nat.reachable), "addresses", tried_json(&nat), "port_mapping",
        mapped ? mapping : NULL, "no_port_mapping", mapped ? NULL : mapping, "public",
        addr_json(&nat.public), "public_v6", addr_json(&nat.public_v6), "stun", stun_json(&nat));
    add_details(out, &nat, env_now(c->env));
    (void)json_object_set_new(out, "pwnat", pwnat_json(&nat));
    return out;
}

json_t *status_turn(struct command_context *c)
{
    struct node_nat nat;

    node_nat(c->node, &nat);
    return json_pack("{s:s, s:o}", "state", nat.turn, "relayed", addr_json(&nat.turn_relayed));
}

/* ---- relays ---- */

static json_t *places_json(const struct relay_view *view)
{
    json_t *list = json_array();

    for (size_t i = 0; i < view->places; i++) {
        const struct relay_place_view *p = &view->place[i];
        (void)json_array_append_new(
            list,
            json_pack("{s:o, s:o, s:b, s:s, s:o, s:o, s:o, s:o}", "host", protocol_text(p->host),
                      "id", id_json(&p->id), "ours", p->ours, "state", p->state, "over",
                      protocol_text(p->over), "remote", addr_json(&p->remote), "rtt_ms",
                      status_rtt(p->rtt), "why", protocol_text(p->why)));
    }
    return list;
}

json_t *status_relay(struct command_context *c)
{
    struct relay_view view;

    node_relay(c->node, &view);
    return json_pack("{s:o, s:i, s:o, s:b, s:I, s:I, s:I, s:I, s:I}", "home",
                     protocol_text(*view.home ? view.home : NULL), "configured",
                     (int)view.configured, "relays", places_json(&view), "serving", view.serving,
                     "registered", (json_int_t)view.registered, "circuits",
                     (json_int_t)view.circuits, "bytes", (json_int_t)view.bytes, "datagrams",
                     (json_int_t)view.datagrams, "dropped", (json_int_t)view.dropped);
}
