/**
 * A gateway asks where a peer is, as `overlay resolve` does.
 */
#pragma once

#include "gateway/node/record_desk.h"
#include "tests/sim/sim_gateway.h"

struct sim_asking {
    struct record_wait wait;
    bool answered;
    int err;
    struct record_found found; /* if err is 0 */
};

/** Fails the test if there is no answer, yes or no, within `span`. */
struct sim_asking sim_gateway_asks(struct sim_gateway *who, const struct sim_gateway *about,
                                   instant span);
