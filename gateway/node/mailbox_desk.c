#include "gateway/node/mailbox_desk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"

#define NO_SALT     ((struct krpc_bytes){.at = NULL})
#define NODES_AGAIN SEC(2) /* until it is seen whether some answer by now */

static instant now_of(const struct mailbox_desk *d)
{
    return env_now(d->node->env);
}

static uint64_t wall_ms(const struct mailbox_desk *d)
{
    return (uint64_t)env_wall_us(d->node->env) / 1000;
}

/* Soon, for callers that are in the midst of something. */
static void run_soon(struct mailbox_desk *d)
{
    timer_set(d->node->env, &d->timer, now_of(d));
}

static bool is_reached(const struct mailbox_desk *d, const struct peer_id *id)
{
    const struct peer *p = d->node->find(d->node->node, id);
    return p && peer_session(p);
}

/* Is there a DHT to speak of? */
static bool has_nodes(const struct mailbox_desk *d)
{
    struct dht_status status;

    dht_get_status(d->options.dht->dht, now_of(d), &status);
    return status.good + status.good6 > 0;
}

/* ---- contacts ---- */

/* The one of an id, or the one that may be given to another: the first whose time is over first. */
static struct mailbox_wanted *wanted_of(struct mailbox_desk *d, const struct peer_id *id)
{
    struct mailbox_wanted *oldest = &d->wanted[0];

    for (size_t i = 0; i < DHT_MAILBOX_CONTACTS; i++) {
        struct mailbox_wanted *w = &d->wanted[i];
        if (w->until > 0 && peer_id_equal(&w->id, id))
            return w;
        if (w->until < oldest->until)
            oldest = w;
    }
    return oldest;
}

static void want(struct mailbox_desk *d, const struct peer_id *id)
{
    *wanted_of(d, id) = (struct mailbox_wanted){*id, now_of(d) + SEC(MAILBOX_LASTS_S)};
    if (!dht_mailbox_has(&d->slots, id))
        mailbox_desk_contacts(d);
}

static instant waited_until(const struct mailbox_desk *d)
{
    instant until = 0;

    for (size_t i = 0; i < DHT_MAILBOX_CONTACTS; i++)
        if (d->wanted[i].until > until)
            until = d->wanted[i].until;
    return until;
}

struct choice {
    struct peer_id id[DHT_MAILBOX_CONTACTS];
    size_t count;
};

static void choose(struct choice *c, const struct mailbox_desk *d, const struct peer_id *id)
{
    const struct known_peer *known = registry_peer(d->node->registry, id);

    if (!known || known->blocked || c->count == DHT_MAILBOX_CONTACTS)
        return;
    for (size_t i = 0; i < c->count; i++)
        if (peer_id_equal(&c->id[i], id))
            return;
    c->id[c->count++] = *id;
}

/* Those that somebody waits for first, then those that were reached before. */
static void choose_all(struct choice *c, const struct mailbox_desk *d)
{
    size_t count = registry_peer_count(d->node->registry);

    for (size_t i = 0; i < DHT_MAILBOX_CONTACTS; i++)
        if (d->wanted[i].until > now_of(d))
            choose(c, d, &d->wanted[i].id);
    for (int met = 1; met >= 0; met--)
        for (size_t i = 0; i < count && c->count < DHT_MAILBOX_CONTACTS; i++) {
            const struct known_peer *known = registry_peer_at(d->node->registry, i);
            if (addr_is_none(&known->last_good[0]) == (met == 0))
                choose(c, d, &known->id);
        }
}

/* Who has become a contact just now, by an invite or by hand, is likely to call soon. */
static void take_contacts(struct mailbox_desk *d, const struct choice *c)
{
    bool fresh[DHT_MAILBOX_CONTACTS] = {false};

    for (size_t i = 0; i < c->count; i++)
        fresh[i] = d->known && !dht_mailbox_has(&d->slots, &c->id[i]);
    dht_mailbox_set_contacts(&d->slots, now_of(d), c->id, c->count);
    for (size_t i = 0; i < c->count; i++)
        if (fresh[i])
            dht_mailbox_await(&d->slots, now_of(d), &c->id[i]);
    d->known = true;
}

