/* Sessions begin over a relay and go direct, through NATs, while they are used. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/members.h"
#include "tests/sim/sim_nat_story.h"

static struct sim_nat_story story;

static struct sim_nat_story *begin(const char *alice_home, const char *bob_home)
{
    memset(&story, 0, sizeof(story));
    sim_nat_story_begin(&story, alice_home, bob_home);
    return &story;
}

static struct sim_nat_story *begin_relayed(const char *alice_home, const char *bob_home)
{
    struct sim_nat_story *s = begin(alice_home, bob_home);
    sim_nat_story_start(s);
    sim_nat_story_connect(s);
    return s;
}

static int end(void **state)
{
    (void)state;
    sim_nat_story_end(&story);
    return 0;
}

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static void goes_direct_within_half_a_second_of_connecting(void **state)
{
    (void)state;
    struct sim_nat_story *s = begin_relayed("port_restricted", "port_restricted");
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_RELAYED);
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, MSEC(500)));
    assert_null(sim_gateway_view(&s->bob, &s->alice).why_not_direct);
    sim_nat_story_call(s, 100000);
    sim_nat_story_call_ends_well(s, SEC(10));
}

static void an_idle_session_is_direct_again_soon_after_it_is_used(void **state)
{
    (void)state;
    struct sim_nat_story *s = begin_relayed("port_restricted", "port_restricted");
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, MSEC(500)));
    sim_nat_story_wait(s, SEC(1800));
    sim_nat_story_call(s, 1000);
    sim_nat_story_call_ends_well(s, SEC(1));
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(2)));
}

static void the_dialled_side_may_be_the_one_without_a_nat(void **state)
{
    (void)state;
    struct sim_nat_story *s = begin_relayed("public", "sym_random");
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(2)));
}

static void the_dialling_side_may_be_the_one_without_a_nat(void **state)
{
    (void)state;
    struct sim_nat_story *s = begin_relayed("sym_random", "public");
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(2)));
}

static void routers_that_take_a_stray_packet_amiss_are_opened_first(void **state)
{
    (void)state;
    struct sim_nat_story *s = begin_relayed("poisonable", "poisonable");
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(2)));
}

static void a_call_goes_on_while_its_path_becomes_direct(void **state)
{
    const struct sim_link line = {.delay = MSEC(5), .bandwidth = 1250000, .queue = 125000};
    (void)state;
    struct sim_nat_story *s = begin("port_restricted", "address_restricted");
    sim_host_links(&s->alice.host, &line);
    sim_host_links(&s->bob.host, &line);
    s->alice.options.no_punching = true; /* not yet */
    sim_nat_story_start(s);
    sim_nat_story_connect(s);
    sim_nat_story_call(s, 8 << 20);
    sim_nat_story_wait(s, SEC(2));
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_RELAYED);
    assert_string_equal(sim_gateway_view(&s->alice, &s->bob).why_not_direct,
                        "punching is switched off ([punch] mode = off)");
    s->alice.node->options.no_punching = false;
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(31)));
    assert_false(sim_caller_over(&s->caller));
    sim_nat_story_call_ends_well(s, SEC(60));
    assert_true(s->caller.silence < SEC(2));
}

static void neighbours_find_the_short_way_through_their_lan(void **state)
{
    (void)state;
    struct sim_nat_story *s = begin_relayed("port_restricted", NULL); /* no hairpin */
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(2)));
    struct addr remote = sim_gateway_view(&s->bob, &s->alice).path.remote;
    const struct addr alice = at("192.168.1.2:4433");
    assert_true(addr_equal(&remote, &alice));
}

static void a_peer_that_does_not_want_it_is_left_alone(void **state)
{
    (void)state;
    struct sim_nat_story *s = begin("port_restricted", "port_restricted");
    s->alice.options.no_punching = true;
    sim_nat_story_start(s);
    sim_nat_story_connect(s);
    sim_nat_story_wait(s, SEC(1));
    const char *why = sim_gateway_view(&s->bob, &s->alice).why_not_direct;
    assert_string_equal(why, "punching is switched off at the peer; next try in 5 s");
}

/* ---- changes ---- */

static void is_direct_again_after_a_router_forgot_its_mappings(void **state)
{
    (void)state;
    struct sim_nat_story *s = begin_relayed("port_restricted", "port_restricted");
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(2)));
    sim_nat_story_call(s, 1000);
    s->caller.hold = true;
    sim_nat_story_wait(s, SEC(10));
    sim_router_reboot(&s->homes[1].router[0], "203.0.113.77");
    sim_caller_go(&s->caller);
    sim_nat_story_call_ends_well(s, SEC(30));
    sim_nat_story_wait(s, SEC(30));
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(60)));
}

static void is_direct_again_after_the_dialler_changed_its_network(void **state)
{
    (void)state;
    struct sim_nat_story *s = begin_relayed("port_restricted", "port_restricted");
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(2)));
    struct sim_access mobile;
    sim_access_init(&mobile, &s->world, "port_restricted", 13, "203.0.113.13");
    sim_host_roam(&s->bob.host, &s->bob.host.interface[2], 13, "10.64.0.5/24");
    node_network_changed(s->bob.node);
    sim_nat_story_call(s, 1000);
    sim_nat_story_call_ends_well(s, SEC(10));
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(30)));
    sim_nat_story_wait(s, SEC(30));
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(1)));
    sim_gateway_stop(&s->bob);
    sim_access_deinit(&mobile);
}

/* ---- a peer that lies ---- */

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(goes_direct_within_half_a_second_of_connecting),
        TEST(an_idle_session_is_direct_again_soon_after_it_is_used),
        TEST(the_dialled_side_may_be_the_one_without_a_nat),
        TEST(the_dialling_side_may_be_the_one_without_a_nat),
        TEST(routers_that_take_a_stray_packet_amiss_are_opened_first),
        TEST(a_call_goes_on_while_its_path_becomes_direct),
        TEST(neighbours_find_the_short_way_through_their_lan),
        TEST(a_peer_that_does_not_want_it_is_left_alone),
        TEST(is_direct_again_after_a_router_forgot_its_mappings),
        TEST(is_direct_again_after_the_dialler_changed_its_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
