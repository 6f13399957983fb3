/**
 * One DHT node and a hand that writes the packets of all others.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "gateway/discovery/dht.h"
#include "tests/support/random.h"

/* Zeroed but for `now` and `seed`; d by dht_new(). */
struct dht_wire {
    struct dht *d;
    instant now;
    uint64_t seed;
    struct dht_tx tx; /* the last one */
    struct krpc m;    /* it, read */
    uint8_t packet[KRPC_PACKET_MAX];
};

static inline void dht_wire_random(void *arg, void *out, size_t len)
{
    random_fill(arg, out, len);
}

/** The next datagram, read into `m`. False: none. */
static inline bool dht_wire_next(struct dht_wire *w)
{
    if (!dht_output(w->d, w->now, &w->tx))
        return false;
    memcpy(w->packet, w->tx.data, w->tx.len);
    w->tx.data = w->packet;
    return krpc_read(&w->m, w->packet, w->tx.len) == 0;
}

/** Hands in a message and reads what goes back to its sender. False: nothing. */
static inline bool dht_wire_ask(struct dht_wire *w, const struct addr *from, const struct krpc *m)
{
    uint8_t out[2048];
    size_t len = krpc_write(m, out, sizeof(out));

    dht_input(w->d, w->now, from, out, len);
    return dht_wire_next(w) && addr_equal(&w->tx.to, from) && w->m.kind != KRPC_QUERY;
}
