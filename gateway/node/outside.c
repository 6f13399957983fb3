#include "gateway/node/outside.h"

#include <string.h>

#include "gateway/base/log.h"

#define RELAYS_MAX   8
#define HELPED_AGAIN SEC(30)

/* ---- each public address ---- */

static bool is_translated(const struct outside *o, const struct addr *a)
{
    const struct hub *h = o->node->hub;

    for (size_t i = 0; i < h->local_count; i++)
        if (addr_same_ip(&h->locals[i], a))
            return false;
    return true;
}

/* Who dialled is somebody that we talk to; where that alone opens the way, it proves nothing. */
static enum nat_answer answer_by_port(const struct outside_address *a)
{
    const struct outside *o = a->outside;
    enum stun_family family = addr_is_v6(&a->addr) ? STUN_V6 : STUN_V4;

    if (a->type != CANDIDATE_REFLEXIVE || !is_translated(o, &a->addr))
        return NAT_YES;
    switch (stun_desk_result(&o->stun, family)->report.filtering) {
    case NAT_RULE_UNKNOWN:
        return NAT_NOT_KNOWN;
    case NAT_RULE_AD:
        return NAT_NO;
    case NAT_RULE_EI:
    case NAT_RULE_APD: /* other ports are shut, so a person has opened this one */
        return NAT_YES;
    }
    return NAT_NOT_KNOWN;
}

static enum nat_answer answer_of(const struct outside_address *a, enum reach result)
{
    switch (result) {
    case REACH_UNKNOWN:
        return NAT_NOT_KNOWN;
    case REACH_NO:
        return NAT_NO;
    case REACH_PORT:
        return answer_by_port(a);
    case REACH_YES:
        return NAT_YES;
    }
    return NAT_NOT_KNOWN;
}

static void on_checked(struct reach_check *c, enum reach result)
{
    struct outside_address *a = container_of(c, struct outside_address, check);
    enum nat_answer reachable = answer_of(a, result);
    char text[ADDR_TEXT_MAX];

    if (reachable == a->reachable || reachable == NAT_NOT_KNOWN)
        return;
    a->reachable = reachable;
    if (reachable == NAT_YES)
        log_info(LOG_NAT, "reached from outside at %s", addr_print(&a->addr, text));
    else if (a->type == CANDIDATE_CONFIGURED)
        log_warn(LOG_NAT, "%s does not lead here: nothing came when a peer dialled it",
                 addr_print(&a->addr, text));
    a->outside->events->changed(a->outside->arg);
}

static void check(struct outside *o, enum candidate_type type, const struct addr *addr)
{
    struct outside_address *a = NULL;

    for (size_t i = 0; i < o->addresses && !a; i++)
        if (addr_equal(&o->address[i].addr, addr))
            a = &o->address[i];
    if (!a) {
        if (addr_is_none(addr) || o->addresses == NODE_PUBLIC_MAX)
            return;
        a = &o->address[o->addresses++];
        *a = (struct outside_address){.outside = o, .type = type, .addr = *addr};
        a->check.done = on_checked;
    }
    reach_desk_verify(&o->reach, &a->check, addr);
}

static void forget_addresses(struct outside *o)
{
    for (size_t i = 0; i < o->addresses; i++)
        reach_desk_cancel(&o->reach, &o->address[i].check);
    o->addresses = 0;
}

/* A reflexive address that is no longer ours makes room. */
static void forget_old(struct outside *o, const struct addr *now)
{
    for (size_t i = 0; i < o->addresses; i++)
        if (o->address[i].type == CANDIDATE_REFLEXIVE &&
            addr_is_v6(&o->address[i].addr) == addr_is_v6(now) &&
            !addr_equal(&o->address[i].addr, now)) {
            forget_addresses(o); /* moving checks that run is not worth it */
            return;
        }
}

static void check_all(struct outside *o, enum stun_family family)
{
    const struct addr *public = &stun_desk_result(&o->stun, family)->report.public;
    const struct addr *external = o->node->options->external;

    if (!addr_is_none(public))
        forget_old(o, public);
    check(o, CANDIDATE_REFLEXIVE, public);
    for (size_t i = 0; i < NODE_EXTERNAL_MAX; i++)
        if (addr_is_v6(&external[i]) == (family == STUN_V6))
            check(o, CANDIDATE_CONFIGURED, &external[i]);
}

/* ---- filtering ---- */

static void on_filtered(struct outside *o, enum stun_family family, enum nat_rule rule)
{
    if (rule != NAT_RULE_UNKNOWN)
        stun_desk_set_filtering(&o->stun, family, rule);
    check_all(o, family);
    o->events->changed(o->arg); /* the port of the newest mapping, at least */
}

static void on_filtered_v4(struct filter_trial *f, enum nat_rule rule)
{
    on_filtered(container_of(f, struct outside, filter[STUN_V4]), STUN_V4, rule);
}

