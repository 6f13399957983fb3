/* Gateways that are nearer to one another than their public addresses say, or have more than one
 * router in between: same LAN, hairpin, double NAT. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_nat_story.h"

static struct sim_nat_story story;

static struct sim_nat_story *begin(const char *alice_home, const char *bob_home)
{
    memset(&story, 0, sizeof(story));
    story.both_use = story.has_spare = true;
    sim_nat_story_begin(&story, alice_home, bob_home);
    return &story;
}

static int end(void **state)
{
    (void)state;
    sim_nat_story_end(&story);
    return 0;
}

/* They connect, are direct in time, and 1 MB comes back. Returns where bob sends to. */
static struct addr becomes_direct(struct sim_nat_story *s, instant within)
{
    sim_nat_story_start(s);
    sim_nat_story_wait(s, SEC(3));
    sim_nat_story_connect(s);
    if (!sim_nat_story_both_become(s, PEER_DIRECT, within))
        fail_msg("not direct: %s", sim_gateway_view(&s->bob, &s->alice).why_not_direct);
    sim_nat_story_call(s, 1000000);
    sim_nat_story_call_ends_well(s, SEC(10));
    return sim_gateway_view(&s->bob, &s->alice).path.remote;
}

static bool is_in_the_lan(const struct addr *a)
{
    struct addr lan;
    assert_int_equal(addr_parse_ip(&lan, "192.168.1.0", 0), 0);
    const struct addr_prefix net = {.addr = lan, .bits = 24};
    return addr_prefix_contains(&net, a);
}

static void stays_in_the_lan(const char *router)
{
    struct sim_nat_story *s = begin(router, NULL);
    const struct addr remote = becomes_direct(s, SEC(2));
    assert_true(is_in_the_lan(&remote));
}

static void on_one_lan_packets_stay_there_whatever_the_router_does(void **state)
{
    static const char *const ROUTER[] = {"full_cone", "port_restricted", "sym_random"};
    for (size_t i = 0; i < sizeof(ROUTER) / sizeof(ROUTER[0]); i++) {
        stays_in_the_lan(ROUTER[i]);
        if (i + 1 < sizeof(ROUTER) / sizeof(ROUTER[0]))
            (void)end(state);
    }
}

/* ---- one router before both homes ---- */

static struct sim_router carrier;

static struct sim_nat_story *begin_behind_one_carrier(enum nat_hairpin hairpin)
{
    static const char *const INSIDE[] = {"100.64.0.2", "100.64.0.3"};
    const struct nat_config rules = {.mapping = NAT_MAP_EI,
                                     .filter = NAT_FILTER_APD,
                                     .ports = NAT_PORTS_RANDOM,
                                     .hairpin = hairpin};
    struct sim_nat_story *s = begin("port_restricted", "port_restricted");
    sim_router_init(&carrier, &s->world, 50, INTERNET, "203.0.113.50", &rules);
    for (size_t i = 0; i < 2; i++) {
        s->homes[i].router[0].outside = 50;
        assert_int_equal(addr_parse_ip(&s->homes[i].router[0].nat.public, INSIDE[i], 0), 0);
    }
    return s;
}

static int end_behind_one_carrier(void **state)
{
    sim_gateway_stop(&story.bob);
    sim_gateway_stop(&story.alice);
    sim_router_deinit(&carrier);
    return end(state);
}

static void behind_one_carrier_they_meet_at_its_public_address(void **state)
{
    struct addr public;
    (void)state;
    const struct addr remote =
        becomes_direct(begin_behind_one_carrier(NAT_HAIRPIN_EXTERNAL), SEC(2));
    assert_int_equal(addr_parse_ip(&public, "203.0.113.50", 0), 0);
    assert_true(addr_same_ip(&remote, &public));
}

static void where_it_does_not_turn_packets_round_they_stay_on_the_relay_and_it_works(void **state)
{
    (void)state;
    struct sim_nat_story *s = begin_behind_one_carrier(NAT_HAIRPIN_OFF);
    sim_nat_story_start(s);
    sim_nat_story_wait(s, SEC(3));
    sim_nat_story_connect(s);
    sim_nat_story_call(s, 1000000);
    sim_nat_story_call_ends_well(s, SEC(10));
    sim_nat_story_wait(s, SEC(30));
    const struct peer_view view = sim_gateway_view(&s->bob, &s->alice);
    assert_int_equal(view.state, PEER_RELAYED);
    assert_non_null(view.why_not_direct);
    print_message("%s\n", view.why_not_direct);
}

/* ---- */

static void two_routers_on_either_side_are_no_more_than_one(void **state)
{
    (void)state;
    (void)becomes_direct(begin("cgnat", "cgnat"), SEC(2));
}

static void two_routers_on_one_side_and_a_symmetric_one_on_the_other_take_a_search(void **state)
{
    (void)state;
    (void)becomes_direct(begin("cgnat", "sym_random"), SEC(20));
}

#define NEAR(test)    cmocka_unit_test_teardown(test, end)
#define CARRIER(test) cmocka_unit_test_teardown(test, end_behind_one_carrier)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NEAR(on_one_lan_packets_stay_there_whatever_the_router_does),
        CARRIER(behind_one_carrier_they_meet_at_its_public_address),
        CARRIER(where_it_does_not_turn_packets_round_they_stay_on_the_relay_and_it_works),
        NEAR(two_routers_on_either_side_are_no_more_than_one),
        NEAR(two_routers_on_one_side_and_a_symmetric_one_on_the_other_take_a_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
