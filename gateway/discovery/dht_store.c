#include "gateway/discovery/dht_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ITEM_LIFE SEC(2 * 3600) /* BEP 44: gone two hours after the last put */
#define SWEEP     SEC(60)

struct item {
    struct list used;
    struct dht_id target;
    instant put_at;
    int64_t seq;
    struct dht_source from;
    bool mutable;
    uint16_t len;
    uint8_t data[]; /* key and signature if it is mutable, then the value */
};

enum {
    SIGNED_LEN = KRPC_KEY_LEN + KRPC_SIG_LEN,
    ITEM_COST = 64, /* in the table and the heap */
    ITEM_MAX = sizeof(struct item) + SIGNED_LEN + KRPC_VALUE_MAX + ITEM_COST,
};

void dht_store_init(struct dht_store *s, const struct dht_store_limits *limits,
                    const uint8_t secret[static MAP_SECRET_LEN])
{
    memset(s, 0, sizeof(*s));
    s->limits = *limits;
    map_init(&s->items, secret);
    list_init(&s->items_used);
    memcpy(s->secret, secret, sizeof(s->secret));
    dht_quota_init(&s->items_of, limits->items);
    dht_quota_init(&s->bytes_of, limits->items);
    dht_topics_init(s, secret);
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
    dht_quota_take(&s->items_of, &it->from, 1);
    dht_quota_take(&s->bytes_of, &it->from, (uint32_t)cost_of(it));
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

/* May its source have it, in the place of `old` or of nothing? What is there may be kept up. */
static bool is_within_quota(const struct dht_store *s, const struct item *it,
                            const struct item *old)
{
    size_t cost = cost_of(it), had = old ? cost_of(old) : 0;

    if (!old && !dht_quota_admits(&s->items_of, &it->from, 1, s->limits.items, 1))
        return false;
    return cost <= had || dht_quota_admits(&s->bytes_of, &it->from, (uint32_t)(cost - had),
                                           s->limits.bytes, ITEM_MAX);
}

/* Who puts what others put, too, neither takes from them nor gets rid of what is his. But whoever
 * was the first to put somebody's item, and has all that he may, does not keep its owner from
 * putting a longer one: that counts for the owner then. */
static bool find_payer(const struct dht_store *s, struct item *it, const struct item *old,
                       const struct addr *from)
{
    const struct dht_source source = dht_source_of(s->secret, from);

    it->from = old ? old->from : source;
    if (is_within_quota(s, it, old))
        return true;
    it->from = source;
    return old && is_within_quota(s, it, NULL);
}

/* Of what came from the network that has most, what was used longest ago. */
static struct item *whose_turn(struct dht_store *s)
{
    struct item *worst = list_entry(list_first(&s->items_used), struct item, used);
    uint32_t most = dht_quota_of_network(&s->items_of, &worst->from);

    list_each(node, &s->items_used)
    {
        struct item *it = list_entry(node, struct item, used);
        uint32_t has = dht_quota_of_network(&s->items_of, &it->from);
        if (has <= most)
            continue;
        worst = it;
        most = has;
    }
    return worst;
}

static void make_room(struct dht_store *s, size_t cost)
{
    while (s->item_count > 0 &&
           (s->item_count >= s->limits.items || s->bytes + cost > s->limits.bytes))
        drop_item(s, whose_turn(s));
}

/* Counts it for its source. */
static int count_item(struct dht_store *s, const struct item *it)
{
    if (dht_quota_add(&s->items_of, &it->from, 1) < 0)
        return -ENOMEM;
    if (dht_quota_add(&s->bytes_of, &it->from, (uint32_t)cost_of(it)) < 0) {
        dht_quota_take(&s->items_of, &it->from, 1);
        return -ENOMEM;
    }
    return 0;
}

static int add_item(struct dht_store *s, struct item *it)
{
    if (count_item(s, it) < 0)
        return KRPC_SERVER;
    /* Its source has it now: a network that has most makes room for itself. */
    make_room(s, cost_of(it));
    if (map_insert(&s->items, &it->target, sizeof(it->target), it) < 0) {
        dht_quota_take(&s->items_of, &it->from, 1);
        dht_quota_take(&s->bytes_of, &it->from, (uint32_t)cost_of(it));
        return KRPC_SERVER;
    }
    list_append(&s->items_used, &it->used);
    s->item_count++;
    s->bytes += cost_of(it);
    return 0;
}

int dht_store_put(struct dht_store *s, instant now, const struct addr *from,
                  const struct dht_item *item, const struct dht_id *target, const int64_t *cas)
{
    struct item *old = map_find(&s->items, target, sizeof(*target));

    if (old && is_old(old, now)) {
        drop_item(s, old);
        old = NULL;
    }
    int code = old ? may_replace(old, item, cas) : 0;
    if (code != 0)
        return code;
    struct item *it = make_item(item, target, now);
    if (!it)
        return KRPC_SERVER;
    if (!find_payer(s, it, old, from)) {
        free(it);
        return KRPC_SERVER;
    }
    if (old)
        drop_item(s, old);
    code = add_item(s, it);
    if (code != 0)
        free(it);
    return code;
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

/* ---- age ---- */

instant dht_store_expire(struct dht_store *s, instant now)
{
    for (struct list *node = s->items_used.next, *next; node != &s->items_used; node = next) {
        struct item *it = list_entry(node, struct item, used);
        next = node->next;
        if (is_old(it, now))
            drop_item(s, it);
    }
    dht_topics_expire(s, now);
    return s->item_count + s->topic_count > 0 ? now + SWEEP : INSTANT_NEVER;
}

void dht_store_deinit(struct dht_store *s)
{
    while (s->item_count > 0)
        drop_item(s, list_entry(list_first(&s->items_used), struct item, used));
    dht_topics_deinit(s);
    map_deinit(&s->items);
    dht_quota_deinit(&s->items_of);
    dht_quota_deinit(&s->bytes_of);
}