void mailbox_desk_contacts(struct mailbox_desk *d)
{
    struct mailbox_known list[DHT_MAILBOX_CONTACTS];
    struct choice c = {.count = 0};

    if (!d->node)
        return;
    choose_all(&c, d);
    for (size_t i = 0; i < c.count; i++)
        list[i] = (struct mailbox_known){.id = c.id[i], .has_address = true};
    if (mailbox_set_contacts(&d->box, list, c.count) < 0)
        log_warn(LOG_PEER, "no memory for contacts: new ones cannot be met through the DHT");
    take_contacts(d, &c);
    for (size_t i = 0; i < DHT_MAILBOX_READS; i++)
        if (d->look[i].call.request && !dht_mailbox_has(&d->slots, &d->look[i].from))
            dht_desk_cancel(d->options.dht, &d->look[i].call);
    run_soon(d);
}

/* ---- reading ---- */

static void take(struct mailbox_desk *d, const struct peer_id *from, const struct dht_item *item)
{
    const struct krpc_bytes sealed = dht_item_bytes(item);
    struct mailbox_heard heard;
    char id[9];

    int err = mailbox_open(&d->box, now_of(d), wall_ms(d), from, sealed.at,
                           sealed.at ? sealed.len : 0, &heard);
    if (err < 0) {
        log_debug(LOG_PEER, "%s: what is in its slot of the DHT is ignored: %s",
                  peer_id_short(from, id), strerror(-err));
        return;
    }
    if (mail_desk_heard(d->options.mail, &heard, MAILBOX_BY_DHT.meet_after_ms))
        want(d, from);
    else
        mailbox_reached(&d->box, from);
}

static void on_look(struct dht_call *call, const struct dht_event *e)
{
    struct mailbox_look *look = container_of(call, struct mailbox_look, call);
    struct mailbox_desk *d = look->desk;
    const struct dht_near near = e->near && e->answered > 0 ? *e->near : (struct dht_near){0};

    /* The first that is found is answered at once. */
    if (e->item && dht_mailbox_news(&d->slots, &look->from, e->item))
        take(d, &look->from, e->item);
    if (e->kind == DHT_DONE)
        dht_mailbox_done(&d->slots, now_of(d), &look->from, near.count > 0 ? &near : NULL);
    run_soon(d);
}

static struct mailbox_look *free_look(struct mailbox_desk *d)
{
    for (size_t i = 0; i < DHT_MAILBOX_READS; i++)
        if (!d->look[i].call.request)
            return &d->look[i];
    return NULL;
}

static void read_slot(struct mailbox_desk *d, struct mailbox_look *look,
                      const struct dht_mailbox_look *at)
{
    *look = (struct mailbox_look){.desk = d, .call.event = on_look, .from = at->from};
    int err = at->near ? dht_desk_peek(d->options.dht, &look->call, at->key, NO_SALT, at->min_seq,
                                       at->near)
                       : dht_desk_get(d->options.dht, &look->call, at->key, NO_SALT, at->min_seq);
    if (err < 0)
        dht_mailbox_done(&d->slots, now_of(d), &at->from, NULL);
}

/* Who has a relay is found by its record. */
static bool has_relay(const struct mailbox_desk *d)
{
    char relay[PEER_RELAYS_MAX][PEER_RELAY_MAX + 1];
    return relay_desk_ours(d->options.relay, relay) > 0;
}

static void read_slots(struct mailbox_desk *d, instant now, bool idle)
{
    struct dht_mailbox_look at;
    struct mailbox_look *look;

    for (size_t i = 0; i < d->slots.contacts; i++) {
        const struct peer_id *id = &d->slots.contact[i].id;
        dht_mailbox_set_reached(&d->slots, id, is_reached(d, id));
    }
    while ((look = free_look(d)) &&
           dht_mailbox_next(&d->slots, now, env_wall_us(d->node->env), idle, &at))
        read_slot(d, look, &at);
}

