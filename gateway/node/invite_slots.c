/* Invites: slots of the DHT, where hosts leave offers and guests leave claims. */
#include <errno.h>
#include <string.h>

#include "gateway/crypto/secret.h"
#include "gateway/node/invite_parts.h"

#define HOSTS_MAX    4      /* invites of ours, the newest, that are on the DHT at a time */
#define LOOK_CLAIM   SEC(1) /* while somebody is on the telephone */
#define LOOK_SOON    SEC(4)
#define LOOK_LATER   SEC(12)
#define CLAIM_FOR    SEC(30)
#define SOON_FOR     SEC(120)
#define LOOK_OFFER   MSEC(750)
#define LOOK_WELCOME MSEC(400)
#define AFTER_ERROR  SEC(3)
#define OFFER_EVERY  4 /* looks: another guest's claim may have come after ours, into its place */

static struct dht_desk *dht_of(const struct invite_place *p)
{
    return p->desk->options.dht;
}

static void later(struct invite_place *p, instant span)
{
    p->next = env_now(p->desk->node->env) + span;
    invite_wake(p->desk);
}

/* ---- reading and writing ---- */

static void start_get(struct invite_place *p, enum invite_part part)
{
    p->part = part;
    p->putting = false;
    if (dht_desk_get(dht_of(p), &p->call, p->keys.id.key, invite_slot_salt(part), 0) < 0)
        later(p, AFTER_ERROR);
}

static void start_put(struct invite_place *p, enum invite_part part, const uint8_t *message,
                      size_t len)
{
    struct dht_item item;
    int64_t now = env_wall_us(p->desk->node->env);

    p->part = part;
    p->putting = true;
    p->seq = now > p->seq ? now : p->seq + (p->seq < INT64_MAX); /* it may be another guest's */
    invite_slot_item(&item, &p->keys, part, p->seq, message, len);
    memcpy(p->put, message, len);
    p->put_len = len;
    if (dht_desk_put(dht_of(p), &p->call, &item, NULL) < 0)
        later(p, AFTER_ERROR);
}

static bool is_same(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    return a_len == b_len && memcmp(a, b, a_len) == 0;
}

/* What is in the slot already is not put again each time that somebody would say it again. */
void invite_place_send(struct invite_place *p, const uint8_t *data, size_t len)
{
    if (is_same(p->done, p->done_len, data, len) || is_same(p->out, p->out_len, data, len))
        return;
    memcpy(p->out, data, len);
    p->out_len = len;
    later(p, 0);
}

/* ---- the host's ---- */

static instant patience(const struct invite_place *p)
{
    instant stood = env_now(p->desk->node->env) - p->since;

    return stood < CLAIM_FOR ? LOOK_CLAIM : stood < SOON_FOR ? LOOK_SOON : LOOK_LATER;
}

static void host_goes_on(struct invite_place *p, struct invite_host *h)
{
    uint8_t offer[INVITE_MESSAGE_MAX];
    size_t len = invite_host_offer(h, env_now(p->desk->node->env), offer);

    if (p->out_len > 0)
        start_put(p, INVITE_PART_WELCOME, p->out, p->out_len);
    else if (len > 0 && !is_same(p->offer, p->offer_len, offer, len))
        start_put(p, INVITE_PART_OFFER, offer, len);
    else if (len > 0)
        start_get(p, INVITE_PART_CLAIM);
    else
        p->next = INSTANT_NEVER; /* it is over */
}

/* Somebody else is in this slot: the next one. */
static void move_on(struct invite_place *p)
{
    p->index = (p->index + 1) % INVITE_SLOTS;
    p->keyed = false;
    later(p, SEC(1));
}

static void host_has_put(struct invite_place *p, const struct dht_event *e)
{
    if (e->result == 0 && p->part == INVITE_PART_OFFER) {
        memcpy(p->offer, p->put, p->put_len);
        p->offer_len = p->put_len;
        p->since = env_now(p->desk->node->env);
        later(p, LOOK_CLAIM / 2);
    } else if (e->result == 0) {
        later(p, 0);
    } else if (e->result == -ESTALE && p->part == INVITE_PART_OFFER) {
        move_on(p);
    } else {
        later(p, AFTER_ERROR);
    }
}

/* ---- the guest's ---- */

static void guest_goes_on(struct invite_place *p)
{
    if (p->out_len > 0)
        start_put(p, INVITE_PART_CLAIM, p->out, p->out_len);
    else if (p->claimed && ++p->looks % OFFER_EVERY != 0)
        start_get(p, INVITE_PART_WELCOME);
    else
        start_get(p, INVITE_PART_OFFER);
}

