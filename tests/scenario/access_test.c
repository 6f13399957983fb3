/* [gateway] allow_from and block_from: who may talk to us, by address. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_relay_story.h"
#include "tests/sim/sim_story.h"

static void lists(struct sim_gateway *g, const char *allow, const char *block)
{
    struct addr_prefix named[2];
    struct access_lists l = {.allow = &named[0], .block = &named[1]};

    l.allow_count = allow && addr_prefix_parse(&named[0], allow) == 0;
    l.block_count = block && addr_prefix_parse(&named[1], block) == 0;
    assert_int_equal(l.allow_count + l.block_count, (allow != NULL) + (block != NULL));
    assert_int_equal(node_set_access(g->node, &l), 0);
}

static void connecting_fails(struct sim_gateway *g, const struct sim_gateway *other)
{
    sim_gateway_connect(g, other);
    assert_true(sim_world_run(g->host.world, SEC(11), sim_gateway_connected, g));
    assert_int_not_equal(g->wait_err, 0);
}

static void a_blocked_address_gets_no_answer_at_all(void **state)
{
    struct sim_story *s = *state;
    uint64_t sent;
    lists(&s->alice, NULL, "198.51.100.0/24");
    sim_story_wait(s, SEC(1));
    sent = s->alice.host.sent;
    connecting_fails(&s->bob, &s->alice);
    assert_int_equal(s->alice.host.sent, sent);
    assert_int_equal(sim_gateway_view(&s->alice, &s->bob).state, PEER_IDLE);
}

static void an_address_that_may_not_come_is_not_dialled(void **state)
{
    struct sim_story *s = *state;
    lists(&s->bob, NULL, "192.0.2.1");
    sim_story_wait(s, SEC(1));
    uint64_t sent = s->bob.host.sent;
    connecting_fails(&s->bob, &s->alice);
    assert_int_equal(s->bob.wait_err, -EACCES);
    assert_non_null(strstr(s->bob.wait_why, "192.0.2.1:4433: this address is not let in here"));
    assert_int_equal(s->bob.host.sent, sent);
}

static void a_list_that_is_read_again_ends_live_sessions_at_once(void **state)
{
    struct sim_story *s = *state;
    sim_story_line(s, MSEC(40), 0);
    sim_story_call(s, 50 << 20);
    sim_story_wait(s, SEC(1));
    assert_false(sim_caller_over(&s->caller));
    lists(&s->alice, NULL, "198.51.100.2");
    assert_true(sim_world_run(&s->world, MSEC(200), sim_caller_over, &s->caller));
    assert_int_equal(s->caller.error, -ECONNRESET);
    assert_int_not_equal(sim_gateway_view(&s->alice, &s->bob).state, PEER_DIRECT);
    sim_caller_deinit(&s->caller);
    lists(&s->alice, NULL, NULL);
    sim_story_wait(s, SEC(30));
    sim_story_call(s, 1000);
    sim_story_call_ends_well(s, SEC(10));
}

static void a_command_blocks_addresses_of_live_sessions_too(void **state)
{
    struct sim_story *s = *state;
    struct addr_prefix which;
    assert_int_equal(addr_prefix_parse(&which, "198.51.100.0/24"), 0);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    assert_int_equal(registry_block_addresses(s->alice.registry, &which, true), 0);
    node_registry_changed(s->alice.node);
    sim_story_wait(s, SEC(1));
    assert_int_not_equal(sim_gateway_view(&s->alice, &s->bob).state, PEER_DIRECT);
    connecting_fails(&s->bob, &s->alice);
    assert_int_equal(registry_save(s->alice.registry), 0);
    sim_gateway_stop(&s->alice);
    sim_gateway_start(&s->alice); /* it is kept */
    sim_story_wait(s, SEC(40));
    connecting_fails(&s->bob, &s->alice);
}

static void other_sessions_do_not_notice(void **state)
{
    struct sim_story *s = *state;
    sim_story_line(s, MSEC(40), 0);
    sim_story_call(s, 1 << 20);
    sim_story_wait(s, MSEC(200));
    lists(&s->alice, "198.51.100.0/24", "203.0.113.0/24");
    sim_story_call_ends_well(s, SEC(20));
}

static void with_an_allow_list_others_stay_outside(void **state)
{
    struct sim_story *s = *state;
    lists(&s->alice, "198.51.100.0/24", NULL);
    sim_gateway_start(&s->mallory);
    sim_gateway_knows(&s->mallory, &s->alice, "alice", ALICE_ADDRESS);
    connecting_fails(&s->mallory, &s->alice);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
}

/* Through a relay a peer has the relay's address. */
static void a_peer_behind_a_relay_is_let_in_with_the_relay(void **state)
{
    struct sim_relay_story *s = *state;
    lists(&s->alice, NULL, "198.51.100.0/24"); /* bob's */
    sim_relay_story_connect(s);
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_RELAYED);
    lists(&s->alice, NULL, "203.0.113.0/24"); /* the relays' */
    sim_relay_story_wait(s, SEC(1));
    assert_int_not_equal(sim_gateway_view(&s->alice, &s->home).state, PEER_DIRECT);
    assert_int_not_equal(sim_gateway_view(&s->alice, &s->bob).state, PEER_RELAYED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_STORY(a_blocked_address_gets_no_answer_at_all),
        SIM_STORY(an_address_that_may_not_come_is_not_dialled),
        SIM_STORY(a_list_that_is_read_again_ends_live_sessions_at_once),
        SIM_STORY(a_command_blocks_addresses_of_live_sessions_too),
        SIM_STORY(other_sessions_do_not_notice),
        SIM_STORY(with_an_allow_list_others_stay_outside),
        SIM_RELAY_STORY(a_peer_behind_a_relay_is_let_in_with_the_relay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
