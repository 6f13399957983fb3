#include "tests/sim/sim_link.h"

#include "tests/support/random.h"

#define REORDER_MORE 4 /* so many times the jitter (or 5 ms) late */

/* No draw for what cannot happen, so that a fault switched off leaves the rest as it was. */
static bool happens(unsigned per_mille, uint64_t *chance)
{
    return per_mille > 0 && random_below(chance, 1000) < per_mille;
}

instant sim_link_pass(struct sim_link *l, instant now, size_t len, uint64_t *chance)
{
    instant out = now;
    if (l->down || len > sim_link_mtu(l) || happens(l->loss, chance))
        return INSTANT_NEVER;
    if (l->bandwidth > 0) {
        size_t queue = l->queue > 0 ? l->queue : l->bandwidth / 10;
        out = l->free_at > out ? l->free_at : out;
        if ((out - now) * l->bandwidth / SEC(1) > queue)
            return INSTANT_NEVER;
        out += SEC(len) / l->bandwidth;
        l->free_at = out;
    }
    out += l->delay + (l->jitter > 0 ? random_below(chance, l->jitter) : 0);
    if (happens(l->reorder, chance))
        return out + REORDER_MORE * (l->jitter > 0 ? l->jitter : MSEC(5));
    /* Lines keep the order; a heap would not, for equal instants. */
    out = out > l->last ? out : l->last + 1;
    l->last = out;
    return out;
}
