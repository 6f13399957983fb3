/**
 * The stage most scenarios need: alice shares an echo, bob knows her address, mallory knows
 * neither.
 */
#pragma once

#include "tests/sim/sim_gateway.h"
#include "tests/sim/sim_program.h"

#define ALICE_ADDRESS "192.0.2.1:4433"
#define BOB_ADDRESS   "198.51.100.2:4433"

struct sim_story {
    struct sim_world world;
    struct sim_gateway alice, bob, mallory;
    struct sim_echo echo;     /* alice's, shared as `echo` on port 7, TCP and UDP */
    struct sim_caller caller; /* bob's, through the local port of `echo` */
};

/** cmocka set-up and tear-down; the state is a struct sim_story with alice and bob running.
 *  mallory has a host and an identity, and is not started. */
int sim_story_begin(void **state);
int sim_story_end(void **state);

/** Half the delay and loss on each of the two hosts' lines, so that both add up. */
void sim_story_line(struct sim_story *s, instant round_trip, unsigned loss);
/** Bob calls the echo with so many bytes. */
void sim_story_call(struct sim_story *s, uint64_t bytes);
/** The call comes to a good end within `span`, every byte right. */
void sim_story_call_ends_well(struct sim_story *s, instant span);
/** Lets time go on. */
void sim_story_wait(struct sim_story *s, instant span);

#define SIM_STORY(test) cmocka_unit_test_setup_teardown(test, sim_story_begin, sim_story_end)
