#include "gateway/node/exchange_desk.h"

#include <string.h>

#include "gateway/base/log.h"

static instant now_of(const struct exchange_desk *d)
{
    return env_now(d->node->env);
}

/* ---- contacts ---- */

static bool is_contact(const struct exchange_desk *d, const struct peer_id *id)
{
    const struct known_peer *known = registry_peer(d->node->registry, id);
    return known && !known->blocked;
}

static void join(void *arg, struct peer *p)
{
    struct exchange_desk *d = arg;

    if (peer_session(p) && is_contact(d, &p->id))
        peer_exchange_join(d->exchange, now_of(d), &p->id, peer_conn(p));
}

static void leave(void *arg, const struct peer_id *id)
{
    struct exchange_desk *d = arg;
    const struct peer_id copy = *id;
    const struct peer *p = d->node->find(d->node->node, &copy);

    if (!p || !peer_session(p) || !is_contact(d, &copy))
        peer_exchange_leave(d->exchange, &copy);
}

/* ---- what comes and goes ---- */

static void send_all(struct exchange_desk *d)
{
    uint8_t out[EXCHANGE_MESSAGE_MAX];
    struct exchange_tx tx;

    while (peer_exchange_output(d->exchange, now_of(d), &tx)) {
        const struct message_part part = exchange_message_write(&tx.m, out);
        const struct peer *p = d->node->find(d->node->node, &tx.to);
        if (p && peer_conn(p))
            peer_tell_part(peer_conn(p), &part);
    }
}

static void take_record(struct exchange_desk *d, const struct peer_id *id)
{
    const struct exchange_known *k = peer_exchange_find(d->exchange, id);
    char about[9], teller[9];

    if (!k || registry_is_blocked(d->node->registry, id))
        return;
    log_debug(LOG_PEER, "%s: a record that %s told of", peer_id_short(id, about),
              peer_id_short(&k->told_by, teller));
    record_desk_told(d->records, k);
}

static void tell_all(struct exchange_desk *d)
{
    struct exchange_event event;

    while (peer_exchange_next_event(d->exchange, &event)) {
        if (event.kind == EXCHANGE_LEARNT)
            take_record(d, &event.id);
        else
            record_desk_asked(d->records, &event.id);
    }
}

static void on_pump(struct deferred *work)
{
    struct exchange_desk *d = container_of(work, struct exchange_desk, pump);

    peer_exchange_each(d->exchange, leave, d);
    d->node->each(d->node->node, join, d);
    send_all(d);
    tell_all(d);
    timer_set(d->node->env, &d->timer, peer_exchange_deadline(d->exchange));
}

static void on_timer(struct timer *timer)
{
    struct exchange_desk *d = container_of(timer, struct exchange_desk, timer);
    env_defer(d->node->env, &d->pump);
}

void exchange_desk_changed(struct exchange_desk *d)
{
    if (d->exchange)
        env_defer(d->node->env, &d->pump);
}

void exchange_desk_on_part(struct exchange_desk *d, const struct peer *p,
                           const struct message_part *part)
{
    struct exchange_message m;

    if (!d->exchange || !exchange_message_is(part) || exchange_message_read(&m, part) < 0)
        return;
    if (peer_session(p) && is_contact(d, &p->id)) /* since this very batch, perhaps */
        peer_exchange_join(d->exchange, now_of(d), &p->id, peer_conn(p));
    peer_exchange_input(d->exchange, now_of(d), &p->id, &m);
    env_defer(d->node->env, &d->pump);
}

/* ---- for the records ---- */

void exchange_desk_set_own(struct exchange_desk *d, const struct dht_item *item)
{
    if (!d->exchange)
        return;
    peer_exchange_set_own(d->exchange, item);
    env_defer(d->node->env, &d->pump);
}

bool exchange_desk_ask(struct exchange_desk *d, const struct peer_id *id)
{
    if (!d->exchange || peer_exchange_ask(d->exchange, now_of(d), id) == 0)
        return false;
    env_defer(d->node->env, &d->pump);
    return true;
}

const struct exchange_known *exchange_desk_find(const struct exchange_desk *d,
                                                const struct peer_id *id)
{
    return d->exchange ? peer_exchange_find(d->exchange, id) : NULL;
}

bool exchange_desk_counts(const struct exchange_desk *d, struct exchange_counts *out)
{
    if (d->exchange)
        peer_exchange_counts(d->exchange, out);
    return d->exchange != NULL;
}

void exchange_desk_superseded(struct exchange_desk *d, const struct record_found *found)
{
    if (d->exchange)
        peer_exchange_superseded(d->exchange, &found->record, found->seq);
}

/* ---- life ---- */

static int64_t highest(void *arg, const struct peer_id *id)
{
    const struct exchange_desk *d = arg;
    return record_desk_highest(d->records, id);
}

int exchange_desk_start(struct exchange_desk *d, const struct desk *node,
                        struct record_desk *records)
{
    const struct peer_exchange_options options = {
        .self = *node->self, .network = node->options->network, .highest = highest, .arg = d};

    *d = (struct exchange_desk){
        .node = node, .records = records, .pump.run = on_pump, .timer.fire = on_timer};
    return node->options->peer_exchange ? peer_exchange_new(&d->exchange, &options) : 0;
}

void exchange_desk_stop(struct exchange_desk *d)
{
    if (!d->node)
        return;
    env_undefer(d->node->env, &d->pump);
    timer_stop(d->node->env, &d->timer);
    peer_exchange_free(d->exchange);
    *d = (struct exchange_desk){0};
}
