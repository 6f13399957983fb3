/**
 * Pieces of stream data, and the endpoint's pool that they come from and go back to.
 *
 * The piece that was given back last is handed out first, so that bulk transfers turn around in the
 * processor's cache; a stream that holds no data holds no piece. Several sizes keep small streams
 * small. Chains are first in, first out: bytes are added at the tail and dropped from the front.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"

enum quic_size {
    QUIC_SMALL,  /* holds any one packet */
    QUIC_MEDIUM, /* 16 KiB */
    QUIC_LARGE,  /* 64 KiB */
    QUIC_HUGE,   /* 512 KiB: for one read of a socket that has much */
    QUIC_SIZES
};

struct quic_chunk {
    struct quic_chunk *next;
    uint32_t from, to; /* the bytes in use */
    uint32_t room;     /* of data */
    enum quic_size size;
    uint8_t data[];
};

struct quic_pool {
    struct quic_chunk *free[QUIC_SIZES];
    unsigned spare[QUIC_SIZES]; /* how many are in free */
    size_t out;                 /* bytes handed out */
    size_t comfort;             /* above this, streams should take small pieces only */
    bool used;                  /* something was handed out since trimmed_at */
    instant trimmed_at;
};

struct quic_chain {
    struct quic_chunk *head, *tail;
};

/** Gives the free pieces' memory back. Pieces still out are their holders' to give back before. */
void quic_pool_deinit(struct quic_pool *p);

/** Returns an empty piece, or NULL for want of memory. */
struct quic_chunk *quic_pool_get(struct quic_pool *p, enum quic_size size);
void quic_pool_put(struct quic_pool *p, struct quic_chunk *c);
/** Frees what lies idle if nothing was handed out since the last call, `now` being later by a few
 *  seconds. */
void quic_pool_trim(struct quic_pool *p, instant now);

/** Bytes that still fit behind those in use. */
static inline uint32_t quic_chunk_left(const struct quic_chunk *c)
{
    return c->room - c->to;
}

static inline void quic_chain_append(struct quic_chain *chain, struct quic_chunk *c)
{
    c->next = NULL;
    if (chain->tail)
        chain->tail->next = c;
    else
        chain->head = c;
    chain->tail = c;
}

/** Takes the first piece out, or returns NULL. */
struct quic_chunk *quic_chain_take(struct quic_chain *chain);
/** Drops `len` bytes from the front, giving back each piece that is used up. Of an emptied tail
 *  only the bytes go while `keep_tail`. */
void quic_chain_drop(struct quic_chain *chain, struct quic_pool *p, size_t len, bool keep_tail);
void quic_chain_clear(struct quic_chain *chain, struct quic_pool *p);
