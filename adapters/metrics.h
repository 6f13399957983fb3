/**
 * Where Prometheus reads a gateway's figures: `GET /metrics`, on loopback only, where a person
 * asked for it.
 *
 * One request a connection, with a limit on how long and how many. The callers are those of local
 * ports: the user of the gateway and whom `[local] users` names. A page in a browser gets nothing:
 * Host must be an address of loopback or `localhost`.
 */
#pragma once

#include <stddef.h>

#include "adapters/local_users.h"
#include "gateway/base/attr.h"
#include "gateway/base/env.h"

#define METRICS_LISTEN_MAX 4

struct metrics;

struct metrics_options {
    struct env *env;
    const struct local_users *users;        /* borrowed */
    struct addr listen[METRICS_LISTEN_MAX]; /* none from the end on */
    /** The figures, which the caller frees; NULL: none now. */
    char *(*write)(void *arg);
    void *arg;
};

/** Listens. On error `why` has a line for people. */
MUST_USE int metrics_new(struct metrics **out, const struct metrics_options *options, char *why,
                         size_t why_len);
/** Ends every connection. */
void metrics_free(struct metrics *m);
