/* What becomes of a port mapping: the race for it, its renewals, its end. */
#include "gateway/nat/portmap_parts.h"

#include "gateway/base/log.h"

/* A router that has PCP answers within a few milliseconds: then nothing else is asked of it. */
#define BEGIN_NATPMP MSEC(250)
#define BEGIN_UPNP   MSEC(500)
#define RACE_TIME    SEC(20)
#define RACE_AGAIN   SEC(1800)

#define RENEW_PERMANENT SEC(1800) /* mappings that have no end: the router may forget them too */
#define DELETE_TIME     SEC(2)

#define END_UDP  MSEC(20) /* for one datagram to the next hop and nothing to wait for */
#define END_UPNP MSEC(150)

const char *portmap_method_name(enum portmap_method method)
{
    switch (method) {
    case PORTMAP_PCP:
        return "pcp";
    case PORTMAP_NATPMP:
        return "natpmp";
    case PORTMAP_UPNP:
        return "upnp";
    case PORTMAP_METHODS:
        break;
    }
    return "?";
}

/* ---- the race ---- */

static void race(struct portmap *p)
{
    static const instant BEGIN[PORTMAP_METHODS] = {0, BEGIN_NATPMP, BEGIN_UPNP};
    instant now = env_now(p->env);
    bool v6 = addr_is_v6(&p->options.router.addr);

    p->phase = PORTMAP_RACING;
    p->next = now + RACE_TIME;
    p->refusal = 0;
    for (unsigned i = 0; i < PORTMAP_METHODS; i++) {
        struct portmap_line *l = &p->line[i];
        portmap_close_line(l);
        l->mapping->state = MAPPING_IDLE;
        l->over = v6 && i != PORTMAP_PCP;
        l->begin = l->over ? INSTANT_NEVER : now + BEGIN[i];
    }
}

static void forget(struct portmap *p)
{
    bool had = !addr_is_none(&p->external);

    p->external = (struct addr){0};
    p->proof = PORTMAP_UNVERIFIED;
    p->behind_nat = false;
    p->expires = INSTANT_NEVER;
    if (had)
        p->options.events->on_changed(p->options.arg, p);
}

static void lose(struct portmap *p, const char *why)
{
    log_info(LOG_NAT, "port mapping by %s: %s", portmap_method_name(p->method), why);
    race(p);
    forget(p);
}

static void give_up(struct portmap *p)
{
    p->phase = PORTMAP_NONE;
    p->next = env_now(p->env) + RACE_AGAIN;
    for (unsigned i = 0; i < PORTMAP_METHODS; i++) {
        portmap_close_line(&p->line[i]);
        p->line[i].begin = INSTANT_NEVER;
    }
    log_debug(LOG_NAT, "the router maps no ports: last code %u", p->refusal);
}

static void keep_only(struct portmap *p, enum portmap_method method)
{
    for (unsigned i = 0; i < PORTMAP_METHODS; i++) {
        p->line[i].begin = INSTANT_NEVER;
        if (i != method)
            portmap_close_line(&p->line[i]);
    }
    p->method = method;
}

static void tell_granted(struct portmap *p, bool moved)
{
    char text[ADDR_TEXT_MAX];

    p->behind_nat = mapping_is_behind_nat(&p->external) && !addr_is_v6(&p->external);
    if (moved) {
        log_info(LOG_NAT, "port mapping by %s: %s leads to us%s", portmap_method_name(p->method),
                 addr_print(&p->external, text),
                 p->behind_nat ? ", but that is a private address: there is another NAT" : "");
        p->options.events->on_changed(p->options.arg, p);
    }
    /* A private address cannot be tried from outside, and would prove nothing. */
    if (!p->behind_nat)
        p->options.events->verify(p->options.arg, p);
}

/* The machine of p->method has a grant. */
static void hold(struct portmap *p)
{
    const struct mapping *m = p->line[p->method].mapping;
    instant now = env_now(p->env), life = SEC((uint64_t)m->lifetime_s);
    instant wait = m->lifetime_s > 0 ? life / 2 : RENEW_PERMANENT;
    bool moved = !addr_equal(&p->external, &m->external);

    p->phase = PORTMAP_HELD;
    p->expires = m->lifetime_s > 0 ? now + life : INSTANT_NEVER;
    p->next = now + (wait > PORTMAP_RENEW_SOONEST ? wait : PORTMAP_RENEW_SOONEST);
    p->renewed = now;
    p->external = m->external;
    p->proof = PORTMAP_UNVERIFIED;
    tell_granted(p, moved);
}

