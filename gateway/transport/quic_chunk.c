#include "gateway/transport/quic_chunk.h"

#include <stdlib.h>

/* Whole size of a piece with its header, less what malloc adds, so that pieces pack into pages. */
static const uint32_t WHOLE[QUIC_SIZES] = {2048 - 16, 16384 - 16, 65536 - 16, 524288 - 16};
/* Free pieces that are kept: 1 MiB, 1 MiB, 4 MiB and 4 MiB. */
static const unsigned KEEP[QUIC_SIZES] = {512, 64, 64, 8};

#define TRIM_AFTER SEC(5)

void quic_pool_deinit(struct quic_pool *p)
{
    for (int size = 0; size < QUIC_SIZES; size++) {
        while (p->free[size]) {
            struct quic_chunk *c = p->free[size];
            p->free[size] = c->next;
            free(c);
        }
        p->spare[size] = 0;
    }
}

struct quic_chunk *quic_pool_get(struct quic_pool *p, enum quic_size size)
{
    struct quic_chunk *c = p->free[size];
    if (c) {
        p->free[size] = c->next;
        p->spare[size]--;
    } else {
        c = malloc(WHOLE[size]);
        if (!c)
            return NULL;
        c->size = size;
        c->room = WHOLE[size] - (uint32_t)sizeof(*c);
    }
    c->next = NULL;
    c->from = c->to = 0;
    p->used = true;
    p->out += WHOLE[size];
    return c;
}

void quic_pool_put(struct quic_pool *p, struct quic_chunk *c)
{
    if (!c)
        return;
    p->out -= WHOLE[c->size];
    if (p->spare[c->size] >= KEEP[c->size]) {
        free(c);
        return;
    }
    c->next = p->free[c->size];
    p->free[c->size] = c;
    p->spare[c->size]++;
}

void quic_pool_trim(struct quic_pool *p, instant now)
{
    if (now - p->trimmed_at < TRIM_AFTER)
        return;
    p->trimmed_at = now;
    if (!p->used)
        quic_pool_deinit(p);
    p->used = false;
}

struct quic_chunk *quic_chain_take(struct quic_chain *chain)
{
    struct quic_chunk *c = chain->head;
    if (!c)
        return NULL;
    chain->head = c->next;
    if (!chain->head)
        chain->tail = NULL;
    return c;
}

void quic_chain_drop(struct quic_chain *chain, struct quic_pool *p, size_t len, bool keep_tail)
{
    while (chain->head) {
        struct quic_chunk *c = chain->head;
        size_t held = c->to - c->from;
        if (len < held || (keep_tail && c == chain->tail)) {
            c->from += (uint32_t)(len < held ? len : held);
            return;
        }
        len -= held;
        quic_pool_put(p, quic_chain_take(chain));
    }
}

void quic_chain_clear(struct quic_chain *chain, struct quic_pool *p)
{
    while (chain->head)
        quic_pool_put(p, quic_chain_take(chain));
}
