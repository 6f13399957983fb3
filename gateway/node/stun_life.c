#include "gateway/node/stun_desk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/map.h"
#include "gateway/nat/classify_judge.h"
#include "gateway/node/stun_parts.h"
#include "gateway/node/stun_servers.h"
#include "gateway/peer/peer.h"

#define AGAIN        SEC(1800)
#define AGAIN_SILENT SEC(60) /* when nobody answered */
#define DOUBT_AGAIN  SEC(60)
#define RELAYS_MAX   8
/* Relays that were configured together are connected within that time of one another. */
#define GATHER_RELAYS MSEC(100)
#define INTERFACES    64

static instant now_of(const struct stun_desk *d)
{
    return env_now(d->node->env);
}

static enum stun_family family_of(const struct addr *a)
{
    return addr_is_v6(a) ? STUN_V6 : STUN_V4;
}

/* ---- time ---- */

void stun_desk_set_timer(struct stun_desk *d)
{
    instant due = stun_refreshes_due(d);

    if (d->begin < due)
        due = d->begin;
    for (int f = 0; f < STUN_FAMILIES; f++)
        if (nat_run_deadline(&d->run[f]) < due)
            due = nat_run_deadline(&d->run[f]);
    timer_set(d->node->env, &d->timer, due);
}

static void begin_by(struct stun_desk *d, instant when)
{
    if (when < d->begin)
        d->begin = when;
    stun_desk_set_timer(d);
}

/* ---- networks ---- */

static uint64_t network_key(const struct stun_desk *d)
{
    static const uint64_t SECRET[2];
    struct interface list[INTERFACES];
    uint8_t bytes[INTERFACES * 16];
    size_t used = 0, len;
    int count = env_interfaces(d->node->env, list, INTERFACES);

    for (int i = 0; i < count; i++) {
        const uint8_t *ip = addr_ip(&list[i].addr, &len);
        if (list[i].loopback || addr_is_link_local(&list[i].addr) || len == 0)
            continue;
        memcpy(bytes + used, ip, len);
        used += len;
    }
    return map_hash(SECRET, bytes, used);
}

/* Makes the network that we are in the first of the list. Returns whether it was another. */
static bool find_network(struct stun_desk *d)
{
    struct stun_network found = {.key = network_key(d)};
    size_t at = 0;

    if (d->network[0].key == found.key)
        return false;
    while (at < STUN_NETWORKS_MAX - 1 && d->network[at].key != found.key)
        at++;
    if (d->network[at].key == found.key)
        found = d->network[at];
    memmove(&d->network[1], &d->network[0], at * sizeof(d->network[0]));
    d->network[0] = found;
    return true;
}

static void recall(struct stun_desk *d)
{
    for (int f = 0; f < STUN_FAMILIES; f++) {
        const struct stun_result *old = &d->network[0].result[f];
        bool fresh = old->at > 0 && now_of(d) < old->at + AGAIN;
        d->result[f] = fresh ? *old : (struct stun_result){0};
    }
    d->events->changed(d->arg);
}

void stun_desk_network_changed(struct stun_desk *d)
{
    bool other = find_network(d);

    for (int f = 0; f < STUN_FAMILIES; f++)
        nat_run_stop(&d->run[f]);
    if (other)
        recall(d);
    d->anew = true;
    begin_by(d, now_of(d) + GATHER_RELAYS);
}

void stun_desk_doubt(struct stun_desk *d)
{
    if (d->doubted > 0 && now_of(d) < d->doubted + DOUBT_AGAIN)
        return;
    d->doubted = now_of(d);
    d->anew = true;
    begin_by(d, d->doubted);
}

/* ---- whom to ask ---- */

static void on_looked_up(struct lookup *l, int err, const struct addr *list, int count)
{
    struct stun_place *p = container_of(l, struct stun_place, lookup);
    struct addr found[STUN_FAMILIES] = {0};

    if (err < 0) {
        log_debug(LOG_NAT, "a STUN server is not found: %s", strerror(-err));
        return;
    }
    for (int i = count; i-- > 0;)
        found[family_of(&list[i])] = list[i];
    if (addr_equal(&found[STUN_V4], &p->found[STUN_V4]) &&
        addr_equal(&found[STUN_V6], &p->found[STUN_V6]))
        return;
    memcpy(p->found, found, sizeof(found));
    begin_by(p->desk, now_of(p->desk));
}

static bool is_found(const struct stun_place *p)
{
    return !addr_is_none(&p->found[STUN_V4]) || !addr_is_none(&p->found[STUN_V6]);
}

