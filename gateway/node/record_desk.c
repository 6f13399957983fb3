/* Records of others: looked up, verified, remembered. */
#include "gateway/node/record_desk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/crypto/hash.h"

struct record_quest {
    struct list link;
    struct record_desk *desk;
    struct peer_id id;
    struct dht_call call;
    struct dht_ready ready;
    struct relays_call relays;
    bool on_dht, at_relays; /* there it is being looked for */
    int err;                /* of the DHT, once it is known */
    struct list waits;      /* of struct record_wait */
    bool found;
};

/* ---- what is remembered ---- */

static struct record_found *cached(const struct record_desk *d, const struct peer_id *id)
{
    for (size_t i = 0; i < RECORD_CACHE_MAX; i++)
        if (d->cache[i].seq != 0 && memcmp(d->cache[i].record.key, id->key, PKARR_KEY_LEN) == 0)
            return &d->cache[i];
    return NULL;
}

static struct record_found *place_in_cache(struct record_desk *d, const struct peer_id *id)
{
    struct record_found *oldest = cached(d, id);

    if (oldest)
        return oldest;
    oldest = &d->cache[0];
    for (size_t i = 0; i < RECORD_CACHE_MAX && oldest->seq != 0; i++)
        if (d->cache[i].seq == 0 || d->cache[i].when < oldest->when)
            oldest = &d->cache[i];
    return oldest;
}

static int64_t highest_seq(const struct record_desk *d, const struct peer_id *id)
{
    const struct record_found *found = cached(d, id);
    const struct known_peer *known = registry_peer(d->node->registry, id);
    int64_t seq = found ? found->seq : 0;

    return known && known->record_seq > seq ? known->record_seq : seq;
}

static void remember(struct record_desk *d, const struct record_found *found)
{
    struct peer_id id;

    memcpy(id.key, found->record.key, sizeof(id.key));
    *place_in_cache(d, &id) = *found;
    struct known_peer *known = registry_peer(d->node->registry, &id);
    if (known && known->record_seq < found->seq) {
        known->record_seq = found->seq;
        d->node->save(d->node->node);
    }
}

/* ---- answers ---- */

static void answer(struct list *waits, int err, const struct record_found *found)
{
    struct list taken;

    list_take_all(&taken, waits);
    for (struct list *link; (link = list_first(&taken));) {
        struct record_wait *w = list_entry(link, struct record_wait, link);
        list_remove(&w->link);
        w->done(w, err, found);
    }
}

static void tell_places(struct record_desk *d, const struct record_found *found)
{
    struct peer_id id;

    memcpy(id.key, found->record.key, sizeof(id.key));
    struct peer *p = d->node->find(d->node->node, &id);
    if (p && p->dialling)
        d->source.on_places(d->source.arg, p, &found->record);
}

static void end_quest(struct record_quest *q, int err)
{
    struct record_desk *d = q->desk;
    struct peer *p = d->node->find(d->node->node, &q->id);
    const struct record_found *found = q->found ? cached(d, &q->id) : NULL;

    list_remove(&q->link);
    dht_desk_not_waiting(&q->ready);
    relays_cancel(&q->relays);
    d->quest_count--;
    if (p)
        peer_await(p, PEER_AWAIT_RECORD, false);
    answer(&q->waits, found ? 0 : err, found);
    free(q);
}

static void take_value(struct record_quest *q, const struct dht_item *item, unsigned copies,
                       const char *relay)
{
    struct record_desk *d = q->desk;
    struct record_found found = {
        .seq = item->seq, .when = env_now(d->node->env), .copies = copies, .relay = relay};
    const struct krpc_bytes packet = dht_item_bytes(item);
    char short_id[9];

    if (item->seq <= 0 || item->seq < highest_seq(d, &q->id) || !packet.at ||
        pkarr_read(&found.record, q->id.key, packet.at, packet.len) < 0) {
        log_debug(LOG_PEER, "%s: a record that cannot be used", peer_id_short(&q->id, short_id));
        return;
    }
    if (item->seq > env_wall_us(d->node->env) + RECORD_FUTURE_US)
        log_warn(LOG_PEER, "%s: its record claims to be from the future",
                 peer_id_short(&q->id, short_id));
    q->found = true;
    remember(d, &found);
    tell_places(d, &found);
}

/* The look-up goes on at relays that have not answered. */
static void end_on_dht(struct record_quest *q, int err)
{
    q->on_dht = false;
    q->err = err;
    if (!q->at_relays)
        end_quest(q, q->err);
}

static void on_event(struct dht_call *call, const struct dht_event *event)
{
    struct record_quest *q = container_of(call, struct record_quest, call);

    if (event->kind == DHT_VALUE || (event->kind == DHT_DONE && event->item))
        take_value(q, event->item, event->copies, NULL);
    if (event->kind == DHT_DONE)
        end_on_dht(q, event->result < 0 ? event->result : -ENOENT);
}

static void on_relay(struct relays_call *call, const char *relay, const struct dht_item *item)
{
    struct record_quest *q = container_of(call, struct record_quest, relays);
    const struct record_found *known = cached(q->desk, &q->id);

    if (!q->found || !known || item->seq > known->seq)
        take_value(q, item, 0, relay);
}

