/**
 * One cell of the grid of NATs: two gateways behind routers of two kinds who meet through a relay
 * and shall become direct, while a program of one talks to a program of the other.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"

#define SIM_GRID_TYPES    8
#define SIM_GRID_PATIENCE SEC(20) /* so long a direct path may take */

/** Presets of tests/natlab/nat.h. */
extern const char *const SIM_GRID_TYPE[SIM_GRID_TYPES];

/** Can a direct path of these two only be found by guessing ports? */
bool sim_grid_guesses(size_t dialler, size_t other);
/** Is there none to be expected: both NATs are symmetric, and not both count their ports up? */
bool sim_grid_is_hopeless(size_t dialler, size_t other);

struct sim_grid_result {
    instant echoed;  /* after the program asked the first byte came back; 0: never */
    instant direct;  /* after that both gateways said direct; 0: not in time */
    instant silence; /* the longest, from then on until the end */
    bool lost;       /* the stream was lost, or brought wrong bytes */
    char why[128];   /* it is not direct, as the dialler says */
};

/** Plays it. Fails the cmocka test, if there is one, or ends the program, on what must never be. */
void sim_grid_play(struct sim_grid_result *out, size_t dialler, size_t other, uint64_t seed);
/** The first byte was there within 1 s, and the stream to the end. */
bool sim_grid_is_connected(const struct sim_grid_result *r);
