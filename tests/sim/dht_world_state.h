/**
 * What the files of the simulated DHT (dht_world*.c) share.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/heap.h"
#include "gateway/base/map.h"
#include "gateway/discovery/dht_state.h"
#include "tests/sim/dht_world_types.h"

/* A packet takes 0.9 to 1.2 times what the way is long. */
#define DHT_WORLD_LEAST  0.9
#define DHT_WORLD_JITTER 0.3
#define DHT_WORLD_USUAL  (DHT_WORLD_LEAST + DHT_WORLD_JITTER / 2)

enum {
    CONTACTS = 256, /* that a NAT remembers */
    SENT_WATCHED = 4096,
    KNOWN_AT_START = 8,
    OWN_MAX = 1024, /* nodes that join later */
};

struct contact {
    unsigned who;
    instant at;
};

struct node {
    struct dht *d;
    struct addr addr;
    struct dht_id id;
    struct timer wake, leave;
    struct dht_world *world;
    double far_ms; /* from the middle of the network */
    bool hostile, natted, mine;
    unsigned next_contact;
    struct contact *contact; /* NULL: no NAT */
};

struct flying {
    struct timer timer;
    struct dht_world *world;
    struct addr to;
    unsigned from;
    size_t len;
    uint8_t data[];
};

struct sent {
    unsigned from;
    struct addr to;
    instant at;
};

struct dht_world {
    struct dht_world_options options;
    uint64_t seed;
    instant now;
    struct heap heap;
    struct map by_addr;
    unsigned count, room;
    struct node *node;
    unsigned *sorted; /* those of the start, by id */
    struct dht_item leak;
    bool leaked;
    struct dht_world_counts counts;
    struct sent sent[SENT_WATCHED]; /* by nodes of the test */
    unsigned next_sent;
};

/** The first of the sorted ones that is not below an id. */
unsigned dht_world_lower(const struct dht_world *w, const struct dht_id *id);
/** A packet sets out. */
void dht_world_transmit(struct node *from, const struct addr *to, const uint8_t *data, size_t len);
/** Did a hostile node take care of a query? */
bool dht_world_lie(struct node *n, const struct node *to, const struct krpc *q);
