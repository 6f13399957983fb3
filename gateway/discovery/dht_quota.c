#include "gateway/discovery/dht_quota.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/map.h"
#include "gateway/discovery/dht_id.h"

enum { LEAST_PLACES = 1 << 12, PLACES_MAX = 1 << 14, PLACES_EACH = 4 };

/* ---- sources ---- */

/* Of an address, its first bytes: unlike dht_addr_key() also of a local one, without its port. */
static uint64_t hash_of(const uint64_t secret[static 2], const uint8_t *ip, size_t len)
{
    uint8_t key[1 + 8];

    /* The length tells 1.2.3.0/24 from an address, and IPv4 from IPv6. */
    key[0] = (uint8_t)len;
    memcpy(key + 1, ip, len);
    return map_hash(secret, key, 1 + len);
}

struct dht_source dht_source_of(const uint64_t secret[static 2], const struct addr *from)
{
    size_t len;
    const uint8_t *ip = addr_ip(from, &len);

    if (!ip)
        return (struct dht_source){.bounded = true};
    return (struct dht_source){
        .address = hash_of(secret, ip, len == 16 ? 8 : 4),
        .network = hash_of(secret, ip, len == 16 ? 6 : 3),
        .bounded = !dht_addr_is_local(from),
    };
}

/* ---- counts ---- */

void dht_quota_init(struct dht_quota *q, size_t sources)
{
    *q = (struct dht_quota){.places = LEAST_PLACES};
    while (q->places < sources * PLACES_EACH && q->places < PLACES_MAX)
        q->places *= 2;
}

void dht_quota_deinit(struct dht_quota *q)
{
    free(q->count);
    q->count = NULL;
}

static uint32_t *first(const struct dht_quota *q, uint64_t who)
{
    return &q->count[(uint32_t)who & (q->places - 1)];
}

static uint32_t *second(const struct dht_quota *q, uint64_t who)
{
    return &q->count[q->places + ((who >> 32) & (q->places - 1))];
}

/* Each place counts for all that fall on it: the smaller of the two is nearer the truth. */
static uint32_t count_of(const struct dht_quota *q, uint64_t who)
{
    if (!q->count)
        return 0;
    uint32_t a = *first(q, who), b = *second(q, who);
    return a < b ? a : b;
}

static bool is_within(uint32_t has, uint32_t amount, size_t share, size_t least)
{
    return has + (uint64_t)amount <= (share > least ? share : least);
}

bool dht_quota_admits(const struct dht_quota *q, const struct dht_source *s, uint32_t amount,
                      size_t room, size_t least)
{
    if (!s->bounded)
        return true;
    return is_within(count_of(q, s->address), amount, room / DHT_QUOTA_ADDRESS, least) &&
           is_within(count_of(q, s->network), amount, room / DHT_QUOTA_NETWORK, least);
}

int dht_quota_add(struct dht_quota *q, const struct dht_source *s, uint32_t amount)
{
    if (!q->count)
        q->count = calloc(2 * q->places, sizeof(*q->count));
    if (!q->count)
        return -ENOMEM;
    *first(q, s->address) += amount;
    *second(q, s->address) += amount;
    *first(q, s->network) += amount;
    *second(q, s->network) += amount;
    return 0;
}

void dht_quota_take(struct dht_quota *q, const struct dht_source *s, uint32_t amount)
{
    *first(q, s->address) -= amount;
    *second(q, s->address) -= amount;
    *first(q, s->network) -= amount;
    *second(q, s->network) -= amount;
}

uint32_t dht_quota_of_network(const struct dht_quota *q, const struct dht_source *s)
{
    return count_of(q, s->network);
}
