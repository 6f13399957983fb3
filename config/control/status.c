/* status: what the gateway is doing. The keys are a contract: none goes, unknown is null. */
#include <stdlib.h>

#include "config/control/commands.h"
#include "config/control/doctor.h"
#include "config/control/lookup.h"
#include "config/control/ports.h"
#include "config/control/status_dht.h"
#include "config/control/status_network.h"
#include "gateway/crypto/secret.h"

#define LISTEN_MAX 16

/* The keys of the status that `doctor` shows beside its findings. */
static const char *const EXAMINED[] = {"id",    "home",  "udp",   "nat",   "dht",  "dns",
                                       "proxy", "setup", "trust", "relay", "peers"};

static json_t *addrs_json(const struct addr *at, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count && i < LISTEN_MAX; i++)
        (void)json_array_append_new(list, addr_json(&at[i]));
    return list;
}

static json_t *listens_json(struct command_context *c,
                            size_t (*listens)(void *arg, struct addr *out, size_t max))
{
    struct addr at[LISTEN_MAX];
    size_t count = listens ? listens(c->services->arg, at, LISTEN_MAX) : 0;

    return addrs_json(at, count);
}

static json_t *service_json(const struct service *s)
{
    return json_pack("{s:s, s:s, s:i, s:o, s:o, s:o, s:b, s:I, s:I, s:I}", "name", s->name, "proto",
                     proto_name(s->proto), "port", (int)s->port, "target", protocol_text(s->target),
                     "allow", ids_json(s->allow, s->allow_count), "deny",
                     ids_json(s->deny, s->deny_count), "public", s->public, "connections",
                     (json_int_t)s->connections, "rx_bytes", (json_int_t)s->rx_bytes, "tx_bytes",
                     (json_int_t)s->tx_bytes);
}

static json_t *services_json(struct command_context *c)
{
    json_t *list = json_array();

    for (size_t i = 0; i < registry_service_count(c->registry); i++)
        (void)json_array_append_new(list, service_json(registry_service_at(c->registry, i)));
    return list;
}

/* ---- peers ---- */

static json_t *path_json(const struct peer_view *view)
{
    if (!view->path.present)
        return json_null();
    return json_pack("{s:s, s:o, s:o, s:o, s:o}", "kind", view->path.kind, "remote",
                     addr_json(&view->path.remote), "rtt_ms", status_rtt(view->path.rtt), "mtu",
                     view->path.mtu ? json_integer(view->path.mtu) : json_null(), "over",
                     protocol_text(view->path.over));
}

/** The last round of punching, or null. */
static json_t *punch_json(struct command_context *c, const struct round_view *r)
{
    if (r->number == 0 || !r->result)
        return json_null();
    return json_pack("{s:i, s:s, s:o, s:i, s:i, s:i, s:i, s:i, s:I, s:I}", "round", (int)r->number,
                     "result", r->result, "strategy", protocol_text(r->strategy), "candidates",
                     (int)r->candidates, "probes", (int)r->probes, "guesses", (int)r->guesses,
                     "answers", (int)r->answers, "lost_in_a_row", (int)r->lost, "ago_s",
                     (json_int_t)((env_now(c->env) - r->began) / SEC(1)), "took_ms",
                     (json_int_t)(r->took / MSEC(1)));
}

static json_t *ports_json(const struct port_list *ports, const struct peer_id *peer)
{
    json_t *list = json_array();

    for (size_t i = 0; i < ports->count; i++)
        if (peer_id_equal(&ports->at[i].peer, peer))
            (void)json_array_append_new(list, port_status_json(&ports->at[i]));
    return list;
}

static json_t *offers_json(const struct peer_view *view)
{
    json_t *list = json_array();

    if (!view->services_known) {
        json_decref(list);
        return json_null();
    }
    for (size_t i = 0; i < view->service_count; i++)
        (void)json_array_append_new(list, json_pack("{s:o, s:s, s:i}", "service",
                                                    protocol_text(view->services[i].name), "proto",
                                                    proto_name(view->services[i].proto), "port",
                                                    (int)view->services[i].port));
    return list;
}

