/**
 * Keeps the bootstrap cache (gateway/discovery/bootstrap.h): read at the start, written when it has
 * changed, asked for addresses to try first.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/env.h"
#include "gateway/discovery/bootstrap.h"
#include "gateway/node/desk.h"

struct bootstrap_desk {
    const struct desk *node; /* borrowed; NULL: not started */
    struct bootstrap *cache;
    struct timer save; /* runs while there is something to write */
    bool changed;
};

/** Reads the file. Returns 0 or -ENOMEM; a file that cannot be read is no error. */
MUST_USE int bootstrap_desk_start(struct bootstrap_desk *d, const struct desk *node);
/** Writes what is not written yet. Fine on a zeroed struct. */
void bootstrap_desk_stop(struct bootstrap_desk *d);

/** A connection is ready or moved: if we dialled it straight, its address is worth keeping. */
void bootstrap_desk_on_conn(struct bootstrap_desk *d, enum bootstrap_kind kind,
                            const struct quic_conn *conn);
/** It did not answer there. */
void bootstrap_desk_on_failed(struct bootstrap_desk *d, enum bootstrap_kind kind,
                              const struct peer *p);
/** Where a relay or peer last answered, the best first. Returns how many. */
size_t bootstrap_desk_find(const struct bootstrap_desk *d, const struct peer_id *id,
                           struct addr *out, size_t max);
