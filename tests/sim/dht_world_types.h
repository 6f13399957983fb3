/**
 * What a simulated DHT (dht_world.h) is given, and what it counts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"

struct dht_world_options {
    uint64_t seed;
    unsigned nodes;
    unsigned natted_percent;  /* answer strangers never */
    unsigned hostile_percent; /* of all nodes */
    unsigned loss_permille;   /* of packets */
    unsigned rtt_ms;          /* between two of middling distance: the median is some 15 % more */
    instant stays;            /* mean time until a node leaves; 0: for ever */
    bool v6;                  /* IPv6 instead of IPv4 */
    bool even;                /* all ways are equally long */
};

struct dht_world_counts {
    uint64_t packets, lost, unheard;
    unsigned worst_rate; /* messages to one address in any second, by one of your nodes */
    unsigned left;       /* nodes that went */
};

struct dht_world_most {
    unsigned nodes, items, queries;
    size_t bytes; /* of the items */
};
