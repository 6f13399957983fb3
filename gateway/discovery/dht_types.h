/**
 * What a DHT node (dht.h) is given and what it tells.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/clock.h"
#include "gateway/discovery/dht_id.h"
#include "gateway/discovery/dht_item.h"
#include "gateway/wire/krpc.h"

struct dht_request;

enum dht_bounds {
    DHT_REQUESTS_MAX = 64,  /* at a time, our own upkeep among them */
    DHT_PEERS_MAX = 256,    /* peers that one request tells of */
    DHT_SAMPLES_MAX = 2048, /* infohashes, the same */
    DHT_SAVE_MAX = 8192,    /* bytes that dht_save() writes at most */
    DHT_BOOTSTRAP_MAX = 32,
    DHT_NEAR = 6, /* nodes of a family that an item is asked of again */
};

enum dht_mode { DHT_CLIENT, DHT_SERVER, DHT_ADAPTIVE };

/** Zeroes mean what stands behind them. */
struct dht_options {
    enum dht_mode mode;
    bool v4, v6;                                      /* the families that there are sockets for */
    void (*random)(void *arg, void *out, size_t len); /* unpredictable bytes */
    /** Asked before a query costs anything more: false drops it without an answer. May be NULL. */
    bool (*filter)(void *arg, instant now, const struct addr *from, const struct krpc *query);
    void *arg;
    unsigned per_address; /* messages a second to one address: 5; UINT_MAX: no limit */
    unsigned per_prefix;  /* queries a second answered to one /24 or /48: 50; UINT_MAX: no limit */
    unsigned callers_max; /* addresses counted at a time, 18 bytes each: 65536 */
    unsigned items_max;   /* 1000 */
    size_t bytes_max;     /* of all items: 2 MiB */
    unsigned topics_max;  /* infohashes: 1000 */
    unsigned peers_max;   /* of all infohashes: 20000; of one: 200 */
};

/** A datagram to send, by the socket of `to`'s family. Its data is valid until the next call. */
struct dht_tx {
    struct addr to;
    const uint8_t *data;
    size_t len;
};

/** The nodes closest to a target that keep items, as a look-up found them. */
struct dht_near {
    struct addr node[2 * DHT_NEAR];
    unsigned count;
};

enum dht_event_kind {
    DHT_VALUE,   /* `item`: verified, newer than any told before */
    DHT_PEERS,   /* `peers`: none told before */
    DHT_SAMPLES, /* `samples`: none told before */
    DHT_DONE,    /* the last one: the request is gone */
};

/** Pointers are valid until the next call of any function here. */
struct dht_event {
    enum dht_event_kind kind;
    const struct dht_request *request; /* to compare, not to use, once DHT_DONE */
    void *arg;
    const struct dht_item *item; /* VALUE; DONE: the newest that was found, or NULL */
    const struct addr *peers;
    size_t peer_count; /* DONE: of all that were told */
    const struct dht_id *samples;
    size_t sample_count; /* the same */

    /* DONE */
    int result;        /* 0, or see below */
    unsigned asked;    /* nodes */
    unsigned answered; /* of them */
    unsigned stored;   /* nodes that keep what we put or announced */
    int refused;       /* the last KRPC error that a put got, or 0 */
    unsigned copies;   /* nodes that had the newest item */
    unsigned sampled;  /* nodes that gave samples */
    const struct dht_near *near;
    instant took;
    instant first;      /* until the first verified value or peer; 0: none */
    struct addr node;   /* ping: who answered, */
    struct dht_id id;   /* its id, */
    uint8_t version[4]; /* and what it says it is, or zeroes */
};

/* Results: -ENOENT nobody has it; -EHOSTUNREACH nobody answered (and nobody stored); -ETIMEDOUT a
 * ping without answer; -ESTALE a put met a newer item, in `item`; -EEXIST `cas`
 * does not match what is there; -EPERM all nodes refused, `refused` says why; -EAGAIN a ping to an
 * address that got enough already. */

struct dht_counters {
    uint64_t rx, tx, queries, replies, timeouts;
    uint64_t malformed; /* no messages at all */
    uint64_t dropped;   /* queries beyond a limit, or that the filter did not want */
    uint64_t refused;   /* queries answered by an error */
    uint64_t forged;    /* values that were not what their target says */
};

struct dht_status {
    enum dht_mode mode;
    bool serving;                    /* answers queries and stores */
    struct dht_id id, id6;           /* on IPv4, on IPv6 */
    unsigned nodes, nodes6;          /* that we know */
    unsigned good, good6;            /* that answered in the last 15 minutes */
    struct addr external, external6; /* what others say our address is, or none */
    unsigned items, topics, peers;   /* kept for others */
    struct dht_counters count;
};
