#include "gateway/node/portmap_desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"

#define NONCE_FILE "portmap.nonce"
#define TRY_AGAIN  SEC(30) /* from outside, while nobody can help */
#define TRY_NEW    SEC(2)  /* by who came: first it must learn where it sees us */

/* A router that had us before knows us by the nonce (RFC 6887 §11.3), and may refuse the port to
 * another one until the old mapping has expired. */
static void load_nonce(struct env *env, uint8_t nonce[static MAP_PCP_NONCE_LEN])
{
    uint8_t *data = NULL;
    size_t len = 0;

    if (env_load(env, NONCE_FILE, &data, &len) == 0 && len == MAP_PCP_NONCE_LEN) {
        memcpy(nonce, data, MAP_PCP_NONCE_LEN);
        free(data);
        return;
    }
    free(data);
    env_random(env, nonce, MAP_PCP_NONCE_LEN);
    if (env_save(env, NONCE_FILE, nonce, MAP_PCP_NONCE_LEN) < 0)
        log_debug(LOG_NAT, "%s could not be saved", NONCE_FILE);
}

/* ---- what is told ---- */

/* The address outside that leads to us; none while it is a private one (there is another NAT) or
 * was found not to work. */
static struct addr address_of(const struct portmap *p)
{
    if (!portmap_is_held(p) || p->behind_nat || p->proof == PORTMAP_DEAD)
        return (struct addr){0};
    return p->external;
}

static void tell(struct portmap_place *p)
{
    const struct portmap_desk_options *o = &p->desk->options;
    const struct addr now = address_of(&p->map);

    if (!addr_equal(&now, &p->told)) {
        if (!addr_is_none(&p->told))
            gather_remove(o->gather, CANDIDATE_MAPPED, &p->told);
        if (!addr_is_none(&now))
            gather_add(o->gather, CANDIDATE_MAPPED, &now);
        p->told = now;
    }
    o->changed(o->arg);
}

static void on_changed(void *arg, struct portmap *map)
{
    (void)map;
    tell(arg);
}

/* ---- from outside ---- */

static bool is_to_be_tried(const struct portmap_place *p)
{
    return portmap_is_held(&p->map) && !p->map.behind_nat && p->map.proof == PORTMAP_UNVERIFIED;
}

static void try_it(struct portmap_place *p)
{
    struct portmap_desk *d = p->desk;

    if (d->options.reach)
        reach_desk_verify(d->options.reach, &p->check, &p->map.external);
}

/* Whoever can help may come later. */
static void on_timer(struct timer *timer)
{
    struct portmap_desk *d = container_of(timer, struct portmap_desk, timer);

    for (unsigned i = 0; i < PORTMAP_DESK_MAX; i++)
        if (is_to_be_tried(&d->place[i]))
            try_it(&d->place[i]);
}

void portmap_desk_on_conn(struct portmap_desk *d)
{
    for (unsigned i = 0; i < PORTMAP_DESK_MAX; i++)
        if (is_to_be_tried(&d->place[i]) && !list_is_linked(&d->place[i].check.link))
            timer_set(d->node->env, &d->timer, env_now(d->node->env) + TRY_NEW);
}

static void on_tried(struct reach_check *c, enum reach result)
{
    struct portmap_place *p = container_of(c, struct portmap_place, check);
    struct portmap_desk *d = p->desk;

    if (!is_to_be_tried(p) || !addr_equal(&p->map.external, &c->target))
        return;
    if (result == REACH_UNKNOWN) {
        timer_set(d->node->env, &d->timer, env_now(d->node->env) + TRY_AGAIN);
        return;
    }
    portmap_set_proof(&p->map, result != REACH_NO);
    tell(p);
}

static void verify(void *arg, struct portmap *map)
{
    struct portmap_place *p = arg;
    (void)map;
    try_it(p);
}

static const struct portmap_events EVENTS = {on_changed, verify};

/* ---- life ---- */

/* Our port, as the machine behind this router; 0: no socket of ours is reached through it. */
static uint16_t port_behind(const struct portmap_desk *d, const struct router *r)
{
    const struct hub_socket *s = hub_socket_for(d->node->hub, &r->addr);

    if (!s || (!addr_is_unspecified(&s->local) && !addr_same_ip(&s->local, &r->local)))
        return 0;
    return addr_port(&s->local);
}

static bool is_of_use(const struct router *r)
{
    if (addr_is_loopback(&r->local) || addr_is_link_local(&r->local))
        return false;
    return addr_is_private(&r->local) != addr_is_v6(&r->local);
}

static bool is_same(const struct portmap *p, const struct router *r, uint16_t port)
{
    const struct router *old = &p->options.router;
    return p->env && old->ifindex == r->ifindex && addr_equal(&old->addr, &r->addr) &&
           addr_equal(&old->local, &r->local) && p->options.port == port;
}

static void stop_map(struct portmap_place *p)
{
    bool had = portmap_is_held(&p->map);

    if (p->desk->options.reach)
        reach_desk_cancel(p->desk->options.reach, &p->check);
    (void)portmap_end(&p->map);
    portmap_stop(&p->map);
    if (had)
        tell(p);
}

static void begin_map(struct portmap_place *p, const struct router *r, uint16_t port)
{
    struct portmap_options options = {.router = *r, .port = port, .events = &EVENTS, .arg = p};
    struct env *env = p->desk->node->env;

    if (is_same(&p->map, r, port)) {
        portmap_check(&p->map);
        return;
    }
    stop_map(p);
    load_nonce(env, options.nonce);
    portmap_start(&p->map, env, &options);
}

