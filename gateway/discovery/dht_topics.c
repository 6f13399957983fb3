/* Who has which infohash. */
#include "gateway/discovery/dht_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PEER_LIFE SEC(45 * 60) /* programs announce anew every 15 to 30 minutes */

enum { PEERS_WEIGHED = 4 /* of a topic: one of them whose network has little keeps it */ };

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

static struct dht_source source_of(const struct dht_store *s, const struct peer *p)
{
    const struct addr at = p->v6 ? addr_v6(p->ip, p->port, 0) : addr_v4(p->ip, p->port);
    return dht_source_of(s->secret, &at);
}

static void uncount_peer(struct dht_store *s, const struct peer *p)
{
    const struct dht_source from = source_of(s, p);

    dht_quota_take(&s->places_of, &from, 1);
    s->peer_count--;
}

static void drop_topic(struct dht_store *s, struct topic *t)
{
    (void)map_remove(&s->topics, &t->infohash, sizeof(t->infohash));
    list_remove(&t->used);
    for (unsigned i = 0; i < t->count; i++)
        uncount_peer(s, &t->peer[i]);
    s->topic_count--;
    free(t->peer);
    free(t);
}

/* How much the network has that has least, of those whose peers are in it. */
static uint32_t weight_of(const struct dht_store *s, const struct topic *t)
{
    uint32_t least = UINT32_MAX;

    for (unsigned i = 0; i < t->count && i < PEERS_WEIGHED; i++) {
        const struct dht_source from = source_of(s, &t->peer[i]);
        uint32_t has = dht_quota_of_network(&s->places_of, &from);
        least = has < least ? has : least;
    }
    return least;
}

/* Of those that only the networks with most have announced, what was used longest ago; never the
 * last one. */
static void drop_worst_topic(struct dht_store *s)
{
    struct list *last = s->topics_used.prev;
    struct topic *worst = NULL;
    uint32_t most = 0;

    for (struct list *node = s->topics_used.next; node != last; node = node->next) {
        struct topic *t = list_entry(node, struct topic, used);
        uint32_t weight = weight_of(s, t);
        if (weight <= most)
            continue;
        worst = t;
        most = weight;
    }
    if (worst)
        drop_topic(s, worst);
}

static struct topic *make_topic(struct dht_store *s, const struct dht_id *infohash)
{
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

/* Places of one infohash that a source has: how many, and the oldest. */
struct share {
    unsigned count;
    struct peer *oldest;
};

static void count_in(struct share *share, struct peer *p)
{
    share->count++;
    if (!share->oldest || p->minute < share->oldest->minute)
        share->oldest = p;
}

static bool is_full(const struct share *share, unsigned max)
{
    return share->count >= (max > 0 ? max : 1);
}

/* As dht_quota.h has them. */
static bool same_source(const struct peer *a, const struct peer *b, bool network)
{
    size_t len = a->v6 ? (network ? 6 : 8) : (network ? 3 : 4);
    return a->v6 == b->v6 && memcmp(a->ip, b->ip, len) == 0;
}

/* Its own place; or that of whoever was silent longest: of its address or network if these have
 * their share, else of all. NULL: there is a free one. */
static struct peer *place_of(const struct dht_store *s, struct topic *t, const struct peer *p,
                             bool bounded)
{
    struct share all = {0}, network = {0}, address = {0};
    unsigned max = s->limits.peers_of_one;

    for (unsigned i = 0; i < t->count; i++) {
        struct peer *q = &t->peer[i];
        if (is_same(q, p))
            return q;
        count_in(&all, q);
        if (bounded && same_source(q, p, true))
            count_in(&network, q);
        if (bounded && same_source(q, p, false))
            count_in(&address, q);
    }
    if (is_full(&address, max / DHT_QUOTA_ADDRESS))
        return address.oldest;
    if (is_full(&network, max / DHT_QUOTA_NETWORK))
        return network.oldest;
    return is_full(&all, max) ? all.oldest : NULL;
}

static struct peer *free_place(struct topic *t)
{
    if (t->count == t->room) {
        unsigned room = t->room ? 2 * t->room : 4;
        struct peer *more = realloc(t->peer, room * sizeof(*more));
        if (!more)
            return NULL;
        t->peer = more;
        t->room = room;
    }
    return &t->peer[t->count];
}

static int add_peer(struct dht_store *s, struct topic *t, const struct peer *p)
{
    const struct dht_source from = source_of(s, p);
    struct peer *place = place_of(s, t, p, from.bounded);

    if (place && is_same(place, p)) {
        *place = *p;
        return 0;
    }
    if (!dht_quota_admits(&s->places_of, &from, 1, s->limits.topics, 1))
        return -EDQUOT;
    bool replaces = place != NULL;
    if (!replaces)
        place = free_place(t);
    if (!place || dht_quota_add(&s->places_of, &from, 1) < 0)
        return -ENOMEM;
    if (replaces)
        uncount_peer(s, place);
    else
        t->count++;
    *place = *p;
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
    int err = add_peer(s, t, &p);
    if (t->count == 0) {
        drop_topic(s, t);
        return err;
    }
    if (err < 0)
        return err;
    list_remove(&t->used);
    list_append(&s->topics_used, &t->used);
    while (s->topic_count > 1 &&
           (s->topic_count > s->limits.topics || s->peer_count > s->limits.peers))
        drop_worst_topic(s);
    return 0;
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

/* ---- life ---- */

static void forget_peers(struct dht_store *s, struct topic *t, instant now)
{
    for (unsigned i = 0; i < t->count;) {
        if (!is_gone(&t->peer[i], now)) {
            i++;
            continue;
        }
        uncount_peer(s, &t->peer[i]);
        t->peer[i] = t->peer[--t->count];
    }
}

void dht_topics_expire(struct dht_store *s, instant now)
{
    for (struct list *node = s->topics_used.next, *next; node != &s->topics_used; node = next) {
        struct topic *t = list_entry(node, struct topic, used);
        next = node->next;
        forget_peers(s, t, now);
        if (t->count == 0)
            drop_topic(s, t);
    }
}

void dht_topics_init(struct dht_store *s, const uint8_t secret[static MAP_SECRET_LEN])
{
    map_init(&s->topics, secret);
    list_init(&s->topics_used);
    dht_quota_init(&s->places_of, s->limits.peers);
}

void dht_topics_deinit(struct dht_store *s)
{
    while (s->topic_count > 0)
        drop_topic(s, list_entry(list_first(&s->topics_used), struct topic, used));
    map_deinit(&s->topics);
    dht_quota_deinit(&s->places_of);
}
