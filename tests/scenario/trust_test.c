/* Who may: strangers, the blocked, the denied, and who answers under a wrong name. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_story.h"

static void expect_refusal(struct sim_story *s, struct sim_gateway *g, int err, instant within)
{
    sim_gateway_connect(g, &s->alice);
    assert_true(sim_world_run(&s->world, within, sim_gateway_connected, g));
    assert_int_equal(g->wait_err, err);
}

static void make_private(struct sim_story *s)
{
    registry_service(s->alice.registry, "echo")->public = false;
    node_registry_changed(s->alice.node);
}

static void says_peer_id_mismatch_and_sends_nothing(void **state)
{
    struct sim_story *s = *state;
    sim_gateway_start(&s->mallory);
    registry_peer_by_alias(s->bob.registry, "alice")->address[0] =
        (struct addr){.v4 = {.sin_family = AF_INET}};
    assert_int_equal(addr_parse(&registry_peer_by_alias(s->bob.registry, "alice")->address[0],
                                "203.0.113.3:4433"),
                     0);
    sim_gateway_knows(&s->mallory, &s->bob, "bob", NULL);
    expect_refusal(s, &s->bob, -EACCES, SEC(10));
    assert_non_null(strstr(s->bob.wait_why, "peer id mismatch"));
    assert_int_equal(sim_gateway_view(&s->mallory, &s->bob).state, PEER_IDLE);
    assert_int_equal(sim_gateway_view(&s->mallory, &s->bob).streams, 0);
}

static void names_what_it_tried_when_nobody_answers(void **state)
{
    struct sim_story *s = *state;
    s->alice.host.up.down = true;
    instant start = s->world.now;
    sim_gateway_connect(&s->bob, &s->alice);
    assert_true(sim_world_run(&s->world, SEC(11), sim_gateway_connected, &s->bob));
    assert_true(s->bob.wait_err == -ETIMEDOUT || s->bob.wait_err == -EHOSTUNREACH);
    assert_non_null(strstr(s->bob.wait_why, "192.0.2.1:4433"));
    assert_true(s->world.now - start <= SEC(10));
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_UNREACHABLE);
}

static void refuses_a_stranger_when_nothing_is_public(void **state)
{
    struct sim_story *s = *state;
    make_private(s);
    expect_refusal(s, &s->bob, -EACCES, SEC(10));
}

static void refuses_the_blocked_and_ends_their_sessions_at_once(void **state)
{
    struct sim_story *s = *state;
    sim_story_line(s, MSEC(40), 0);
    sim_story_call(s, 50 << 20);
    sim_story_wait(s, SEC(1));
    assert_false(sim_caller_over(&s->caller));
    assert_int_equal(registry_block(s->alice.registry, &s->bob.keys.id, true), 0);
    node_registry_changed(s->alice.node);
    assert_true(sim_world_run(&s->world, MSEC(200), sim_caller_over, &s->caller));
    assert_int_equal(s->caller.error, -ECONNRESET);
    assert_int_equal(sim_gateway_view(&s->alice, &s->bob).state, PEER_BLOCKED);
    expect_refusal(s, &s->bob, -EACCES, SEC(10));

    assert_int_equal(registry_block(s->alice.registry, &s->bob.keys.id, false), 0);
    node_registry_changed(s->alice.node);
    sim_caller_deinit(&s->caller);
    sim_story_wait(s, SEC(30));
    sim_story_call(s, 1000);
    sim_story_call_ends_well(s, SEC(10));
}

static void does_not_dial_whom_we_blocked(void **state)
{
    struct sim_story *s = *state;
    assert_int_equal(registry_block(s->bob.registry, &s->alice.keys.id, true), 0);
    node_registry_changed(s->bob.node);
    uint64_t sent = s->bob.host.sent;
    expect_refusal(s, &s->bob, -EACCES, SEC(10));
    sim_story_wait(s, SEC(10));
    assert_int_equal(s->bob.host.sent, sent);
}

static void looks_the_same_to_a_stranger_whatever_it_asks(void **state)
{
    struct sim_story *s = *state;
    struct peer_view view;
    make_private(s);
    sim_gateway_start(&s->mallory);
    sim_gateway_knows(&s->mallory, &s->alice, "alice", ALICE_ADDRESS);
    expect_refusal(s, &s->mallory, -EACCES, SEC(10));
    view = sim_gateway_view(&s->mallory, &s->alice);
    assert_int_equal(view.service_count, 0);
    assert_null(strstr(s->mallory.wait_why, "echo"));
    /* Blocked, it hears the same. */
    char why[256];
    strcpy(why, s->mallory.wait_why);
    assert_int_equal(registry_block(s->alice.registry, &s->mallory.keys.id, true), 0);
    node_registry_changed(s->alice.node);
    sim_story_wait(s, SEC(60));
    expect_refusal(s, &s->mallory, -EACCES, SEC(10));
    assert_string_equal(s->mallory.wait_why, why);
}

static void ends_streams_of_a_peer_that_is_denied(void **state)
{
    struct sim_story *s = *state;
    make_private(s);
    assert_int_equal(registry_allow(s->alice.registry, "echo", &s->bob.keys.id), 0);
    node_registry_changed(s->alice.node);
    sim_story_line(s, MSEC(40), 0);
    sim_story_call(s, 50 << 20);
    sim_story_wait(s, SEC(1));
    assert_false(sim_caller_over(&s->caller));
    assert_int_equal(registry_deny(s->alice.registry, "echo", &s->bob.keys.id), 0);
    node_registry_changed(s->alice.node);
    assert_true(sim_world_run(&s->world, SEC(1), sim_caller_over, &s->caller));
    assert_int_equal(s->caller.error, -ECONNRESET);
    assert_int_equal(s->echo.open, 0);
}

static void has_nothing_to_do_with_another_network(void **state)
{
    struct sim_story *s = *state;
    sim_gateway_stop(&s->bob);
    strcpy(s->bob.options.network, "another"); /* NOLINT: fits */
    sim_gateway_start(&s->bob);
    expect_refusal(s, &s->bob, -EACCES, SEC(10));
    assert_non_null(strstr(s->bob.wait_why, "another network"));
    sim_story_wait(s, SEC(10));
    assert_int_equal(sim_gateway_view(&s->alice, &s->bob).state, PEER_IDLE);
    /* Nor was anything of the session believed. */
    assert_false(sim_gateway_view(&s->alice, &s->bob).services_known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_STORY(says_peer_id_mismatch_and_sends_nothing),
        SIM_STORY(names_what_it_tried_when_nobody_answers),
        SIM_STORY(refuses_a_stranger_when_nothing_is_public),
        SIM_STORY(refuses_the_blocked_and_ends_their_sessions_at_once),
        SIM_STORY(does_not_dial_whom_we_blocked),
        SIM_STORY(looks_the_same_to_a_stranger_whatever_it_asks),
        SIM_STORY(ends_streams_of_a_peer_that_is_denied),
        SIM_STORY(has_nothing_to_do_with_another_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
