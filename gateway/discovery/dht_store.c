#include "gateway/discovery/dht_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ITEM_LIFE SEC(2 * 3600) /* BEP 44: gone two hours after the last put */
#define PEER_LIFE SEC(45 * 60)  /* programs announce anew every 15 to 30 minutes */
#define SWEEP     SEC(60)

struct item {
    struct list used;
    struct dht_id target;
    instant put_at;
    int64_t seq;
    bool mutable;
    uint16_t len;
    uint8_t data[]; /* key and signature if it is mutable, then the value */
};

struct peer {
    uint8_t ip[16];
    uint16_t port;
    bool v6;
    uint32_t minute; /* when it announced itself last */
};

struct topic {
    struct list used;
    struct dht_id infohash;
    unsigned count, room;
    struct peer *peer;
};

enum { SIGNED_LEN = KRPC_KEY_LEN + KRPC_SIG_LEN, ITEM_COST = 64 /* in the table and the heap */ };

void dht_store_init(struct dht_store *s, const struct dht_store_limits *limits,
                    const uint8_t secret[static MAP_SECRET_LEN])
{
    memset(s, 0, sizeof(*s));
    s->limits = *limits;
    map_init(&s->items, secret);
    map_init(&s->topics, secret);
    list_init(&s->items_used);
    list_init(&s->topics_used);
}

/* ---- items ---- */

static size_t cost_of(const struct item *it)
{
    return sizeof(*it) + it->len + ITEM_COST;
}

static void drop_item(struct dht_store *s, struct item *it)
{
    (void)map_remove(&s->items, &it->target, sizeof(it->target));
    list_remove(&it->used);
    s->bytes -= cost_of(it);
    s->item_count--;
    free(it);
}

static bool is_old(const struct item *it, instant now)
{
    return now >= it->put_at + ITEM_LIFE;
}

static struct item *find_item(struct dht_store *s, instant now, const struct dht_id *target)
{
    struct item *it = map_find(&s->items, target, sizeof(*target));
    return it && !is_old(it, now) ? it : NULL;
}

static const uint8_t *value_of(const struct item *it, size_t *len)
{
    size_t before = it->mutable ? SIGNED_LEN : 0;
    *len = it->len - before;
    return it->data + before;
}

/* May an item take the place of one that is there? */
static int may_replace(const struct item *old, const struct dht_item *fresh, const int64_t *cas)
{
    size_t len;
    const uint8_t *value = value_of(old, &len);

    if (!old->mutable)
        return 0; /* the same, or the target would be another */
    if (cas && *cas != old->seq)
        return KRPC_CAS_MISMATCH;
    if (fresh->seq < old->seq)
        return KRPC_OLD_SEQ;
    bool same = len == fresh->value_len && memcmp(value, fresh->value, len) == 0;
    /* Two values under one seq would make nodes disagree for ever: the first one stays. */
    return fresh->seq == old->seq && !same ? KRPC_OLD_SEQ : 0;
}

static struct item *make_item(const struct dht_item *from, const struct dht_id *target, instant now)
{
    size_t before = from->mutable ? SIGNED_LEN : 0, len = before + from->value_len;
    struct item *it = calloc(1, sizeof(*it) + len);

    if (!it)
        return NULL;
    it->target = *target;
    it->put_at = now;
    it->seq = from->seq;
    it->mutable = from->mutable;
    it->len = (uint16_t)len;
    if (from->mutable) {
        memcpy(it->data, from->key, KRPC_KEY_LEN);
        memcpy(it->data + KRPC_KEY_LEN, from->sig, KRPC_SIG_LEN);
    }
    memcpy(it->data + before, from->value, from->value_len);
    return it;
}

static void make_room(struct dht_store *s, size_t cost)
{
    while (s->item_count > 0 &&
           (s->item_count >= s->limits.items || s->bytes + cost > s->limits.bytes))
        drop_item(s, list_entry(list_first(&s->items_used), struct item, used));
}

int dht_store_put(struct dht_store *s, instant now, const struct dht_item *item,
                  const struct dht_id *target, const int64_t *cas)
{
    struct item *old = find_item(s, now, target);
    int code = old ? may_replace(old, item, cas) : 0;

    if (code != 0)
        return code;
    struct item *it = make_item(item, target, now);
    if (!it)
        return KRPC_SERVER;
    old = map_find(&s->items, target, sizeof(*target)); /* or one that is too old */
    if (old)
        drop_item(s, old);
    make_room(s, cost_of(it));
    if (map_insert(&s->items, &it->target, sizeof(it->target), it) < 0) {
        free(it);
        return KRPC_SERVER;
    }
    list_append(&s->items_used, &it->used);
    s->item_count++;
    s->bytes += cost_of(it);
    return 0;
}

bool dht_store_get(struct dht_store *s, instant now, const struct dht_id *target,
                   struct dht_stored *out)
{
    struct item *it = find_item(s, now, target);

    if (!it)
        return false;
    list_remove(&it->used);
    list_append(&s->items_used, &it->used);
    *out = (struct dht_stored){.mutable = it->mutable, .seq = it->seq};
    out->value.at = value_of(it, &out->value.len);
    if (it->mutable) {
        out->key = it->data;
        out->sig = it->data + KRPC_KEY_LEN;
    }
    return true;
}

/* ---- who has an infohash ---- */

static uint32_t minute_of(instant now)
{
    return (uint32_t)(now / SEC(60));
}

static bool is_gone(const struct peer *p, instant now)
{
    return minute_of(now) - p->minute > PEER_LIFE / SEC(60);
}