static void look_at_routers(struct portmap_desk *d)
{
    struct router found[PORTMAP_DESK_MAX];
    int count = env_routers(d->node->env, found, PORTMAP_DESK_MAX);
    bool kept[PORTMAP_DESK_MAX] = {false};

    for (int i = 0; i < count; i++) {
        const bool v6 = addr_is_v6(&found[i].addr);
        uint16_t port = is_of_use(&found[i]) ? port_behind(d, &found[i]) : 0;
        if (port == 0)
            continue;
        kept[v6] = true;
        begin_map(&d->place[v6], &found[i], port);
    }
    for (unsigned i = 0; i < PORTMAP_DESK_MAX; i++)
        if (!kept[i])
            stop_map(&d->place[i]);
}

void portmap_desk_start(struct portmap_desk *d, const struct desk *node,
                        const struct portmap_desk_options *options)
{
    *d = (struct portmap_desk){.options = *options, .timer.fire = on_timer};
    if (node->options->no_portmap)
        return;
    d->node = node;
    for (unsigned i = 0; i < PORTMAP_DESK_MAX; i++) {
        d->place[i].desk = d;
        d->place[i].check.done = on_tried;
    }
    look_at_routers(d);
}

void portmap_desk_network_changed(struct portmap_desk *d)
{
    if (d->node)
        look_at_routers(d);
}

instant portmap_desk_end(struct portmap_desk *d)
{
    instant longest = 0;

    for (unsigned i = 0; i < PORTMAP_DESK_MAX; i++) {
        instant wait = portmap_end(&d->place[i].map);
        longest = wait > longest ? wait : longest;
    }
    return longest;
}

void portmap_desk_stop(struct portmap_desk *d)
{
    if (!d->node)
        return;
    timer_stop(d->node->env, &d->timer);
    for (unsigned i = 0; i < PORTMAP_DESK_MAX; i++) {
        if (d->options.reach)
            reach_desk_cancel(d->options.reach, &d->place[i].check);
        portmap_stop(&d->place[i].map);
    }
    d->node = NULL;
}

/* ---- questions ---- */

bool portmap_desk_is_reached(const struct portmap_desk *d)
{
    for (unsigned i = 0; i < PORTMAP_DESK_MAX; i++)
        if (portmap_is_held(&d->place[i].map) && d->place[i].map.proof == PORTMAP_VERIFIED)
            return true;
    return false;
}

static const char *proof_text(const struct portmap *p)
{
    if (p->behind_nat)
        return "behind another NAT";
    switch (p->proof) {
    case PORTMAP_UNVERIFIED:
        return "not verified";
    case PORTMAP_VERIFIED:
        return "verified";
    case PORTMAP_DEAD:
        return "does not work from outside";
    }
    return "not verified";
}

size_t portmap_desk_list(const struct portmap_desk *d,
                         struct node_port_map out[static NODE_PORT_MAPS_MAX])
{
    size_t count = 0;

    for (unsigned i = 0; i < PORTMAP_DESK_MAX; i++) {
        const struct portmap *p = &d->place[i].map;
        if (portmap_is_held(p))
            out[count++] = (struct node_port_map){
                .method = portmap_method_name(p->method),
                .router = p->options.router.addr,
                .external = p->external,
                .renewed = p->renewed,
                .expires = p->expires,
                .state = proof_text(p),
            };
    }
    return count;
}

/* Returns how many characters it is, which is less than half of NODE_TEXT_MAX. */
static size_t print_held(const struct portmap *p, instant now, char *out, size_t room)
{
    char at[ADDR_TEXT_MAX], left[32] = "permanent";

    if (p->expires != INSTANT_NEVER)
        (void)snprintf(left, sizeof(left), "%llu s left",
                       (unsigned long long)(p->expires > now ? (p->expires - now) / SEC(1) : 0));
    return (size_t)snprintf(out, room, "%s %s, %s, %s", portmap_method_name(p->method),
                            addr_print(&p->external, at), left, proof_text(p));
}

static void print_none(const struct portmap *p, char *out, size_t room)
{
    switch (p->phase) {
    case PORTMAP_OFF:
    case PORTMAP_HELD:
    case PORTMAP_RENEWING:
        break;
    case PORTMAP_RACING:
    case PORTMAP_DELETING:
        (void)snprintf(out, room, "the router is being asked");
        return;
    case PORTMAP_NONE:
        if (p->refusal)
            (void)snprintf(out, room, "the router refuses (code %u)", p->refusal);
        else
            (void)snprintf(out, room, "the router knows none of PCP, NAT-PMP and UPnP");
        return;
    }
    (void)snprintf(out, room, "there is no router to ask");
}

bool portmap_desk_print(const struct portmap_desk *d, char out[static NODE_TEXT_MAX])
{
    bool any = false;
    size_t len = 0;

    if (!d->node) {
        (void)snprintf(out, NODE_TEXT_MAX, "turned off");
        return false;
    }
    for (unsigned i = 0; i < PORTMAP_DESK_MAX; i++) {
        const struct portmap *p = &d->place[i].map;
        if (!portmap_is_held(p))
            continue;
        len += (size_t)snprintf(out + len, NODE_TEXT_MAX - len, "%s", any ? "; " : "");
        len += print_held(p, env_now(d->node->env), out + len, NODE_TEXT_MAX - len);
        any = true;
    }
    if (!any)
        print_none(&d->place[0].map, out, NODE_TEXT_MAX);
    return any;
}
