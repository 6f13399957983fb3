/**
 * Where nodes of the DHT see a socket of ours (BEP 42: `ip` in their answers): what a STUN server
 * would say, without anybody's server.
 *
 * Asks a few nodes by a ping, one more for each that is slow. What two of them say, each in a
 * network of its own, counts once more than half of those that answered say it. A NAT that gives
 * every destination another port makes them all disagree: then nothing is known of the port.
 *
 * Sans-I/O, and it owns no memory. Its owner sends what dht_mirror_output() writes from the socket
 * that is to be seen, and hands in what comes back there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/clock.h"
#include "gateway/discovery/dht_id.h"

#define DHT_MIRROR_NODES   12
#define DHT_MIRROR_AT_ONCE 4
#define DHT_MIRROR_SLOW    MSEC(400) /* another one is asked then */
#define DHT_MIRROR_WITHIN  SEC(3)    /* and nobody waits any longer */
#define DHT_MIRROR_T_LEN   4
#define DHT_MIRROR_PACKET  128

struct dht_mirror_node {
    struct addr addr, seen; /* seen: none if it does not say */
    uint8_t t[DHT_MIRROR_T_LEN];
    instant asked; /* 0: not yet */
    bool answered;
};

enum dht_mirror_state {
    DHT_MIRROR_IDLE,
    DHT_MIRROR_ASKING,
    DHT_MIRROR_SEEN,   /* `seen` is where */
    DHT_MIRROR_VARIES, /* everybody sees another port */
    DHT_MIRROR_SILENT, /* too few answered, or they disagree */
};

/** Read freely. Zeroed it is idle. */
struct dht_mirror {
    enum dht_mirror_state state;
    struct dht_mirror_node node[DHT_MIRROR_NODES];
    size_t nodes;
    struct dht_id id;
    instant until;
    struct addr seen;
};

/** Begins to ask `count` nodes, those in front first. `chance`: unpredictable bytes. */
void dht_mirror_begin(
    struct dht_mirror *m, instant now, const struct addr *nodes, size_t count,
    const uint8_t chance[static DHT_ID_LEN + DHT_MIRROR_NODES * DHT_MIRROR_T_LEN]);
/** Writes the next ping that is due, if any. Returns its length, or 0; then it may be over. */
size_t dht_mirror_output(struct dht_mirror *m, instant now, struct addr *to,
                         uint8_t out[static DHT_MIRROR_PACKET]);
/** Takes a datagram. Returns false if it is none of ours, which changes nothing. */
bool dht_mirror_input(struct dht_mirror *m, const struct addr *from, const uint8_t *data,
                      size_t len);
/** When to call dht_mirror_output() again. */
instant dht_mirror_due(const struct dht_mirror *m, instant now);