static void guest_has_put(struct invite_place *p, const struct dht_event *e)
{
    p->claimed = p->claimed || e->result == 0;
    if (e->result == -ESTALE && e->item && e->item->seq < INT64_MAX)
        p->seq = e->item->seq; /* another guest's clock is ahead of ours */
    later(p, e->result == 0 ? LOOK_WELCOME : AFTER_ERROR);
}

/* ---- what came of it ---- */

static void has_got(struct invite_place *p, const struct dht_event *e)
{
    const struct krpc_bytes b = e->item ? dht_item_bytes(e->item) : (struct krpc_bytes){.at = NULL};
    const struct invite_road road = {.kind = INVITE_ROAD_SLOT, .place = p};

    later(p, p->host ? patience(p) : p->claimed ? LOOK_WELCOME : LOOK_OFFER);
    if (!b.at || b.len > INVITE_MESSAGE_MAX)
        return;
    /* A host may think otherwise of the same claim a little later; it says the same things once. */
    if (!p->host && is_same(p->seen, p->seen_len, b.at, b.len))
        return;
    memcpy(p->seen, b.at, b.len);
    p->seen_len = b.len;
    invite_take(p->desk, &road, p->seen, b.len);
}

static void has_put(struct invite_place *p, const struct dht_event *e)
{
    if (e->result == 0) {
        memcpy(p->done, p->put, p->put_len);
        p->done_len = p->put_len;
        if (is_same(p->out, p->out_len, p->put, p->put_len))
            p->out_len = 0;
    }
    if (p->host)
        host_has_put(p, e);
    else
        guest_has_put(p, e);
}

static void on_event(struct dht_call *call, const struct dht_event *e)
{
    struct invite_place *p = container_of(call, struct invite_place, call);

    /* The first that is found is answered at once: then something else is put already. */
    if (!p->putting && (e->kind == DHT_DONE || e->kind == DHT_VALUE))
        has_got(p, e);
    else if (e->kind == DHT_DONE)
        has_put(p, e);
}

/* ---- time ---- */

/* The keys of this time; a guest that has left a claim stays where it did. */
static bool has_keys(struct invite_place *p, const struct invite_secret *secret)
{
    int64_t wall_us = env_wall_us(p->desk->node->env);
    uint64_t epoch = p->turn ? invite_epoch_beside(wall_us) : invite_epoch(wall_us);

    if (p->keyed && (epoch == p->epoch || p->claimed || p->out_len > 0))
        return true;
    if (invite_slot_keys(&p->keys, secret, epoch, p->index) < 0)
        return false;
    p->epoch = epoch;
    p->keyed = true;
    p->offer_len = p->done_len = p->seen_len = 0;
    return true;
}

static instant tick(struct invite_place *p, const struct invite_secret *secret,
                    struct invite_host *h, instant now)
{
    if (p->call.request && (p->putting || p->out_len == 0))
        return INSTANT_NEVER;
    dht_desk_cancel(dht_of(p), &p->call); /* what is to be said does not wait for older answers */
    if (now < p->next)
        return p->next;
    p->next = now + AFTER_ERROR;
    p->turn = !p->host && !p->turn; /* guests look into the ten minutes beside as well */
    if (!has_keys(p, secret))
        return p->next;
    if (h)
        host_goes_on(p, h);
    else
        guest_goes_on(p);
    return p->call.request ? INSTANT_NEVER : p->next;
}

static void begin(struct invite_desk *d, struct invite_place *p, bool host, unsigned index)
{
    if (p->desk)
        return;
    *p = (struct invite_place){.desk = d, .host = host, .index = index, .call.event = on_event};
}

instant invite_slots_tick_entry(struct invite_desk *d, struct invite_entry *e, unsigned rank,
                                instant now)
{
    instant due = INSTANT_NEVER;

    for (size_t i = 0; d->options.dht->dht && rank < HOSTS_MAX && i < INVITE_BY_ALL; i++) {
        uint8_t index;
        env_random(d->node->env, &index, sizeof(index));
        begin(d, &e->place[i], true, index % INVITE_SLOTS);
        instant at = tick(&e->place[i], &e->by[i].secret, &e->by[i], now);
        due = at < due ? at : due;
    }
    return due;
}

instant invite_slots_tick_quest(struct invite_desk *d, struct invite_quest *q, instant now)
{
    instant due = INSTANT_NEVER;

    for (unsigned i = 0; d->options.dht->dht && i < INVITE_SLOTS; i++) {
        begin(d, &q->place[i], false, i);
        instant at = tick(&q->place[i], &q->guest.secret, NULL, now);
        due = at < due ? at : due;
    }
    return due;
}

void invite_place_end(struct invite_place *p)
{
    if (p->desk)
        dht_desk_cancel(p->desk->options.dht, &p->call);
    secret_wipe(&p->keys, sizeof(p->keys));
}