static bool is_racing(const struct portmap *p)
{
    for (unsigned i = 0; i < PORTMAP_METHODS; i++)
        if (!p->line[i].over)
            return true;
    return false;
}

/* One has failed: the next begins at once. */
static void drop_out(struct portmap *p, unsigned i)
{
    struct portmap_line *l = &p->line[i];
    instant now = env_now(p->env);

    l->over = true;
    portmap_close_line(l);
    if (l->mapping->state == MAPPING_REFUSED)
        p->refusal = l->mapping->code;
    for (unsigned j = i + 1; j < PORTMAP_METHODS; j++)
        if (p->line[j].begin != INSTANT_NEVER && p->line[j].begin > now) {
            p->line[j].begin = now;
            return;
        }
}

static bool judge_race(struct portmap *p)
{
    instant now = env_now(p->env);

    for (unsigned i = 0; i < PORTMAP_METHODS; i++) {
        struct portmap_line *l = &p->line[i];
        if (l->begin <= now) {
            l->begin = INSTANT_NEVER;
            portmap_ask(p, i, MAPPING_LIFETIME_S);
            return true;
        }
        if (l->mapping->state == MAPPING_GRANTED) {
            keep_only(p, i);
            hold(p);
            return true;
        }
        if (!l->over &&
            (l->mapping->state == MAPPING_REFUSED || l->mapping->state == MAPPING_SILENT)) {
            drop_out(p, i);
            return true;
        }
    }
    if (is_racing(p) && now < p->next)
        return false;
    give_up(p);
    return true;
}

/* ---- the life of a mapping ---- */

static void renew(struct portmap *p)
{
    p->phase = PORTMAP_RENEWING;
    portmap_ask(p, p->method, MAPPING_LIFETIME_S);
}

/* RFC 6887 §11.2.1: nobody answered, so at half of what is left, and again. */
static void renew_later(struct portmap *p)
{
    instant now = env_now(p->env);
    instant left = p->expires == INSTANT_NEVER ? RENEW_PERMANENT
                   : p->expires > now          ? (p->expires - now) / 2
                                               : 0;

    p->phase = PORTMAP_HELD;
    p->next = now + (left > PORTMAP_RENEW_SOONEST ? left : PORTMAP_RENEW_SOONEST);
}

static bool judge_renewal(struct portmap *p)
{
    const struct mapping *m = p->line[p->method].mapping;

    switch (m->state) {
    case MAPPING_GRANTED:
        hold(p);
        return true;
    case MAPPING_REFUSED:
        lose(p, "the router does not renew it");
        return true;
    case MAPPING_SILENT:
        if (p->expires == INSTANT_NEVER)
            lose(p, "the router does not answer");
        else
            renew_later(p);
        return true;
    case MAPPING_IDLE:
    case MAPPING_ASKING:
    case MAPPING_DELETED:
        break;
    }
    return false;
}

/* Looks at how things stand. Returns true if it did something, after which they may stand
 * differently. */
static bool judge(struct portmap *p)
{
    instant now = env_now(p->env);

    switch (p->phase) {
    case PORTMAP_OFF:
        return false;
    case PORTMAP_RACING:
        return judge_race(p);
    case PORTMAP_HELD:
    case PORTMAP_RENEWING:
        if (now >= p->expires) {
            lose(p, "it has expired");
            return true;
        }
        if (p->phase == PORTMAP_RENEWING)
            return judge_renewal(p);
        if (now >= p->next)
            renew(p);
        return p->phase == PORTMAP_RENEWING;
    case PORTMAP_DELETING:
        if (p->line[p->method].mapping->state == MAPPING_ASKING && now < p->next)
            return false;
        race(p);
        return true;
    case PORTMAP_NONE:
        if (now >= p->next)
            race(p);
        return p->phase == PORTMAP_RACING;
    }
    return false;
}

