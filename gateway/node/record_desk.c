/* Records of others: looked up, verified, remembered. */
#include "gateway/node/record_desk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"

struct record_quest {
    struct list link;
    struct record_desk *desk;
    struct peer_id id;
    struct dht_call call;
    struct dht_ready ready;
    struct relays_call relays;
    bool on_dht, at_relays, at_peers; /* there it is being looked for */
    int err;                          /* of the DHT, once it is known */
    struct list waits;                /* of struct record_wait */
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

int64_t record_desk_highest(const struct record_desk *d, const struct peer_id *id)
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
    d->source.on_found(d->source.arg, found);
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
    const struct record_found *found = cached(d, &q->id);

    if (found && !q->found && !found->told)
        found = NULL;

    list_remove(&q->link);
    dht_desk_not_waiting(&q->ready);
    relays_cancel(&q->relays);
    d->quest_count--;
    if (p)
        peer_await(p, PEER_AWAIT_RECORD, false);
    answer(&q->waits, found ? 0 : err, found);
    free(q);
}

/* `found` says where it came from. False: it is not to be believed. */
static bool take_item(struct record_desk *d, const struct peer_id *id, const struct dht_item *item,
                      struct record_found *found)
{
    const struct krpc_bytes packet = dht_item_bytes(item);
    char short_id[9];

    found->seq = item->seq;
    found->when = env_now(d->node->env);
    if (item->seq <= 0 || item->seq < record_desk_highest(d, id) || !packet.at ||
        pkarr_read(&found->record, id->key, packet.at, packet.len) < 0) {
        log_debug(LOG_PEER, "%s: a record that cannot be used", peer_id_short(id, short_id));
        return false;
    }
    if (item->seq > env_wall_us(d->node->env) + RECORD_FUTURE_US)
        log_warn(LOG_PEER, "%s: its record claims to be from the future",
                 peer_id_short(id, short_id));
    remember(d, found);
    tell_places(d, found);
    return true;
}

static void take_value(struct record_quest *q, const struct dht_item *item, unsigned copies,
                       const char *relay)
{
    struct record_found found = {.copies = copies, .relay = relay};

    q->found |= take_item(q->desk, &q->id, item, &found);
}

/* ---- what peers tell ---- */

static void take_told(struct record_desk *d, const struct peer_id *id,
                      const struct exchange_known *known)
{
    struct record_found found = {.told = true, .told_by = known->told_by};

    (void)!take_item(d, id, &known->item, &found);
}

/* What is known, also by what peers told of it before it was wanted. */
static struct record_found *recall(struct record_desk *d, const struct peer_id *id)
{
    const struct record_found *found = cached(d, id);
    const struct exchange_known *known = d->source.told(d->source.arg, id);

    if (known && (!found || known->item.seq > found->seq))
        take_told(d, id, known);
    return cached(d, id);
}

void record_desk_told(struct record_desk *d, const struct exchange_known *known)
{
    struct peer_id id;

    memcpy(id.key, known->item.key, sizeof(id.key));
    const struct record_found *found = cached(d, &id);
    struct peer *p = d->node->find(d->node->node, &id);
    /* Of strangers whom nobody asks for it is kept where it was told. */
    if ((found && found->seq >= known->item.seq) ||
        !(found || p || registry_peer(d->node->registry, &id)))
        return;
    take_told(d, &id, known);
    if (p && p->wanted && !p->dialling && !peer_is_connected(p))
        peer_connect(p); /* it may have moved: now we know where to */
}

/* ---- ends ---- */

static bool goes_on(const struct record_quest *q)
{
    return q->on_dht || q->at_relays || q->at_peers;
}

/* The look-up goes on at relays that have not answered. */
static void end_on_dht(struct record_quest *q, int err)
{
    q->on_dht = false;
    q->err = err == -EOPNOTSUPP && q->desk->node->options->peer_exchange ? -ENOENT : err;
    if (!goes_on(q))
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
    if (!goes_on(q))
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

void record_desk_asked(struct record_desk *d, const struct peer_id *id)
{
    struct record_quest *q = quest_of(d, id);
    const struct exchange_known *known = d->source.told(d->source.arg, id);
    const struct record_found *found = cached(d, id);

    if (!q || !q->at_peers)
        return;
    if (known && (!found || known->item.seq > found->seq))
        take_told(d, id, known);
    q->at_peers = false;
    if (!goes_on(q))
        end_quest(q, q->err);
}

struct krpc_bytes record_salt(const struct record_desk *d, const uint8_t key[static KRPC_KEY_LEN],
                              uint8_t out[static PKARR_SALT_LEN])
{
    size_t len = pkarr_salt(d->node->options->network, key, out);
    return len > 0 ? (struct krpc_bytes){out, len} : (struct krpc_bytes){0};
}

static void on_ready(struct dht_ready *w)
{
    struct record_quest *q = container_of(w, struct record_quest, ready);
    uint8_t salt[PKARR_SALT_LEN];
    struct record_desk *d = q->desk;
    int err = dht_desk_get(d->dht, &q->call, q->id.key, record_salt(d, q->id.key, salt),
                           record_desk_highest(d, &q->id));

    if (err < 0)
        end_on_dht(q, err);
}

/* The look-up of a peer's record, begun if need be. NULL: not now, see `*err`. */
static struct record_quest *seek(struct record_desk *d, const struct peer_id *id, int *err)
{
    struct record_quest *q = quest_of(d, id);

    if (q)
        return q;
    bool anywhere = d->dht->dht || relays_exist(d->node) || d->node->options->peer_exchange;
    *err = anywhere ? -EBUSY : -EOPNOTSUPP;
    if (!anywhere || d->quest_count >= RECORD_QUESTS_MAX || !(q = calloc(1, sizeof(*q))))
        return NULL;
    *q = (struct record_quest){
        .desk = d, .id = *id, .call.event = on_event, .ready.ready = on_ready, .err = -ENOENT};
    q->relays.found = on_relay;
    q->relays.ended = on_relays_ended;
    q->at_relays = relays_exist(d->node) && relays_get(&q->relays, d->node, id->key);
    q->at_peers = d->source.ask(d->source.arg, id);
    q->on_dht = d->dht->dht || !goes_on(q); /* which says that there is none */
    if (q->on_dht)
        dht_desk_when_ready(d->dht, &q->ready);
    list_init(&q->waits);
    list_append(&d->quests, &q->link);
    d->quest_count++;
    return q;
}

static bool is_fresh(const struct record_desk *d, const struct record_found *found)
{
    /* What a peer told may be old by now; who else could be asked knows better. */
    if (found && found->told && (d->dht->dht || relays_exist(d->node)))
        return false;
    return found && env_now(d->node->env) - found->when < RECORD_FRESH;
}

void record_desk_find(struct record_desk *d, struct peer *p)
{
    const struct record_found *found = d->node ? recall(d, &p->id) : NULL;
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
    struct record_quest *q = is_fresh(d, recall(d, id)) ? NULL : seek(d, id, &err);

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
