/**
 * The stage for what happens between gateways behind NATs: alice and bob, each behind an access
 * line of their own, and a relay in the internet that alice is reached through.
 */
#pragma once

#include "tests/sim/sim_gateway.h"
#include "tests/sim/sim_program.h"
#include "tests/sim/sim_router.h"

#define RELAY_ADDRESS "198.51.100.9:4433"
#define SPARE_ADDRESS "192.0.2.10:4433"

struct sim_nat_story {
    struct sim_world world;
    struct sim_access homes[2]; /* alice's and bob's, unless they share the first */
    size_t home_count;
    struct sim_gateway alice, bob, relay, spare;
    struct sim_echo echo;     /* alice's, shared as `echo` on port 7 */
    struct sim_caller caller; /* bob's */
    /* Set before sim_nat_story_begin(): */
    uint64_t seed;  /* 0: the usual */
    bool has_spare; /* there is a second relay, and who uses the first uses it too */
    bool both_use;  /* bob is reached through them too, so he has a session with them already */
};

/** Sets the stage, with presets of tests/natlab/nat.h. `bob_home` NULL: bob is on alice's LAN. The
 *  relay runs; the others have a host, and options that may be changed. */
void sim_nat_story_begin(struct sim_nat_story *s, const char *alice_home, const char *bob_home);
/** Starts alice and bob, who know one another. */
void sim_nat_story_launch(struct sim_nat_story *s);
/** The same, and waits until alice is reached through the relay. */
void sim_nat_story_start(struct sim_nat_story *s);
void sim_nat_story_end(struct sim_nat_story *s);

/** Bob connects to alice within 2 s. */
void sim_nat_story_connect(struct sim_nat_story *s);
/** Lets time go on until both see the other in this state; returns false if that takes longer than
 *  `span`. */
bool sim_nat_story_both_become(struct sim_nat_story *s, enum peer_state state, instant span);
/** Bob calls alice's echo with so many bytes. */
void sim_nat_story_call(struct sim_nat_story *s, uint64_t bytes);
/** The call comes to a good end within `span`. */
void sim_nat_story_call_ends_well(struct sim_nat_story *s, instant span);
void sim_nat_story_wait(struct sim_nat_story *s, instant span);
