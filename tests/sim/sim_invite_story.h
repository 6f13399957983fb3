/**
 * The stage for invites: alice shares an echo with nobody and invites to it; bob and carol, whom
 * she does not know, open the invites. They meet at a relay, on a LAN or on a small DHT.
 */
#pragma once

#include "gateway/node/invites.h"
#include "tests/sim/sim_gateway.h"
#include "tests/sim/sim_program.h"

struct sim_invite_joining {
    struct node_join join;
    struct node_joined joined;
    bool over;
    int err;
    char why[160];
};

struct sim_invite_story {
    struct sim_world world;
    struct sim_gateway alice, bob, carol, relay;
    struct sim_echo echo;
    struct sim_caller caller;
    bool apart; /* alice, bob and carol do not reach one another */
    struct sim_invite_joining joining;
    struct node_invite_watch watch;
    struct node_invite_event heard;
    unsigned joined, wrong, ended;
};

/** cmocka set-ups and tear-down; the state is a struct sim_invite_story with all running that take
 *  part. With a relay nothing passes between the others directly, until `apart` is false. */
int sim_invite_with_relay(void **state);
int sim_invite_on_lan(void **state);
int sim_invite_with_dht(void **state);
int sim_invite_end(void **state);
#define SIM_INVITE_RELAY(test)                                                                     \
    cmocka_unit_test_setup_teardown(test, sim_invite_with_relay, sim_invite_end)
#define SIM_INVITE_LAN(test)                                                                       \
    cmocka_unit_test_setup_teardown(test, sim_invite_on_lan, sim_invite_end)
#define SIM_INVITE_DHT(test)                                                                       \
    cmocka_unit_test_setup_teardown(test, sim_invite_with_dht, sim_invite_end)

/** An invite of alice's to her echo, for ten minutes. */
struct node_invite sim_invite_made(struct sim_invite_story *s, unsigned uses);
/** Opens it; the rest is in s->joining. Returns what node_join() came to. */
int sim_invite_opens_code(struct sim_invite_story *s, struct sim_gateway *g, const char *text);
int sim_invite_opens_ticket(struct sim_invite_story *s, struct sim_gateway *g, const char *text);
/** The same number, other words. */
int sim_invite_opens_wrongly(struct sim_invite_story *s, struct sim_gateway *g,
                             const struct node_invite *invite);
/** A thousand bytes go to alice's echo and come back. */
void sim_invite_echoes(struct sim_invite_story *s, struct sim_gateway *guest);
/** Does alice let it? */
bool sim_invite_may_use(struct sim_invite_story *s, const struct sim_gateway *guest);