static instant deadline(const struct portmap *p)
{
    instant due = p->phase == PORTMAP_RENEWING ? p->expires : p->next;

    if (portmap_is_held(p) && p->expires < due)
        due = p->expires;
    for (unsigned i = 0; i < PORTMAP_METHODS; i++) {
        const struct portmap_line *l = &p->line[i];
        instant line = l->udp ? l->ops->deadline(l->self) : INSTANT_NEVER;
        due = line < due ? line : due;
        due = l->begin < due ? l->begin : due;
    }
    return due;
}

void portmap_step(struct portmap *p)
{
    do
        portmap_pump(p);
    while (judge(p));
    if (p->phase == PORTMAP_OFF)
        timer_stop(p->env, &p->timer);
    else
        timer_set(p->env, &p->timer, deadline(p));
}

static void on_timer(struct timer *t)
{
    portmap_step(container_of(t, struct portmap, timer));
}

/* ---- life ---- */

void portmap_start(struct portmap *p, struct env *env, const struct portmap_options *options)
{
    struct addr local = options->router.local;
    uint16_t random;

    *p = (struct portmap){
        .env = env,
        .options = *options,
        .timer.fire = on_timer,
        .call.done = portmap_on_called,
        .expires = INSTANT_NEVER,
    };
    p->line[PORTMAP_PCP] =
        (struct portmap_line){.ops = &map_pcp_ops, .self = &p->pcp, .mapping = &p->pcp.mapping};
    p->line[PORTMAP_NATPMP] = (struct portmap_line){
        .ops = &map_natpmp_ops, .self = &p->natpmp, .mapping = &p->natpmp.mapping};
    p->line[PORTMAP_UPNP] =
        (struct portmap_line){.ops = &ssdp_ops, .self = &p->igd.ssdp, .mapping = &p->igd.mapping};
    for (unsigned i = 0; i < PORTMAP_METHODS; i++)
        p->line[i].map = p;
    addr_set_port(&local, options->port);
    env_random(env, &random, sizeof(random));
    map_pcp_init(&p->pcp, &local, options->nonce);
    map_natpmp_init(&p->natpmp, options->port);
    map_igd_init(&p->igd, &options->router.addr, &local, random);
    portmap_open_ears(p);
    race(p);
    portmap_step(p);
}

void portmap_check(struct portmap *p)
{
    if (p->phase == PORTMAP_HELD)
        renew(p);
    else if (p->phase == PORTMAP_NONE)
        race(p);
    if (p->phase != PORTMAP_OFF)
        portmap_step(p);
}

void portmap_set_proof(struct portmap *p, bool works)
{
    if (!portmap_is_held(p))
        return;
    p->proof = works ? PORTMAP_VERIFIED : PORTMAP_DEAD;
    p->deaths = works ? 0 : p->deaths + 1;
    if (p->deaths != 1) /* it was made anew before: something else is in the way */
        return;
    log_info(LOG_NAT, "port mapping by %s: does not work from outside, made anew",
             portmap_method_name(p->method));
    p->phase = PORTMAP_DELETING;
    p->next = env_now(p->env) + DELETE_TIME;
    portmap_ask(p, p->method, 0);
    forget(p);
    portmap_step(p);
}

instant portmap_end(struct portmap *p)
{
    bool held = portmap_is_held(p);

    if (p->phase == PORTMAP_OFF)
        return 0;
    p->phase = PORTMAP_OFF;
    timer_stop(p->env, &p->timer);
    if (!held)
        return 0;
    portmap_ask(p, p->method, 0);
    portmap_pump(p);
    return p->method == PORTMAP_UPNP ? END_UPNP : END_UDP;
}

void portmap_stop(struct portmap *p)
{
    if (!p->env)
        return;
    timer_stop(p->env, &p->timer);
    for (unsigned i = 0; i < PORTMAP_METHODS; i++)
        portmap_close_line(&p->line[i]);
    if (p->ears)
        udp_close(p->env, p->ears);
    if (p->ssdp_ears)
        udp_close(p->env, p->ssdp_ears);
    *p = (struct portmap){.phase = PORTMAP_OFF};
}
