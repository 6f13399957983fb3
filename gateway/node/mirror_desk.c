#include "gateway/node/mirror_desk.h"

#include "gateway/base/log.h"

/* NATs forget a mapping that had no answer after 30 s. */
#define KEEP_EVERY SEC(12)
#define KEEP_NODES 3

static instant now_of(const struct mirror_desk *d)
{
    return env_now(d->node->env);
}

static void set_timer(struct mirror_desk *d)
{
    instant now = now_of(d), due = dht_mirror_due(&d->core, now);

    if (d->told && d->core.state != DHT_MIRROR_ASKING)
        due = now;
    if (now < d->keep_until && d->core.state != DHT_MIRROR_ASKING && d->keep < due)
        due = d->keep;
    timer_set(d->node->env, &d->timer, due);
}

/* ---- whom to ask ---- */

static void drop_claims(struct mirror_desk *d)
{
    while (d->claims > 0)
        hub_remove_claim(&d->claim[--d->claims].hub);
}

/* Answers to our pings look like packets of a session. */
static bool take(struct hub_claim *hub, const struct udp_rx *rx)
{
    struct mirror_desk *d = container_of(hub, struct mirror_claim, hub)->desk;
    bool taken = false;

    for (size_t at = 0; at < rx->len; at += rx->segment) {
        size_t len = rx->len - at < rx->segment ? rx->len - at : rx->segment;
        taken = dht_mirror_input(&d->core, &rx->from, rx->data + at, len) || taken;
    }
    if (taken)
        timer_set(d->node->env, &d->timer, now_of(d)); /* claims may not go from in here */
    return taken;
}

static void claim_answers(struct mirror_desk *d)
{
    drop_claims(d);
    for (size_t i = 0; i < d->core.nodes; i++) {
        struct mirror_claim *c = &d->claim[d->claims++];
        c->desk = d;
        c->hub = (struct hub_claim){.from = d->core.node[i].addr, .take = take};
        hub_add_claim(d->node->hub, &c->hub);
    }
}

static void begin(struct mirror_desk *d, const struct addr *nodes, size_t count)
{
    uint8_t chance[DHT_ID_LEN + DHT_MIRROR_NODES * DHT_MIRROR_T_LEN];

    env_random(d->node->env, chance, sizeof(chance));
    dht_mirror_begin(&d->core, now_of(d), nodes, count, chance);
    claim_answers(d);
    d->keep = now_of(d) + KEEP_EVERY;
}

static void look(struct mirror_desk *d)
{
    struct addr node[DHT_MIRROR_NODES];
    size_t count = 0;

    if (d->dht->dht)
        count = dht_some_nodes(d->dht->dht, now_of(d), node, DHT_MIRROR_NODES);
    if (count > 0 && hub_socket_for(d->node->hub, &node[0]))
        begin(d, node, count);
    set_timer(d);
}

/* Those who saw us where everybody does. */
static size_t friends(const struct mirror_desk *d, struct addr out[static KEEP_NODES])
{
    size_t count = 0;

    for (size_t i = 0; d->core.state == DHT_MIRROR_SEEN && i < d->core.nodes; i++)
        if (addr_equal(&d->core.node[i].seen, &d->core.seen) && count < KEEP_NODES)
            out[count++] = d->core.node[i].addr;
    return count;
}

static void keep(struct mirror_desk *d)
{
    struct addr node[KEEP_NODES];
    size_t count = friends(d, node);

    if (count >= 2)
        begin(d, node, count);
    else
        look(d);
}

/* ---- what they say ---- */

static void tell_gatherer(struct mirror_desk *d, const struct addr *seen)
{
    char text[ADDR_TEXT_MAX];

    if (addr_equal(&d->seen, seen))
        return;
    if (!addr_is_none(&d->seen))
        gather_remove(d->gather, CANDIDATE_REFLEXIVE, &d->seen);
    d->seen = *seen;
    if (addr_is_none(seen))
        return;
    log_info(LOG_NAT, "nodes of the DHT see us at %s", addr_print(seen, text));
    gather_add(d->gather, CANDIDATE_REFLEXIVE, seen);
}

static void settle(struct mirror_desk *d)
{
    static const struct addr NONE;

    if (d->core.state == DHT_MIRROR_ASKING)
        return;
    drop_claims(d);
    if (d->core.state == DHT_MIRROR_SEEN)
        tell_gatherer(d, &d->core.seen);
    else if (d->core.state == DHT_MIRROR_VARIES)
        tell_gatherer(d, &NONE);
    if (!d->told)
        return;
    d->told = false;
    d->done(d);
}

static void on_timer(struct timer *timer)
{
    struct mirror_desk *d = container_of(timer, struct mirror_desk, timer);
    uint8_t out[DHT_MIRROR_PACKET];
    struct addr to;

    if (d->core.state != DHT_MIRROR_ASKING && now_of(d) < d->keep_until && now_of(d) >= d->keep) {
        d->keep = now_of(d) + KEEP_EVERY;
        keep(d);
    }
    for (size_t len; (len = dht_mirror_output(&d->core, now_of(d), &to, out)) > 0;) {
        const struct udp_tx tx = {.to = &to, .data = out, .len = len};
        hub_send(d->node->hub, &tx);
    }
    settle(d);
    set_timer(d);
}

/* ---- life ---- */

void mirror_desk_start(struct mirror_desk *d, const struct desk *node, struct dht_desk *dht,
                       struct gather *gather, void (*done)(struct mirror_desk *d))
{
    *d = (struct mirror_desk){
        .node = node, .dht = dht, .gather = gather, .done = done, .timer.fire = on_timer};
}

void mirror_desk_stop(struct mirror_desk *d)
{
    if (!d->node)
        return;
    timer_stop(d->node->env, &d->timer);
    drop_claims(d);
    *d = (struct mirror_desk){0};
}

void mirror_desk_network_changed(struct mirror_desk *d)
{
    static const struct addr NONE;

    if (!d->node)
        return;
    tell_gatherer(d, &NONE);
    if (d->core.state != DHT_MIRROR_ASKING)
        d->core.state = DHT_MIRROR_IDLE;
    d->keep = now_of(d);
    set_timer(d);
}

void mirror_desk_look(struct mirror_desk *d)
{
    d->told = true;
    if (d->core.state != DHT_MIRROR_ASKING)
        look(d);
}

void mirror_desk_keep(struct mirror_desk *d, instant until)
{
    if (until <= d->keep_until)
        return;
    d->keep_until = until;
    if (d->keep < now_of(d))
        d->keep = now_of(d) + KEEP_EVERY;
    set_timer(d);
}

bool mirror_desk_varies(const struct mirror_desk *d)
{
    return d->core.state == DHT_MIRROR_VARIES;
}
