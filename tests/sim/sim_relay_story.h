/**
 * The stage for relays: alice shares an echo and is reached through `home` and `spare`, which relay
 * for anybody; bob knows her by id and by home's address; nothing passes between the two of them
 * directly. Mallory has a host and an identity, and is not started.
 */
#pragma once

#include "tests/sim/sim_gateway.h"
#include "tests/sim/sim_program.h"

/* Each way of each host: 20 ms there and back between two of them. */
#define SIM_RELAY_LINE MSEC(5)

struct sim_relay_story {
    struct sim_world world;
    struct sim_gateway alice, bob, mallory;
    struct sim_gateway home, spare; /* home.example is 203.0.113.4, spare.example 203.0.113.5 */
    struct sim_echo echo;           /* alice's, shared as `echo` on port 7, TCP and UDP */
    struct sim_caller caller;       /* bob's */
    bool together;                  /* alice and bob do reach one another */
    struct addr watched;            /* whose packets are counted; none at first */
    unsigned at_watched;            /* packets to that IP address */
    uint64_t of_alice;              /* bytes that she has sent */
};

/** cmocka set-up and tear-down; the state is a struct sim_relay_story with all but mallory
 *  running. */
int sim_relay_story_begin(void **state);
int sim_relay_story_end(void **state);
#define SIM_RELAY_STORY(test)                                                                      \
    cmocka_unit_test_setup_teardown(test, sim_relay_story_begin, sim_relay_story_end)

/** Is this an address of that host? */
bool sim_relay_is_at(const struct sim_gateway *g, const struct addr *a);
/** PEER_ID@HOST:PORT; good until the next call. */
const char *sim_relay_text(const struct sim_gateway *relay, const char *host);
/** As `overlay peer add --relay`, in place `at` of those that a peer may have. */
void sim_relay_knows(struct sim_gateway *g, const struct sim_gateway *other, unsigned at,
                     const struct sim_gateway *relay, const char *host);
void sim_relay_restart(struct sim_gateway *g);

/** Lets time go on. */
void sim_relay_story_wait(struct sim_relay_story *s, instant span);
/** Alice registers at the relays, and bob connects to her. */
void sim_relay_story_connect(struct sim_relay_story *s);
/** Bob does not reach alice, and `words` are among the reasons that he is given. */
void sim_relay_story_fails(struct sim_relay_story *s, const char *words);
/** Bob calls alice's echo with so many bytes. */
void sim_relay_story_call(struct sim_relay_story *s, uint64_t bytes);
/** The call comes to a good end within `span`. */
void sim_relay_story_call_ends_well(struct sim_relay_story *s, instant span);
