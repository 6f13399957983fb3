#include "gateway/transport/quic_memory.h"

#include <malloc.h>
#include <stdlib.h>

/* A handshake takes some 50 KiB. */
#define STRANGER_MOST (256u << 10)
/* Twice a full window of data out of order. What lossy lines took with thousands of streams under
 * way was 5 MiB. */
#define MOST (64u << 20)
/* While all connections together take more than this, none may have more than its part, */
#define ALL (256u << 20)
/* but so much always. */
#define LEAST (2u << 20)

static void add(struct quic_conn *conn, void *p)
{
    size_t size = malloc_usable_size(p);
    conn->memory += size;
    conn->ep->memory += size;
}

static void subtract(struct quic_conn *conn, size_t size)
{
    conn->memory -= size;
    conn->ep->memory -= size;
}

static void *take(size_t size, void *user)
{
    void *p = malloc(size);
    add(user, p);
    return p;
}

static void *take_zeroed(size_t count, size_t size, void *user)
{
    void *p = calloc(count, size);
    add(user, p);
    return p;
}

static void *take_again(void *old, size_t size, void *user)
{
    size_t before = malloc_usable_size(old);
    void *p = realloc(old, size);
    if (!p)
        return NULL; /* and `old` stays */
    subtract(user, before);
    add(user, p);
    return p;
}

static void give(void *p, void *user)
{
    subtract(user, malloc_usable_size(p));
    free(p);
}

const ngtcp2_mem *quic_memory_count(struct quic_conn *conn)
{
    conn->allocator = (ngtcp2_mem){
        .user_data = conn,
        .malloc = take,
        .free = give,
        .calloc = take_zeroed,
        .realloc = take_again,
    };
    return &conn->allocator;
}

static size_t most(const struct quic_conn *conn)
{
    const struct quic_endpoint *ep = conn->ep;
    if (!conn->identified)
        return STRANGER_MOST;
    if (ep->memory <= ALL)
        return MOST;
    size_t part = ALL / (ep->connections + 1);
    if (part < LEAST)
        return LEAST;
    return part < MOST ? part : MOST;
}

bool quic_memory_is_too_much(const struct quic_conn *conn)
{
    return conn->memory > most(conn);
}
