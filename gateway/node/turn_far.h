/**
 * Addresses on TURN servers that peers have, as they tell us in PUNCH messages: for us plain UDP,
 * and yet not direct. So what goes there and comes from there are paths of kind PATH_TURN, whose
 * `via` is 0.
 *
 * A peer may name two, and strangers leave half of the places to others. None is believed that
 * another peer's session uses already, so that nobody can make others' paths look like relayed
 * ones.
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/list.h"
#include "gateway/node/desk.h"
#include "gateway/peer/peer.h"

#define TURN_FAR_MAX       64 /* of all peers, */
#define TURN_FAR_STRANGERS 32 /* and of those who are not known */
#define TURN_FAR_PER_PEER  2

struct turn_far {
    const struct desk *node; /* borrowed */
    struct list places;
    unsigned count;
};

void turn_far_init(struct turn_far *t, const struct desk *node);
void turn_far_deinit(struct turn_far *t);
/** A peer says, over one of its connections, that it is reached at `a` by a TURN server. */
void turn_far_add(struct turn_far *t, const struct peer *p, struct quic_conn *conn,
                  const struct addr *a);
/** A connection has ended. */
void turn_far_forget(struct turn_far *t, const struct quic_conn *conn);