static json_t *peer_json(struct command_context *c, const struct peer_view *view,
                         const struct port_list *ports)
{
    return json_pack("{s:o, s:o, s:b, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "id",
                     id_json(&view->id), "alias", protocol_text(*view->alias ? view->alias : NULL),
                     "known", view->known, "state", peer_state_text(view->state), "path",
                     path_json(view), "why_not_direct", protocol_text(view->why_not_direct),
                     "punch", punch_json(c, &view->round), "rx_bytes", (json_int_t)view->rx_bytes,
                     "tx_bytes", (json_int_t)view->tx_bytes, "dropped_datagrams",
                     (json_int_t)view->dropped, "streams", (json_int_t)view->streams, "ports",
                     ports_json(ports, &view->id), "offers", offers_json(view), "last_error",
                     protocol_text(view->last_error));
}

static json_t *number_or_null(uint64_t n)
{
    return n ? json_integer((json_int_t)n) : json_null();
}

/** Where it is on this machine, or null. */
static json_t *pool_address_json(struct command_context *c, const struct peer_id *peer)
{
    const struct control_services *s = c->services;
    char text[ADDR_TEXT_MAX];
    struct addr at;

    if (!s->pool_address || !s->pool_address(s->arg, peer, &at))
        return json_null();
    return json_string(addr_print_ip(&at, text));
}

/** What it may have, what it has waited for, and what it should not have done. */
static void add_account(json_t *peer, const struct peer_view *view,
                        const struct limits_view *limits)
{
    (void)json_object_set_new(peer, "limits",
                              json_pack("{s:o, s:o}", "rate", number_or_null(limits->rate),
                                        "streams", number_or_null(limits->streams_per_peer)));
    (void)json_object_set_new(peer, "throttled_ms",
                              json_integer((json_int_t)(view->throttled / MSEC(1))));
    (void)json_object_set_new(peer, "offences", json_integer((json_int_t)view->offences));
    (void)json_object_set_new(peer, "blocked_why", protocol_text(view->blocked_why));
}

static json_t *limits_json(struct command_context *c)
{
    struct limits_view limits;

    node_limits(c->node, &limits);
    return json_pack("{s:o, s:o, s:o, s:i, s:b, s:i, s:i}", "rate", number_or_null(limits.rate),
                     "uplink", number_or_null(limits.uplink), "streams_per_peer",
                     number_or_null(limits.streams_per_peer), "max_peers", (int)limits.max_peers,
                     "block_abusers", limits.block_abusers, "allow_from", (int)limits.allow_from,
                     "block_from", (int)limits.block_from);
}

static json_t *abuse_json(struct command_context *c)
{
    struct abuse_view abuse;

    node_abuse(c->node, &abuse);
    json_t *object =
        json_pack("{s:I, s:I, s:I}", "turned_away", (json_int_t)abuse.turned_away, "blocked",
                  (json_int_t)abuse.blocked, "shut", (json_int_t)abuse.shut);
    for (size_t i = 0; i < ABUSE_KINDS; i++)
        (void)json_object_set_new(object, abuse.kind[i].event,
                                  json_integer((json_int_t)abuse.kind[i].count));
    return object;
}

static json_t *peers_json(struct command_context *c)
{
    struct port_list ports = ports_of(c, NULL);
    size_t count = node_peers(c->node, NULL, 0);
    auto_free struct peer_view *views = calloc(count + 1, sizeof(*views));
    json_t *list = json_array();
    struct limits_view limits;

    node_limits(c->node, &limits);
    if (views)
        count = node_peers(c->node, views, count);
    for (size_t i = 0; views && i < count; i++) {
        json_t *peer = peer_json(c, &views[i], &ports);
        add_account(peer, &views[i], &limits);
        (void)json_object_set_new(peer, "address", pool_address_json(c, &views[i].id));
        (void)json_array_append_new(list, peer);
    }
    free(ports.at);
    return list;
}

static json_t *mail_json(struct command_context *c)
{
    struct node_mail_view mail;

    node_mail(c->node, &mail);
    return json_pack("{s:o, s:I, s:I, s:I}", "state", protocol_text(mail.state), "sent",
                     (json_int_t)mail.sent, "received", (json_int_t)mail.heard, "dropped",
                     (json_int_t)mail.dropped);
}

static json_t *numbers_json(const uint16_t *list, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(array, json_integer(list[i]));
    return array;
}