/* ---- writing ---- */

static void fill_random(void *arg, void *out, size_t len)
{
    const struct mailbox_desk *d = arg;
    env_random(d->node->env, out, len);
}

static void end_writing(struct mailbox_desk *d, int err)
{
    char id[9];

    if (err == 0) {
        log_info(LOG_PEER, "%s: a message waits for it on the DHT",
                 peer_id_short(&d->draft.to, id));
        dht_mailbox_await(&d->slots, now_of(d), &d->draft.to);
    } else {
        log_info(LOG_PEER, "%s: no message could be left for it on the DHT: %s",
                 peer_id_short(&d->draft.to, id), strerror(-err));
    }
    d->writing = MAILBOX_DESK_IDLE;
    mailbox_sent(&d->box, now_of(d), err == 0);
    run_soon(d);
}

static void on_put(struct dht_call *call, const struct dht_event *e);

static int put(struct mailbox_desk *d)
{
    uint8_t sealed[MAILBOX_INNER_MAX];
    struct mailbox_message m;
    struct dht_item item;

    mail_say_where(d->options.mail, &m, MEETING_PLACES_MAX);
    int len = mailbox_seal(&d->box, &d->draft, wall_ms(d), &m, fill_random, d, sealed);
    if (len < 0)
        return len;
    int err = dht_mailbox_item(&d->slots, &d->draft.to, env_wall_us(d->node->env), sealed,
                               (size_t)len, &item);
    if (err < 0)
        return err;
    d->put = (struct dht_call){.event = on_put};
    err = dht_desk_put(d->options.dht, &d->put, &item, NULL);
    if (err == 0 && d->draft.answers)
        mail_meet_answered(d->options.mail, &d->draft.to, now_of(d),
                           now_of(d) + MSEC(m.meet_ms - m.time_ms));
    return err;
}

static void write_message(struct mailbox_desk *d)
{
    d->writing = MAILBOX_DESK_PUTS;
    int err = put(d);
    if (err < 0)
        end_writing(d, err);
}

static void on_put(struct dht_call *call, const struct dht_event *e)
{
    struct mailbox_desk *d = container_of(call, struct mailbox_desk, put);

    if (e->kind != DHT_DONE)
        return;
    if (e->result == -ESTALE && e->item && !d->put_again) {
        d->put_again = true;
        dht_mailbox_met(&d->slots, &d->draft.to, e->item->seq);
        write_message(d);
        return;
    }
    end_writing(d, e->result);
}

/* We know where we are, or that nobody can tell. */
static void on_mirrored(struct mirror_desk *mirror)
{
    struct mailbox_desk *d = container_of(mirror, struct mailbox_desk, mirror);

    if (d->writing == MAILBOX_DESK_LOOKS)
        write_message(d);
}

static void write_next(struct mailbox_desk *d, instant now)
{
    if (d->writing != MAILBOX_DESK_IDLE || mailbox_next(&d->box, now, &d->draft) != MAILBOX_SEND)
        return;
    d->writing = MAILBOX_DESK_LOOKS;
    d->put_again = false;
    mirror_desk_look(&d->mirror);
}

/* ---- by the clock ---- */

static void on_timer(struct timer *timer)
{
    struct mailbox_desk *d = container_of(timer, struct mailbox_desk, timer);
    instant now = now_of(d), until = waited_until(d);
    bool idle = !has_relay(d);

    if (!d->entered)
        return;
    if (!has_nodes(d)) {
        timer_set(d->node->env, &d->timer, now + NODES_AGAIN);
        return;
    }
    if (now < until) {
        mirror_desk_keep(&d->mirror, until);
        mail_desk_keep(d->options.mail, until);
    }
    write_next(d, now);
    read_slots(d, now, idle);
    instant due = dht_mailbox_due(&d->slots, now, idle);
    instant message = mailbox_due(&d->box, now);
    if (d->writing == MAILBOX_DESK_IDLE && message < due)
        due = message;
    /* A relay may be lost, which nobody tells. */
    instant again = now + DHT_MAILBOX_POLL;
    timer_set(d->node->env, &d->timer, due < again ? due : again);
}