/* Returns whether all are found. Names are looked up again from time to time: servers move. */
static bool look_up(struct stun_desk *d)
{
    bool all = true;

    for (size_t i = 0; i < d->places; i++) {
        struct stun_place *p = &d->place[i];
        const struct node_stun *s = &d->node->options->stun[i];
        instant again = p->looked_up + (is_found(p) ? AGAIN : AGAIN_SILENT);
        all = all && is_found(p);
        if (p->lookup.query || (p->looked_up > 0 && now_of(d) < again))
            continue;
        p->looked_up = now_of(d);
        int err = env_lookup(d->node->env, &p->lookup, s->host, s->port);
        if (err < 0)
            log_warn(LOG_NAT, "STUN server %s cannot be looked up: %s", s->host, strerror(-err));
    }
    return all;
}

/* Those first that need nobody's answer to be found: they are what there is to agree with. */
static void list_all(const struct stun_desk *d, enum stun_family family, struct classify_options *o)
{
    struct addr all[RELAYS_MAX + NAT_SERVERS_MAX];
    size_t count = d->events->relays(d->arg, all, RELAYS_MAX);

    for (size_t i = 0; i < d->places; i++)
        if (!d->node->options->stun[i].tcp)
            all[count++] = d->place[i].found[family];
    stun_servers_list(d->node, family == STUN_V6, all, count, o);
}

/* A server that was not asked; or, where they did not suffice, a peer that tells more. */
static bool is_more(const struct stun_desk *d, enum stun_family family,
                    const struct classify_options *o)
{
    const struct classify_options *known = &d->run[family].core.options; /* of the last run */

    for (unsigned i = 0; i < o->server_count; i++) {
        bool asked = false;
        for (unsigned k = 0; k < known->server_count; k++)
            asked = asked || addr_equal(&known->server[k], &o->server[i]);
        if (!asked)
            return true;
    }
    return o->server_count > 0 && d->result[family].report.mapping == NAT_RULE_UNKNOWN &&
           o->observed_count > known->observed_count;
}

void stun_desk_on_conn(struct stun_desk *d)
{
    struct classify_options o = {.server_count = 0};
    struct addr relay;

    for (int f = 0; f < STUN_FAMILIES; f++) {
        if (d->places == 0 && d->events->relays(d->arg, &relay, 1) == 0)
            return; /* there is nobody to ask, as for a relay with a thousand peers */
        list_all(d, (enum stun_family)f, &o);
        if (is_more(d, (enum stun_family)f, &o))
            begin_by(d, now_of(d) + GATHER_RELAYS);
    }
}

/* ---- runs ---- */

/* Is what is known of a family old, or not all that there is to know? */
static bool is_due(const struct stun_desk *d, enum stun_family family,
                   const struct classify_options *o)
{
    const struct stun_result *r = &d->result[family];

    if (o->server_count == 0)
        return false;
    return d->anew || is_more(d, family, o) || r->report.answered == 0 ||
           now_of(d) + AGAIN_SILENT > r->at + AGAIN;
}

static void begin(struct stun_desk *d)
{
    struct classify_options o = {.server_count = 0};

    d->begin = now_of(d) + (look_up(d) ? AGAIN : AGAIN_SILENT);
    for (int f = 0; f < STUN_FAMILIES; f++) {
        list_all(d, (enum stun_family)f, &o);
        if (!is_due(d, (enum stun_family)f, &o))
            continue;
        d->told[f] = false;
        int err = nat_run_start(&d->run[f], d->node->hub, &o, now_of(d));
        if (err < 0 && err != -EAFNOSUPPORT)
            log_warn(LOG_NAT, "no socket to ask STUN servers with: %s", strerror(-err));
    }
    d->anew = false;
}

static void name_liars(const struct stun_result *r)
{
    char text[ADDR_TEXT_MAX], seen[ADDR_TEXT_MAX];

    for (unsigned i = 0; i < r->server_count; i++)
        if (r->report.disagreeing & 1u << i)
            log_warn(LOG_NAT, "the STUN server %s disagrees with the others: it sees us at %s",
                     addr_print(&r->server[i], text), addr_print(&r->report.seen[i], seen));
}

/* What a run does not measure stays as it was found by other means. */
static void take_report(struct stun_desk *d, enum stun_family family, bool over)
{
    struct stun_result *r = &d->result[family];
    struct nat_report fresh = d->run[family].core.report;
    enum nat_class before = r->report.class;
    char text[ADDR_TEXT_MAX];

    /* Servers that are down are no proof of it. */
    if (fresh.class == NAT_BLOCKED && stun_servers_see_udp(d->node, family == STUN_V6))
        fresh.class = NAT_UNKNOWN;
    if (fresh.filtering == NAT_RULE_UNKNOWN && addr_equal(&fresh.public, &r->report.public))
        fresh.filtering = r->report.filtering;
    if (fresh.filtering != NAT_RULE_UNKNOWN)
        fresh.class = nat_class_filtered(&fresh);
    r->report = fresh;
    memcpy(r->server, d->run[family].core.options.server, sizeof(r->server));
    r->server_count = d->run[family].core.options.server_count;
    r->at = now_of(d);
    if (fresh.class != before)
        log_info(LOG_NAT, "%s: %s, mapping %s, seen at %s", family == STUN_V6 ? "IPv6" : "IPv4",
                 nat_class_text(fresh.class), nat_rule_name(fresh.mapping),
                 addr_print(&fresh.public, text));
    if (over) {
        name_liars(r);
        r->runs++;
        d->network[0].result[family] = *r;
        if (fresh.answered == 0)
            begin_by(d, now_of(d) + AGAIN_SILENT);
    }
    d->events->changed(d->arg);
}

