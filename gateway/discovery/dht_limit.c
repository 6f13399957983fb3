#include "gateway/discovery/dht_limit.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/map.h"
#include "gateway/discovery/dht_id.h"

enum { WAYS = 8 }; /* places that an address can have */

#define WINDOW_MS 1000
#define WRAP_MS   65535 /* stamps are 1 to that: zero is never */

/* 16 bytes, as a busy node has tens of thousands. When the last messages went, in milliseconds;
 * that counts only if the last one went in this second or the one before, so that stamps cannot
 * come round. */
struct dht_limit_place {
    uint32_t mark; /* of the address */
    uint16_t second;
    uint16_t sent[DHT_LIMIT_WINDOW_MAX];
};

/* A count of this second and what is left of the one before. */
struct dht_limit_network {
    uint32_t hash;
    uint32_t second;
    uint16_t now, before;
};

int dht_limit_init(struct dht_limit *l, const uint64_t secret[static 2], unsigned per_address,
                   unsigned per_prefix, size_t callers)
{
    assert(per_address <= DHT_LIMIT_WINDOW_MAX || per_address == UINT_MAX);
    memset(l, 0, sizeof(*l));
    memcpy(l->secret, secret, sizeof(l->secret));
    l->per_address = per_address;
    l->per_prefix = per_prefix;
    l->sets = callers / WAYS > 0 ? callers / WAYS : 1;
    l->place = calloc(l->sets * WAYS, sizeof(*l->place));
    l->network = calloc(l->sets, sizeof(*l->network));
    if (l->place && l->network)
        return 0;
    dht_limit_deinit(l);
    return -ENOMEM;
}

void dht_limit_deinit(struct dht_limit *l)
{
    free(l->place);
    free(l->network);
    l->place = NULL;
    l->network = NULL;
}

static uint16_t stamp_of(instant now)
{
    return (uint16_t)(now / MSEC(1) % WRAP_MS + 1);
}

/* Milliseconds since one went, or a whole window if none did. */
static unsigned age(uint16_t sent, uint16_t stamp)
{
    unsigned ms = ((unsigned)stamp + WRAP_MS - sent) % WRAP_MS;
    return sent == 0 || ms > WINDOW_MS ? WINDOW_MS : ms;
}

/* Its seconds come round after 18 hours; then an address that we wrote to exactly that long ago
 * waits once more. */
static bool is_old(const struct dht_limit_place *p, uint16_t second)
{
    return (uint16_t)(second - p->second) > 1;
}

static bool is_idle(const struct dht_limit_place *p, instant now)
{
    if (is_old(p, (uint16_t)(now / SEC(1))))
        return true;
    for (unsigned i = 0; i < DHT_LIMIT_WINDOW_MAX; i++)
        if (age(p->sent[i], stamp_of(now)) < WINDOW_MS)
            return false;
    return true;
}

/* The place of an address: its own, or one that has nothing to count. */
static struct dht_limit_place *place_of(struct dht_limit *l, uint64_t hash, instant now)
{
    struct dht_limit_place *set = &l->place[hash % l->sets * WAYS], *idle = NULL;
    uint32_t mark = (uint32_t)(hash >> 32);

    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].mark == mark)
            return &set[i];
        if (!idle && is_idle(&set[i], now))
            idle = &set[i];
    }
    if (idle)
        *idle = (struct dht_limit_place){.mark = mark};
    return idle;
}

bool dht_limit_send(struct dht_limit *l, instant now, const struct addr *to)
{
    uint8_t key[20];
    uint16_t second = (uint16_t)(now / SEC(1)), stamp = stamp_of(now);
    unsigned oldest = 0, busy = 0;

    if (l->per_address == UINT_MAX)
        return true;
    size_t len = dht_addr_key(to, false, key);
    struct dht_limit_place *p = place_of(l, map_hash(l->secret, key, len), now);
    if (!p)
        return false;
    if (is_old(p, second))
        memset(p->sent, 0, sizeof(p->sent));
    for (unsigned i = 0; i < DHT_LIMIT_WINDOW_MAX; i++) {
        busy += age(p->sent[i], stamp) < WINDOW_MS;
        if (age(p->sent[i], stamp) > age(p->sent[oldest], stamp))
            oldest = i;
    }
    if (busy >= l->per_address)
        return false;
    p->sent[oldest] = stamp;
    p->second = second;
    return true;
}

bool dht_limit_ask(struct dht_limit *l, instant now, const struct addr *from)
{
    uint8_t key[20];
    uint32_t second = (uint32_t)(now / SEC(1));

    if (l->per_prefix == UINT_MAX)
        return true;
    size_t len = dht_addr_key(from, true, key);
    uint64_t hash = map_hash(l->secret, key, len);
    struct dht_limit_network *n = &l->network[hash % l->sets];
    uint32_t mark = (uint32_t)(hash >> 32);
    if (n->hash != mark || n->second + 1 < second) {
        /* A network that asks more takes the place of one that asks less. */
        if (n->hash != mark && n->second == second && n->now > l->per_prefix / 2)
            return true;
        *n = (struct dht_limit_network){.hash = mark, .second = second};
    } else if (n->second != second) {
        n->before = n->now;
        n->now = 0;
        n->second = second;
    }
    uint64_t part = now % SEC(1) / MSEC(1); /* of the second before, this much is gone */
    if (n->now + n->before * (1000 - part) / 1000 >= l->per_prefix)
        return false;
    n->now++;
    return true;
}
