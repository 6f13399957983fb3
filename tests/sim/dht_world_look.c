/* A simulated DHT seen from outside. */
#include <stdlib.h>

#include "tests/sim/dht_world.h"
#include "tests/sim/dht_world_state.h"
#include "tests/support/random.h"

static bool is_server(const struct node *n)
{
    return n->d && !n->hostile && !n->natted && !n->mine;
}

static bool keeps(struct dht_world *w, const struct node *n, const struct dht_id *target,
                  int64_t seq)
{
    struct dht_stored kept;
    return dht_store_get(&n->d->store, w->now, target, &kept) && kept.seq == seq;
}

unsigned dht_world_copies(struct dht_world *w, const struct dht_id *target, int64_t seq)
{
    unsigned copies = 0;

    for (unsigned i = 0; i < w->count; i++)
        copies += is_server(&w->node[i]) && keeps(w, &w->node[i], target, seq);
    return copies;
}

unsigned dht_world_placed(struct dht_world *w, const struct dht_id *target, int64_t seq, unsigned k)
{
    unsigned placed = 0;
    const struct node *last = NULL;

    /* The closest, the next closest, and so on: each beyond the last one. */
    for (unsigned i = 0; i < k; i++) {
        const struct node *best = NULL;
        for (unsigned n = 0; n < w->count; n++) {
            const struct node *x = &w->node[n];
            if (is_server(x) && (!last || dht_id_compare(target, &x->id, &last->id) > 0) &&
                (!best || dht_id_compare(target, &x->id, &best->id) < 0))
                best = x;
        }
        if (!best)
            break;
        placed += keeps(w, best, target, seq);
        last = best;
    }
    return placed;
}

const struct dht_world_counts *dht_world_counts(const struct dht_world *w)
{
    return &w->counts;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

double dht_world_rtt_ms(const struct dht_world *w, double quantile)
{
    enum { PAIRS = 10000 };
    static double ms[PAIRS];
    uint64_t seed = 1; /* of its own: to look changes nothing */

    for (unsigned i = 0; i < PAIRS; i++) {
        const struct node *a = &w->node[random_below(&seed, w->options.nodes)];
        const struct node *b = &w->node[random_below(&seed, w->options.nodes)];
        ms[i] = 2 * (a->far_ms + b->far_ms) * DHT_WORLD_USUAL;
    }
    qsort(ms, PAIRS, sizeof(*ms), by_value);
    return ms[(unsigned)(quantile * (PAIRS - 1))];
}

struct dht_world_most dht_world_most(const struct dht_world *w)
{
    struct dht_world_most most = {0};

    for (unsigned i = 0; i < w->count; i++) {
        const struct dht *d = w->node[i].d;
        unsigned nodes = d->family[0].routing.count + d->family[1].routing.count;
        most.nodes = nodes > most.nodes ? nodes : most.nodes;
        most.items = d->store.item_count > most.items ? d->store.item_count : most.items;
        most.bytes = d->store.bytes > most.bytes ? d->store.bytes : most.bytes;
        most.queries = d->query_room > most.queries ? d->query_room : most.queries;
    }
    return most;
}