static void on_filtered_v6(struct filter_trial *f, enum nat_rule rule)
{
    on_filtered(container_of(f, struct outside, filter[STUN_V6]), STUN_V6, rule);
}

/* A classification has ended: what it cannot tell is asked of the relays. */
static void follow_up(struct outside *o, enum stun_family family)
{
    const struct stun_result *r = stun_desk_result(&o->stun, family);
    struct addr relay[RELAYS_MAX], near = {0}, far = {0};

    if (r->runs == o->runs[family] || r->report.answered == 0)
        return;
    o->runs[family] = r->runs;
    size_t count = o->events->relays(o->arg, relay, RELAYS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (addr_is_v6(&relay[i]) != (family == STUN_V6))
            continue;
        if (addr_is_none(&near))
            near = relay[i];
        else if (addr_is_none(&far) && !addr_same_ip(&near, &relay[i]))
            far = relay[i];
    }
    if (r->report.filtering == NAT_RULE_UNKNOWN && !addr_is_none(&near))
        filter_trial_start(&o->filter[family], &o->stun, &o->reach, &near, &far);
    else
        check_all(o, family);
}

/* ---- what happens ---- */

static void on_stun_changed(void *arg)
{
    struct outside *o = arg;

    follow_up(o, STUN_V4);
    follow_up(o, STUN_V6);
    o->events->changed(o->arg);
}

static size_t list_relays(void *arg, struct addr *out, size_t max)
{
    const struct outside *o = arg;
    return o->events->relays(o->arg, out, max);
}

static const struct stun_desk_events STUN_EVENTS = {list_relays, on_stun_changed};

void outside_network_changed(struct outside *o)
{
    for (int f = 0; f < STUN_FAMILIES; f++)
        filter_trial_stop(&o->filter[f]);
    forget_addresses(o);
    memset(o->runs, 0, sizeof(o->runs));
    stun_desk_network_changed(&o->stun);
}

static bool has_unknown(const struct outside *o)
{
    for (size_t i = 0; i < o->addresses; i++)
        if (o->address[i].reachable == NAT_NOT_KNOWN)
            return true;
    return o->addresses == 0 && !addr_is_none(&o->node->options->external[0]);
}

/* Somebody has come who may help with what nobody could tell so far. */
static void ask_again(struct outside *o)
{
    instant now = env_now(o->node->env);

    if (!has_unknown(o) || (o->helped > 0 && now < o->helped + HELPED_AGAIN))
        return;
    o->helped = now;
    for (int f = 0; f < STUN_FAMILIES; f++)
        if (!o->filter[f].running)
            check_all(o, (enum stun_family)f);
}

void outside_on_conn(struct outside *o, struct quic_conn *conn, bool ended)
{
    reach_desk_on_conn(&o->reach, conn, ended);
    stun_desk_on_conn(&o->stun);
    if (!ended)
        ask_again(o);
}

void outside_input(struct outside *o, const struct udp_rx *rx, uint32_t via)
{
    if (!reach_desk_input(&o->reach, rx, via))
        stun_desk_input(&o->stun, rx, via);
}

/* ---- what is known ---- */

enum nat_answer outside_reachable(const struct outside *o)
{
    enum nat_answer all = NAT_NOT_KNOWN;

    for (size_t i = 0; i < o->addresses; i++) {
        if (o->address[i].reachable == NAT_YES)
            return NAT_YES;
        if (o->address[i].reachable == NAT_NO)
            all = NAT_NO;
    }
    return all;
}

struct nat_facts outside_facts(const struct outside *o)
{
    struct nat_facts facts = stun_desk_facts(&o->stun);

    if (outside_reachable(o) == NAT_YES)
        facts.class = NAT_PUBLIC;
    return facts;
}

size_t outside_reflexive(const struct outside *o, struct addr out[static STUN_FAMILIES])
{
    size_t count = 0;

    for (int f = 0; f < STUN_FAMILIES; f++) {
        const struct addr *a = &stun_desk_result(&o->stun, (enum stun_family)f)->report.public;
        if (!addr_is_none(a))
            out[count++] = *a;
    }
    return count;
}

/* ---- life ---- */

int outside_start(struct outside *o, const struct desk *node, const struct outside_events *events,
                  void *arg)
{
    *o = (struct outside){.node = node, .events = events, .arg = arg};
    o->filter[STUN_V4].done = on_filtered_v4;
    o->filter[STUN_V6].done = on_filtered_v6;
    reach_desk_start(&o->reach, node);
    return stun_desk_start(&o->stun, node, &STUN_EVENTS, o);
}

void outside_stop(struct outside *o)
{
    if (!o->node)
        return;
    for (int f = 0; f < STUN_FAMILIES; f++)
        filter_trial_stop(&o->filter[f]);
    reach_desk_stop(&o->reach);
    stun_desk_stop(&o->stun);
    *o = (struct outside){0};
}