static void on_entered(struct dht_ready *ready)
{
    struct mailbox_desk *d = container_of(ready, struct mailbox_desk, ready);

    d->entered = true;
    run_soon(d);
}

/* ---- life ---- */

void mailbox_desk_start(struct mailbox_desk *d, const struct desk *node,
                        const struct mailbox_desk_options *options)
{
    const struct mailbox_options box = {
        .keys = options->keys,
        .network = options->network,
        .sends = true,
        .pace = &MAILBOX_BY_DHT,
    };

    *d = (struct mailbox_desk){.options = *options, .timer.fire = on_timer};
    if (!options->dht->dht || node->options->no_dht_mailbox)
        return;
    d->node = node;
    d->ready.ready = on_entered;
    mailbox_init(&d->box, &box, now_of(d));
    dht_mailbox_init(&d->slots, options->keys, options->network);
    mirror_desk_start(&d->mirror, node, options->dht, options->gather, on_mirrored);
    dht_desk_when_ready(options->dht, &d->ready);
}

void mailbox_desk_stop(struct mailbox_desk *d)
{
    if (!d->node)
        return;
    timer_stop(d->node->env, &d->timer);
    dht_desk_not_waiting(&d->ready);
    for (size_t i = 0; i < DHT_MAILBOX_READS; i++)
        dht_desk_cancel(d->options.dht, &d->look[i].call);
    dht_desk_cancel(d->options.dht, &d->put);
    mirror_desk_stop(&d->mirror);
    mailbox_deinit(&d->box);
    dht_mailbox_deinit(&d->slots);
    *d = (struct mailbox_desk){0};
}

void mailbox_desk_network_changed(struct mailbox_desk *d)
{
    mirror_desk_network_changed(&d->mirror);
}

/* ---- from the peers' events ---- */

/* While what a message has said is tried there is no need for another one. */
static bool is_meeting(const struct mailbox_desk *d, const struct peer_id *id)
{
    const struct mail_meeting *m = mail_meeting_of(d->options.mail, id);
    return m && m->core.dials < MEETING_DIALS;
}

void mailbox_desk_find(struct mailbox_desk *d, struct peer *p)
{
    /* An attempt that a meeting makes is not worth a call, or two would call each other for ever.
     */
    if (!d->node || d->options.mail->dials || !registry_peer(d->node->registry, &p->id))
        return;
    if (is_meeting(d, &p->id)) {
        peer_await(p, PEER_AWAIT_MAILBOX, true);
        peer_note(p, "it has said where it is, and has not answered there yet");
        return;
    }
    want(d, &p->id);
    if (!mailbox_want(&d->box, now_of(d), &p->id) || !has_nodes(d))
        return;
    peer_await(p, PEER_AWAIT_MAILBOX, true);
    peer_note(p, "it is called through the DHT, too: try again in half a minute");
    if (mirror_desk_varies(&d->mirror))
        peer_note(p, "our NAT gives every destination another port: it may take a relay");
    run_soon(d);
}

void mailbox_desk_on_ready(struct mailbox_desk *d, const struct peer *p)
{
    if (!d->node)
        return;
    mailbox_reached(&d->box, &p->id);
    struct mailbox_wanted *w = wanted_of(d, &p->id);
    if (peer_id_equal(&w->id, &p->id))
        w->until = 0;
}

void mailbox_desk_on_conn(struct mailbox_desk *d, bool ended)
{
    if (d->node && ended)
        run_soon(d);
}

void mailbox_desk_view(const struct mailbox_desk *d, struct node_mailbox_view *out)
{
    *out = (struct node_mailbox_view){.state = "off"};
    if (!d->node)
        return;
    *out = (struct node_mailbox_view){
        .state = has_relay(d) ? "resting" : "on",
        .polled = d->slots.polled,
        .sent = d->box.sent,
        .heard = d->box.heard,
        .dropped = d->box.dropped,
    };
}
