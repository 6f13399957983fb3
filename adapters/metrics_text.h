/**
 * A gateway in figures, as Prometheus reads them (text format 0.0.4).
 *
 * Base units, counters in _total, one HELP and TYPE a family. Peers are labelled by their alias, or
 * else their id, and at most METRICS_PEERS_MAX of them are told one by one: the connected ones
 * first. No word that a peer chose is ever a label.
 */
#pragma once

#include "gateway/base/clock.h"
#include "gateway/node/node.h"

#define METRICS_PEERS_MAX 200

struct metrics_about {
    const char *version; /* of the program */
    double started;      /* seconds since 1970 */
};

/** Writes all of them. The caller frees it; NULL: no memory. */
char *metrics_write(struct node *n, const struct metrics_about *about);