static void on_relays_ended(struct relays_call *call)
{
    struct record_quest *q = container_of(call, struct record_quest, relays);

    q->at_relays = false;
    if (!q->on_dht)
        end_quest(q, q->err);
}

/* ---- questions ---- */

static struct record_quest *quest_of(const struct record_desk *d, const struct peer_id *id)
{
    list_each(link, &d->quests)
    {
        struct record_quest *q = list_entry(link, struct record_quest, link);
        if (peer_id_equal(&q->id, id))
            return q;
    }
    return NULL;
}

struct krpc_bytes record_salt(const struct record_desk *d, const uint8_t key[static KRPC_KEY_LEN],
                              uint8_t out[static RECORD_SALT_LEN])
{
    const char *network = d->node->options->network;

    if (!*network)
        return (struct krpc_bytes){0};
    hash_blake2b(out, RECORD_SALT_LEN, key, KRPC_KEY_LEN, network, strlen(network));
    return (struct krpc_bytes){out, RECORD_SALT_LEN};
}

static void on_ready(struct dht_ready *w)
{
    struct record_quest *q = container_of(w, struct record_quest, ready);
    uint8_t salt[RECORD_SALT_LEN];
    struct record_desk *d = q->desk;
    int err = dht_desk_get(d->dht, &q->call, q->id.key, record_salt(d, q->id.key, salt),
                           highest_seq(d, &q->id));

    if (err < 0)
        end_on_dht(q, err);
}

/* The look-up of a peer's record, begun if need be. NULL: not now, see `*err`. */
static struct record_quest *seek(struct record_desk *d, const struct peer_id *id, int *err)
{
    struct record_quest *q = quest_of(d, id);

    if (q)
        return q;
    bool anywhere = d->dht->dht || relays_exist(d->node);
    *err = anywhere ? -EBUSY : -EOPNOTSUPP;
    if (!anywhere || d->quest_count >= RECORD_QUESTS_MAX || !(q = calloc(1, sizeof(*q))))
        return NULL;
    *q = (struct record_quest){
        .desk = d, .id = *id, .call.event = on_event, .ready.ready = on_ready, .err = -ENOENT};
    q->relays.found = on_relay;
    q->relays.ended = on_relays_ended;
    q->at_relays = relays_exist(d->node) && relays_get(&q->relays, d->node, id->key);
    q->on_dht = d->dht->dht || !q->at_relays; /* which says that there is none */
    if (q->on_dht)
        dht_desk_when_ready(d->dht, &q->ready);
    list_init(&q->waits);
    list_append(&d->quests, &q->link);
    d->quest_count++;
    return q;
}

static bool is_fresh(const struct record_desk *d, const struct record_found *found)
{
    return found && env_now(d->node->env) - found->when < RECORD_FRESH;
}

void record_desk_find(struct record_desk *d, struct peer *p)
{
    const struct record_found *found = d->node ? cached(d, &p->id) : NULL;
    int err;

    if (found)
        d->source.on_places(d->source.arg, p, &found->record);
    if (d->node && !is_fresh(d, found) && seek(d, &p->id, &err))
        peer_await(p, PEER_AWAIT_RECORD, true);
}

static void on_answering(struct deferred *work)
{
    struct record_desk *d = container_of(work, struct record_desk, answering);
    struct list taken;

    list_take_all(&taken, &d->at_once);
    for (struct list *link; (link = list_first(&taken));) {
        struct record_wait *w = list_entry(link, struct record_wait, link);
        const struct record_found *found = cached(d, &w->id);
        list_remove(&w->link);
        w->done(w, found ? 0 : d->dht->dht ? -EBUSY : -EOPNOTSUPP, found);
    }
}

void record_desk_resolve(struct record_desk *d, const struct peer_id *id, struct record_wait *w)
{
    int err;
    struct record_quest *q = is_fresh(d, cached(d, id)) ? NULL : seek(d, id, &err);

    w->id = *id;
    list_append(q ? &q->waits : &d->at_once, &w->link);
    if (!q)
        env_defer(d->node->env, &d->answering);
}

const struct record_found *record_desk_known(const struct record_desk *d, const struct peer_id *id)
{
    return d->node ? cached(d, id) : NULL;
}

void record_desk_cancel(struct record_wait *w)
{
    list_remove(&w->link);
}

/* ---- life ---- */

int record_desk_start(struct record_desk *d, const struct desk *node, struct dht_desk *dht,
                      const struct record_source *source)
{
    *d = (struct record_desk){
        .node = node, .dht = dht, .source = *source, .answering.run = on_answering};
    list_init(&d->quests);
    list_init(&d->at_once);
    d->cache = calloc(RECORD_CACHE_MAX, sizeof(*d->cache));
    if (!d->cache)
        return -ENOMEM;
    record_publish_start(d);
    return 0;
}

void record_desk_stop(struct record_desk *d)
{
    if (!d->node)
        return;
    record_publish_stop(d);
    env_undefer(d->node->env, &d->answering);
    for (struct list *link; d->cache && (link = list_first(&d->quests));) {
        struct record_quest *q = list_entry(link, struct record_quest, link);
        dht_desk_cancel(d->dht, &q->call);
        end_quest(q, -ECANCELED);
    }
    answer(&d->at_once, -ECANCELED, NULL);
    free(d->cache);
    *d = (struct record_desk){0};
}