static struct peer compact(const struct addr *a, instant now)
{
    size_t len;
    const uint8_t *ip = addr_ip(a, &len);
    struct peer p = {.port = addr_port(a), .v6 = addr_is_v6(a), .minute = minute_of(now)};

    if (len > 0)
        memcpy(p.ip, ip, len);
    return p;
}

static void drop_topic(struct dht_store *s, struct topic *t)
{
    (void)map_remove(&s->topics, &t->infohash, sizeof(t->infohash));
    list_remove(&t->used);
    s->peer_count -= t->count;
    s->topic_count--;
    free(t->peer);
    free(t);
}

static struct topic *make_topic(struct dht_store *s, const struct dht_id *infohash)
{
    while (s->topic_count > 0 && s->topic_count >= s->limits.topics)
        drop_topic(s, list_entry(list_first(&s->topics_used), struct topic, used));
    struct topic *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->infohash = *infohash;
    if (map_insert(&s->topics, &t->infohash, sizeof(t->infohash), t) < 0) {
        free(t);
        return NULL;
    }
    list_append(&s->topics_used, &t->used);
    s->topic_count++;
    return t;
}

static bool is_same(const struct peer *a, const struct peer *b)
{
    return a->v6 == b->v6 && a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

/* Its own place, or that of whoever was silent longest. */
static struct peer *place_of(struct topic *t, const struct peer *p)
{
    struct peer *oldest = NULL;

    for (unsigned i = 0; i < t->count; i++) {
        struct peer *q = &t->peer[i];
        if (is_same(q, p))
            return q;
        if (!oldest || q->minute < oldest->minute)
            oldest = q;
    }
    return oldest;
}

static int add_peer(struct dht_store *s, struct topic *t, const struct peer *p)
{
    struct peer *place = place_of(t, p);

    if (place && (is_same(place, p) || t->count >= s->limits.peers_of_one)) {
        *place = *p;
        return 0;
    }
    if (t->count == t->room) {
        unsigned room = t->room ? 2 * t->room : 4;
        struct peer *more = realloc(t->peer, room * sizeof(*more));
        if (!more)
            return -ENOMEM;
        t->peer = more;
        t->room = room;
    }
    t->peer[t->count++] = *p;
    s->peer_count++;
    return 0;
}

int dht_store_announce(struct dht_store *s, instant now, const struct dht_id *infohash,
                       const struct addr *peer)
{
    const struct peer p = compact(peer, now);
    struct topic *t = map_find(&s->topics, infohash, sizeof(*infohash));

    if (!t)
        t = make_topic(s, infohash);
    if (!t)
        return -ENOMEM;
    list_remove(&t->used);
    list_append(&s->topics_used, &t->used);
    int err = add_peer(s, t, &p);
    if (t->count == 0)
        drop_topic(s, t);
    while (s->peer_count > s->limits.peers && s->topic_count > 1)
        drop_topic(s, list_entry(list_first(&s->topics_used), struct topic, used));
    return err;
}

size_t dht_store_peers(struct dht_store *s, instant now, const struct dht_id *infohash, bool v6,
                       uint32_t chance, struct addr *out, size_t max)
{
    struct topic *t = map_find(&s->topics, infohash, sizeof(*infohash));
    size_t n = 0;

    if (!t)
        return 0;
    for (unsigned i = 0; i < t->count && n < max; i++) {
        const struct peer *p = &t->peer[(chance + i) % t->count];
        if (p->v6 == v6 && !is_gone(p, now))
            out[n++] = v6 ? addr_v6(p->ip, p->port, 0) : addr_v4(p->ip, p->port);
    }
    return n;
}

size_t dht_store_sample(const struct dht_store *s, uint32_t chance, struct dht_id *out, size_t max)
{
    size_t n = 0, skip = s->topic_count > max ? chance % (s->topic_count - max + 1) : 0;

    list_each(node, &s->topics_used)
    {
        if (skip > 0) {
            skip--;
            continue;
        }
        if (n == max)
            break;
        out[n++] = list_entry(node, struct topic, used)->infohash;
    }
    return n;
}

/* ---- age ---- */

static void forget_peers(struct dht_store *s, struct topic *t, instant now)
{
    for (unsigned i = 0; i < t->count;) {
        if (!is_gone(&t->peer[i], now)) {
            i++;
            continue;
        }
        t->peer[i] = t->peer[--t->count];
        s->peer_count--;
    }
}

instant dht_store_expire(struct dht_store *s, instant now)
{
    for (struct list *node = s->items_used.next, *next; node != &s->items_used; node = next) {
        struct item *it = list_entry(node, struct item, used);
        next = node->next;
        if (is_old(it, now))
            drop_item(s, it);
    }
    for (struct list *node = s->topics_used.next, *next; node != &s->topics_used; node = next) {
        struct topic *t = list_entry(node, struct topic, used);
        next = node->next;
        forget_peers(s, t, now);
        if (t->count == 0)
            drop_topic(s, t);
    }
    return s->item_count + s->topic_count > 0 ? now + SWEEP : INSTANT_NEVER;
}

void dht_store_deinit(struct dht_store *s)
{
    while (s->item_count > 0)
        drop_item(s, list_entry(list_first(&s->items_used), struct item, used));
    while (s->topic_count > 0)
        drop_topic(s, list_entry(list_first(&s->topics_used), struct topic, used));
    map_deinit(&s->items);
    map_deinit(&s->topics);
}
