#include "gateway/discovery/dht_size.h"

#include <string.h>

enum { NODES_MIN = 8, SAMPLES_MIN = 4, RANKS = 20 };

/* IPv4: the first 6 bits. IPv6: those behind 2000::/3, which all have. */
unsigned dht_size_network_of(const struct addr *a)
{
    size_t len;
    const uint8_t *ip = addr_ip(a, &len);

    if (!ip)
        return 0;
    return len == 4 ? ip[0] >> 2 : (ip[0] & 0x1fu) << 1 | ip[1] >> 7;
}

static unsigned distinct(const struct addr *addrs, size_t count)
{
    uint64_t seen = 0;

    for (size_t i = 0; i < count; i++)
        seen |= UINT64_C(1) << dht_size_network_of(&addrs[i]);
    return (unsigned)__builtin_popcountll(seen);
}

void dht_size_add(struct dht_size *s, const struct dht_id *target, const struct dht_id *ids,
                  const struct addr *addrs, size_t count)
{
    double xy = 0, xx = 0;

    if (count > RANKS)
        count = RANKS;
    if (count < NODES_MIN)
        return;
    for (size_t i = 0; i < count; i++) {
        double rank = (double)(i + 1);
        xy += rank * dht_id_distance(target, &ids[i]);
        xx += rank * rank;
    }
    s->density[s->next] = xy > 0 ? xx / xy : 0;
    s->networks[s->next] = distinct(addrs, count);
    s->next = (s->next + 1) % DHT_SIZE_SAMPLES;
    if (s->count < DHT_SIZE_SAMPLES)
        s->count++;
}

/* 0 while there are too few. */
static double median(const double *values, unsigned count)
{
    double sorted[DHT_SIZE_SAMPLES] = {0};

    if (count < SAMPLES_MIN)
        return 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned at = i;
        for (; at > 0 && sorted[at - 1] > values[i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = values[i];
    }
    return sorted[count / 2];
}

uint64_t dht_size_nodes(const struct dht_size *s)
{
    double nodes = median(s->density, s->count);
    return nodes > 0 && nodes < 1e12 ? (uint64_t)nodes : 0;
}

double dht_size_distance(const struct dht_size *s, unsigned rank)
{
    double nodes = median(s->density, s->count);
    return nodes > 0 ? (double)rank / (nodes + 1) : 0;
}

unsigned dht_size_networks(const struct dht_size *s)
{
    return (unsigned)median(s->networks, s->count);
}
