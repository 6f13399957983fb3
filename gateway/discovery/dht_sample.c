/* Asking what infohashes others have (BEP 51), and how often they want to be asked. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/map.h"
#include "gateway/discovery/dht_state.h"

#define REFUSED_FOR SEC(3600) /* who does not know the question is asked for nodes so long */

enum {
    PAUSE_MAX_S = 21600, /* BEP 51: nobody may ask for more */
    PAUSES_MAX = 512,
    ONE_GIVES = 70, /* infohashes of one reply: as many as a packet holds */
};

/* A node that is not to be asked for samples. */
struct dht_pause {
    uint64_t who;
    instant until;
};

static uint64_t who_is(const struct dht *d, const struct addr *node)
{
    uint8_t key[20];
    size_t len;
    const uint8_t *ip = addr_ip(node, &len);
    uint16_t port = addr_port(node);

    memcpy(key, ip, len);
    memcpy(key + len, &port, sizeof(port));
    return map_hash(d->secret, key, len + sizeof(port));
}

static struct dht_pause *find_pause(const struct dht *d, uint64_t who)
{
    for (unsigned i = 0; i < d->pauses; i++)
        if (d->pause[i].who == who)
            return &d->pause[i];
    return NULL;
}

/* When there are too many, the one that ends first gives way. */
static struct dht_pause *place_of(struct dht *d, uint64_t who)
{
    struct dht_pause *p = find_pause(d, who);

    if (!d->pause)
        d->pause = calloc(PAUSES_MAX, sizeof(*d->pause));
    if (p || !d->pause)
        return p;
    if (d->pauses < PAUSES_MAX)
        return &d->pause[d->pauses++];
    p = &d->pause[0];
    for (unsigned i = 1; i < d->pauses; i++)
        if (d->pause[i].until < p->until)
            p = &d->pause[i];
    return p;
}

static void not_before(struct dht *d, const struct addr *node, instant until)
{
    uint64_t who = who_is(d, node);
    struct dht_pause *p = place_of(d, who);

    if (p)
        *p = (struct dht_pause){who, until};
}

bool dht_sample_may_ask(const struct dht *d, instant now, const struct addr *node)
{
    const struct dht_pause *p = find_pause(d, who_is(d, node));
    return !p || now >= p->until;
}

static bool is_told(const struct dht_request *r, const struct dht_id *id)
{
    for (size_t i = 0; i < r->samples; i++)
        if (dht_id_equal(&r->sample[i], id))
            return true;
    return false;
}

void dht_sample_take(struct dht *d, instant now, struct dht_request *r, const struct addr *from,
                     const struct krpc *m)
{
    int64_t pause_s = m->interval < PAUSE_MAX_S ? m->interval : PAUSE_MAX_S;

    if (!m->has_samples) /* it took the question for one about nodes */
        return;
    if (pause_s > 0)
        not_before(d, from, now + SEC((instant)pause_s));
    if (!r->sample)
        r->sample = calloc(DHT_SAMPLES_MAX, sizeof(*r->sample));
    if (!r->sample)
        return;
    r->sampled++;
    for (size_t i = 0; i < m->samples.len / DHT_ID_LEN && i < ONE_GIVES; i++) {
        const struct dht_id id = dht_id_from(m->samples.at + i * DHT_ID_LEN);
        if (r->samples == DHT_SAMPLES_MAX || is_told(r, &id))
            continue;
        r->sample[r->samples++] = id;
        if (r->first == 0)
            r->first = now;
    }
}

bool dht_sample_refused(struct dht *d, instant now, const struct addr *from)
{
    if (!dht_sample_may_ask(d, now, from)) /* it was asked for nodes, then */
        return false;
    not_before(d, from, now + REFUSED_FOR);
    return !dht_sample_may_ask(d, now, from);
}