static void step(struct stun_desk *d, enum stun_family family)
{
    struct nat_run *run = &d->run[family];
    bool was_running = run->running;

    nat_run_step(run, now_of(d));
    if (!was_running)
        return;
    if (!run->running || (run->core.judged && !d->told[family])) {
        d->told[family] = true;
        take_report(d, family, !run->running);
    }
}

/* ---- the service ---- */

static void serve(struct stun_desk *d, const struct udp_rx *rx, uint32_t via)
{
    uint8_t out[STUN_ANSWER_MAX];
    const struct path back = {.kind = PATH_UDP, .via = via, .remote = rx->from, .local = rx->to};
    size_t len = stun_service_answer(d->service, rx->now, &rx->from, rx->data, rx->len, out);

    if (len > 0)
        hub_send_path(d->node->hub, &back, out, len, 0);
}

void stun_desk_input(struct stun_desk *d, const struct udp_rx *rx, uint32_t via)
{
    /* The classification first: among the requests are its own, turned around by the router. */
    if (nat_run_input(&d->run[family_of(&rx->from)], rx, via) || stun_refreshes_input(d, rx, via))
        stun_desk_set_timer(d);
    else if (d->service)
        serve(d, rx, via);
}

/* ---- what is known ---- */

const struct stun_result *stun_desk_result(const struct stun_desk *d, enum stun_family family)
{
    return &d->result[family];
}

static bool is_told(const struct nat_report *r)
{
    return r->class != NAT_UNKNOWN && r->class != NAT_BLOCKED;
}

struct nat_facts stun_desk_facts(const struct stun_desk *d)
{
    const struct nat_report *v4 = &d->result[STUN_V4].report, *v6 = &d->result[STUN_V6].report;
    const struct nat_report *r = is_told(v6) && !is_told(v4) ? v6 : v4;

    return (struct nat_facts){
        .class = r->class,
        .delta = (int16_t)r->delta,
        .span = (uint16_t)(r->span < UINT16_MAX ? r->span : UINT16_MAX),
        .last_port = r->last_port,
        .opener_ttl = r->opener_measured ? r->opener_ttl : 0,
    };
}

void stun_desk_set_filtering(struct stun_desk *d, enum stun_family family, enum nat_rule rule)
{
    struct nat_report *r = &d->result[family].report;

    r->filtering = rule;
    r->class = nat_class_filtered(r);
    d->network[0].result[family] = d->result[family];
    d->events->changed(d->arg);
}

/* ---- life ---- */

static void on_timer(struct timer *timer)
{
    struct stun_desk *d = container_of(timer, struct stun_desk, timer);

    if (now_of(d) >= d->begin)
        begin(d);
    step(d, STUN_V4);
    step(d, STUN_V6);
    stun_refreshes_step(d);
    stun_desk_set_timer(d);
}

static int start_service(struct stun_desk *d)
{
    uint8_t secret[MAP_SECRET_LEN];

    d->service = malloc(sizeof(*d->service));
    if (!d->service)
        return -ENOMEM;
    env_random(d->node->env, secret, sizeof(secret));
    stun_service_init(d->service, secret, true);
    return 0;
}

int stun_desk_start(struct stun_desk *d, const struct desk *node,
                    const struct stun_desk_events *events, void *arg)
{
    *d = (struct stun_desk){
        .node = node,
        .events = events,
        .arg = arg,
        .begin = env_now(node->env),
        .timer.fire = on_timer,
    };
    list_init(&d->refreshes);
    while (d->places < NAT_SERVERS_MAX && node->options->stun[d->places].port != 0) {
        struct stun_place *p = &d->place[d->places++];
        p->desk = d;
        p->lookup.done = on_looked_up;
    }
    (void)find_network(d);
    stun_desk_set_timer(d);
    return node->options->relay_serve == RELAY_SERVE_OFF ? 0 : start_service(d);
}

void stun_desk_stop(struct stun_desk *d)
{
    if (!d->node)
        return;
    timer_stop(d->node->env, &d->timer);
    for (size_t i = 0; i < d->places; i++)
        env_lookup_cancel(d->node->env, &d->place[i].lookup);
    stun_refreshes_stop(d);
    for (int f = 0; f < STUN_FAMILIES; f++)
        nat_run_stop(&d->run[f]);
    free(d->service);
    *d = (struct stun_desk){0};
}
