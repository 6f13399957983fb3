/* What peers say of their addresses on TURN servers is believed within limits. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/members.h"
#include "gateway/punch/attempt.h"
#include "gateway/wire/punch_message.h"
#include "tests/sim/sim_story.h"

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static struct peer *peer_of(const struct sim_gateway *at, const struct sim_gateway *other)
{
    struct peer *p = at->node->desk.find(at->node, &other->keys.id);
    assert_non_null(p);
    return p;
}

/* Bob tells alice so, as he would in a round. */
static void bob_says(struct sim_story *s, const char *address)
{
    uint8_t out[PUNCH_MESSAGE_MAX];
    const struct punch_message m = {
        .type = PUNCH_CANDIDATES,
        .candidate = {{.type = CANDIDATE_RELAYED, .addr = at(address)}},
        .candidates = 1,
    };
    struct peer *bob = peer_of(&s->alice, &s->bob);
    const struct message_part part = punch_message_write(&m, out);
    turn_desk_on_part(&s->alice.node->turn, bob, peer_conn(bob), &part);
}

static unsigned believed(const struct sim_story *s)
{
    return s->alice.node->turn.far.count;
}

static void begin(struct sim_story *s)
{
    sim_gateway_knows(&s->alice, &s->bob, "bob", NULL);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(2));
    sim_story_wait(s, SEC(1));
    assert_int_equal(believed(s), 0);
}

static void a_peer_may_name_two(void **state)
{
    struct sim_story *s = *state;
    begin(s);
    for (int i = 1; i <= 5; i++) {
        char address[ADDR_TEXT_MAX];
        (void)snprintf(address, sizeof(address), "203.0.113.9:%d", 49152 + i);
        bob_says(s, address);
    }
    assert_int_equal(believed(s), TURN_FAR_PER_PEER);
}

/* Each with a key of its own, which costs nothing. */
static void strangers_leave_places_to_others(void **state)
{
    struct sim_story *s = *state;
    struct turn_far *far = &s->alice.node->turn.far;
    begin(s);
    for (unsigned i = 1; i <= TURN_FAR_MAX; i++) {
        const struct peer stranger = {.id = {{0xee, (uint8_t)i}}};
        const struct addr a = addr_v4((const uint8_t[]){203, 0, 113, 9}, (uint16_t)(49152 + i));
        turn_far_add(far, &stranger, peer_conn(peer_of(&s->alice, &s->bob)), &a);
    }
    assert_int_equal(believed(s), TURN_FAR_STRANGERS);
    bob_says(s, "203.0.113.10:49152");
    assert_int_equal(believed(s), TURN_FAR_STRANGERS + 1);
}

static void where_nobody_is_sent_is_not_believed(void **state)
{
    static const char *const PLACE[] = {
        "127.0.0.1:5000", "10.0.0.1:5000", "224.0.0.1:5000",           "169.254.1.1:5000",
        "203.0.113.9:53", "[::1]:5000",    "[::ffff:203.0.113.9]:5000"};
    struct sim_story *s = *state;
    begin(s);
    for (size_t i = 0; i < sizeof(PLACE) / sizeof(PLACE[0]); i++)
        bob_says(s, PLACE[i]);
    assert_int_equal(believed(s), 0);
}

static void nobody_makes_the_path_of_another_peer_look_relayed(void **state)
{
    struct sim_story *s = *state;
    char address[ADDR_TEXT_MAX];
    begin(s);
    sim_gateway_start(&s->mallory);
    sim_gateway_knows(&s->alice, &s->mallory, "carol", NULL);
    sim_gateway_knows(&s->mallory, &s->alice, "alice", ALICE_ADDRESS);
    sim_gateway_must_connect(&s->mallory, &s->alice, SEC(2));
    const struct peer_view view = sim_gateway_view(&s->alice, &s->mallory);
    bob_says(s, addr_print(&view.path.remote, address));
    assert_int_equal(believed(s), 0);
}

/* Mallory's gateway is silent for now, and has told nobody where it is. */
static void who_names_the_address_of_another_does_not_keep_it_from_being_reached(void **state)
{
    struct sim_story *s = *state;
    begin(s);
    bob_says(s, "203.0.113.3:4433");
    assert_int_equal(believed(s), 1);
    sim_gateway_start(&s->mallory);
    sim_gateway_knows(&s->mallory, &s->alice, "alice", NULL);
    sim_gateway_knows(&s->alice, &s->mallory, "carol", "203.0.113.3:4433");
    sim_gateway_must_connect(&s->alice, &s->mallory, SEC(5));
    sim_story_wait(s, SEC(1));
    assert_int_equal(sim_gateway_view(&s->alice, &s->mallory).state, PEER_DIRECT);
}

static void what_a_peer_said_ends_with_its_session(void **state)
{
    struct sim_story *s = *state;
    begin(s);
    bob_says(s, "203.0.113.9:49152");
    assert_int_equal(believed(s), 1);
    sim_gateway_stop(&s->bob);
    sim_story_wait(s, SEC(1));
    assert_int_equal(believed(s), 0);
}

static void who_may_not_connect_is_not_heard(void **state)
{
    struct sim_story *s = *state;
    begin(s);
    assert_int_equal(registry_block(s->alice.registry, &s->bob.keys.id, true), 0);
    bob_says(s, "203.0.113.9:49152");
    assert_int_equal(believed(s), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_STORY(a_peer_may_name_two),
        SIM_STORY(strangers_leave_places_to_others),
        SIM_STORY(where_nobody_is_sent_is_not_believed),
        SIM_STORY(nobody_makes_the_path_of_another_peer_look_relayed),
        SIM_STORY(who_names_the_address_of_another_does_not_keep_it_from_being_reached),
        SIM_STORY(what_a_peer_said_ends_with_its_session),
        SIM_STORY(who_may_not_connect_is_not_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
