/**
 * Dials peers ahead of their first use, because somebody has just asked for their name.
 *
 * Fire and forget, and bounded: at most PREDIAL_MAX attempts run at a time, others are not begun,
 * and one peer is tried once in PREDIAL_AGAIN. Who needs the session asks for it again anyway.
 */
#pragma once

#include "gateway/base/clock.h"
#include "gateway/node/node.h"

#define PREDIAL_MAX   16
#define PREDIAL_AGAIN SEC(10)

struct predial {
    struct node *node;
    struct predial_try {
        struct node_wait wait;
        struct peer_id peer;
        instant begun; /* 0: this place was never used */
        bool running;
    } tries[PREDIAL_MAX];
};

/** Keeps `n`. The struct must stay where it is until predial_deinit(). */
void predial_init(struct predial *p, struct node *n);
void predial_peer(struct predial *p, const struct peer_id *peer);
void predial_deinit(struct predial *p);