static json_t *setup_json(struct command_context *c)
{
    struct control_pool pool = {.active = false};
    char range[ADDR_PREFIX_TEXT_MAX];

    if (!c->services->pool)
        return json_null();
    c->services->pool(c->services->arg, &pool);
    return json_pack("{s:b, s:s, s:b, s:b, s:o, s:o}", "active", pool.active, "pool",
                     addr_prefix_print(&pool.range, range), "http", pool.http, "redirected",
                     pool.redirected, "conflicts", numbers_json(pool.tcp, pool.tcp_count),
                     "udp_conflicts", numbers_json(pool.udp, pool.udp_count));
}

static json_t *mailbox_json(struct command_context *c)
{
    struct node_mailbox_view mailbox;

    node_mailbox(c->node, &mailbox);
    return json_pack("{s:s, s:I, s:I, s:I, s:I}", "state", mailbox.state, "polled",
                     (json_int_t)mailbox.polled, "sent", (json_int_t)mailbox.sent, "received",
                     (json_int_t)mailbox.heard, "dropped", (json_int_t)mailbox.dropped);
}

static json_t *status_of(struct command_context *c)
{
    struct addr udp[LISTEN_MAX], tcp[LISTEN_MAX];
    size_t udp_count = node_addresses(c->node, udp, LISTEN_MAX);
    size_t tcp_count = node_tcp_addresses(c->node, tcp, LISTEN_MAX);
    instant uptime = env_now(c->env) - c->since;

    json_t *status =
        json_pack("{s:o, s:s, s:i, s:I, s:o, s:o, s:o}", "id", id_json(c->id), "version",
                  c->version, "pid", c->pid, "uptime_s", (json_int_t)(uptime / SEC(1)), "home",
                  protocol_text(c->home), "udp", addrs_json(udp, udp_count), "nat", status_nat(c));
    (void)json_object_set_new(status, "tcp", addrs_json(tcp, tcp_count));
    (void)json_object_set_new(status, "dns",
                              json_pack("{s:o, s:s}", "listen",
                                        listens_json(c, c->services->dns_listens), "suffix",
                                        c->suffix));
    (void)json_object_set_new(
        status, "proxy", json_pack("{s:o}", "listen", listens_json(c, c->services->proxy_listens)));
    (void)json_object_set_new(status, "setup", setup_json(c));
    (void)json_object_set_new(status, "trust", status_trust(c));
    (void)json_object_set_new(status, "dht", status_dht(c));
    (void)json_object_set_new(status, "peer_exchange", status_exchange(c));
    (void)json_object_set_new(status, "relay", status_relay(c));
    (void)json_object_set_new(status, "turn", status_turn(c));
    (void)json_object_set_new(status, "limits", limits_json(c));
    (void)json_object_set_new(status, "abuse", abuse_json(c));
    (void)json_object_set_new(status, "mail", mail_json(c));
    (void)json_object_set_new(status, "mailbox", mailbox_json(c));
    (void)json_object_set_new(status, "services", services_json(c));
    (void)json_object_set_new(status, "peers", peers_json(c));
    return status;
}

json_t *command_status(struct command_context *c, const json_t *request)
{
    (void)request;
    return protocol_ok(status_of(c));
}

json_t *command_page(struct command_context *c, const json_t *request)
{
    char url[512] = "";
    (void)request;

    if (c->services->page_link)
        c->services->page_link(c->services->arg, url, sizeof(url));
    if (!*url)
        return protocol_error(CLI_FAILED, "set listen in [proxy]", "there is no proxy");
    json_t *answer = protocol_ok(json_pack("{s:s}", "url", url));
    secret_wipe(url, sizeof(url));
    return answer;
}

json_t *command_doctor(struct command_context *c, const json_t *request)
{
    json_t *status = status_of(c), *report = json_object();
    (void)request;

    json_t *findings = doctor_findings(status);

    (void)json_object_set_new(report, "worst", json_string(doctor_worst(findings)));
    (void)json_object_set_new(report, "findings", findings);
    for (size_t i = 0; i < sizeof(EXAMINED) / sizeof(EXAMINED[0]); i++)
        (void)json_object_set(report, EXAMINED[i], json_object_get(status, EXAMINED[i]));
    json_decref(status);
    return protocol_ok(report);
}
