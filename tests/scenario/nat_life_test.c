/* What happens to a session through NATs in the long run: leases run out, machines sleep, people
 * leave the house with their telephones, routers get new addresses. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_nat_story.h"
#include "tests/sim/sim_pulse.h"

#define BOB_DEVICE 2 /* lo has two addresses */

struct life {
    struct sim_nat_story story;
    struct sim_pulse pulse; /* bob's program, which talks to alice's echo all the time */
    struct sim_access mobile[2];
    unsigned mobiles;
};

static struct life life;

static struct life *begin(const char *alice_home, const char *bob_home)
{
    struct life *l = &life;
    memset(l, 0, sizeof(*l));
    l->story.both_use = l->story.has_spare = true;
    sim_nat_story_begin(&l->story, alice_home, bob_home);
    sim_nat_story_start(&l->story);
    sim_nat_story_wait(&l->story, SEC(3));
    return l;
}

static int end(void **state)
{
    struct life *l = &life;
    (void)state;
    sim_pulse_deinit(&l->pulse);
    sim_gateway_stop(&l->story.bob);
    sim_gateway_stop(&l->story.alice);
    while (l->mobiles > 0)
        sim_access_deinit(&l->mobile[--l->mobiles]);
    sim_nat_story_end(&l->story);
    return 0;
}

static void talk(struct life *l)
{
    struct addr port = sim_gateway_opens(&l->story.bob, &l->story.alice, "echo", SERVICE_TCP);
    sim_pulse_start(&l->pulse, &l->story.bob.host.env, &port);
}

static void wait_for(struct life *l, instant span)
{
    sim_nat_story_wait(&l->story, span);
}

static void become_direct(struct life *l, instant within)
{
    if (!sim_nat_story_both_become(&l->story, PEER_DIRECT, within))
        fail_msg("not direct: %s", sim_gateway_view(&l->story.bob, &l->story.alice).why_not_direct);
}

static void talk_directly(struct life *l)
{
    talk(l);
    become_direct(l, SEC(20));
    sim_pulse_measure(&l->pulse);
}

static void expect_silence_below(struct life *l, instant limit)
{
    instant silence = sim_pulse_silence(&l->pulse);
    print_message("quiet for %u ms\n", (unsigned)(silence / MSEC(1)));
    assert_true(sim_pulse_is_well(&l->pulse));
    assert_in_range(silence, 0, limit);
}

static struct nat_config *rules_of(struct life *l, size_t home)
{
    return &l->story.homes[home].router[0].nat.config;
}

/* ---- leases ---- */

/* A held call that says nothing for a while, and then all at once. */
static void hold_a_call(struct life *l, instant idle)
{
    struct sim_caller *c = &l->story.caller;
    sim_nat_story_call(&l->story, 200000);
    c->hold = true;
    become_direct(l, SEC(20));
    wait_for(l, idle);
    c->heard = l->story.world.now;
    sim_caller_go(c);
    sim_nat_story_call_ends_well(&l->story, SEC(30));
    print_message("the first byte took %u ms\n", (unsigned)(c->silence / MSEC(1)));
}

static void a_short_call_of(struct life *l, uint64_t bytes)
{
    sim_caller_deinit(&l->story.caller);
    sim_nat_story_call(&l->story, bytes);
    sim_nat_story_call_ends_well(&l->story, SEC(10));
    sim_caller_deinit(&l->story.caller);
}

static void
a_nat_that_forgets_after_30_s_does_not_forget_a_session_idle_for_ten_minutes(void **state)
{
    (void)state;
    struct life *l = begin("port_restricted", "port_restricted");
    for (size_t i = 0; i < 2; i++)
        rules_of(l, i)->stream = rules_of(l, i)->unreplied = SEC(30);
    hold_a_call(l, SEC(600));
    assert_in_range(l->story.caller.silence, 0, SEC(1));
}

static void a_nat_that_is_kept_by_what_goes_out_alone_keeps_it_too(void **state)
{
    (void)state;
    struct life *l = begin("port_restricted", "port_restricted");
    for (size_t i = 0; i < 2; i++) {
        rules_of(l, i)->stream = rules_of(l, i)->unreplied = SEC(30);
        rules_of(l, i)->keeps_on_out_only = true;
    }
    hold_a_call(l, SEC(600));
    assert_in_range(l->story.caller.silence, 0, SEC(1));
}

static void a_lease_too_short_to_keep_costs_seconds_and_no_stream(void **state)
{
    (void)state;
    struct life *l = begin("port_restricted", "port_restricted");
    rules_of(l, 0)->stream = rules_of(l, 0)->unreplied = SEC(8);
    hold_a_call(l, SEC(120));
    assert_in_range(l->story.caller.silence, 0, SEC(7));
}

static void an_idle_day_through_nats_ends_with_a_call_that_begins_at_once(void **state)
{
    (void)state;
    struct life *l = begin("port_restricted", "sym_seq");
    a_short_call_of(l, 1000);
    wait_for(l, SEC(86400));
    instant began = l->story.world.now;
    a_short_call_of(l, 1000);
    assert_in_range(l->story.world.now - began, 0, SEC(2));
}

/* ---- sleep ---- */

static void sleep_for(struct life *l, struct sim_gateway *g, instant span)
{
    sim_host_sleep(&g->host);
    wait_for(l, span);
    sim_host_wake(&g->host);
    node_slept(g->node, span);
}

static void a_nap_of_20_s_costs_no_stream(void **state)
{
    (void)state;
    struct life *l = begin("port_restricted", "port_restricted");
    talk_directly(l);
    sleep_for(l, &l->story.bob, SEC(20));
    sim_pulse_measure(&l->pulse);
    wait_for(l, SEC(10));
    expect_silence_below(l, SEC(2));
    become_direct(l, SEC(30));
}

static void who_wakes_after_a_night_calls_at_once(void **state)
{
    (void)state;
    struct life *l = begin("port_restricted", "port_restricted");
    talk_directly(l);
    sleep_for(l, &l->story.bob, SEC(8 * 3600));
    sim_pulse_deinit(&l->pulse);
    wait_for(l, SEC(2)); /* the lid is open, and a person looks for the mouse */
    talk(l);
    assert_true(sim_world_run(&l->story.world, SEC(3), sim_pulse_answered, &l->pulse));
    assert_true(sim_pulse_is_well(&l->pulse));
    become_direct(l, SEC(30));
}

static void who_wakes_after_a_night_is_reached_within_seconds(void **state)
{
    (void)state;
    struct life *l = begin("port_restricted", "port_restricted");
    talk_directly(l);
    sleep_for(l, &l->story.alice, SEC(8 * 3600));
    sim_pulse_deinit(&l->pulse);
    wait_for(l, SEC(5));
    talk(l);
    assert_true(sim_world_run(&l->story.world, SEC(5), sim_pulse_answered, &l->pulse));
    assert_true(sim_pulse_is_well(&l->pulse));
    become_direct(l, SEC(30));
}

/* ---- other networks ---- */

/* From Wi-Fi to mobile, as netlink tells it. */
static void goes_mobile(struct life *l, struct sim_gateway *g, const char *preset,
                        const char *public)
{
    struct sim_access *a = &l->mobile[l->mobiles];
    unsigned network = 100 + l->mobiles++;
    sim_access_init(a, &l->story.world, preset, network, public);
    sim_host_roam(&g->host, &g->host.interface[BOB_DEVICE], network, "10.64.0.5/24");
    node_network_changed(g->node);
}

static void a_stream_survives_the_way_from_wifi_to_mobile_of_the_dialler(void **state)
{
    (void)state;
    struct life *l = begin("port_restricted", "port_restricted");
    talk_directly(l);
    goes_mobile(l, &l->story.bob, "port_restricted", "203.0.113.40");
    wait_for(l, SEC(10));
    expect_silence_below(l, SEC(2));
    become_direct(l, SEC(30));
}

static void and_of_the_one_who_was_dialled(void **state)
{
    (void)state;
    struct life *l = begin("port_restricted", "port_restricted");
    talk_directly(l);
    goes_mobile(l, &l->story.alice, "port_restricted", "203.0.113.41");
    wait_for(l, SEC(10));
    expect_silence_below(l, SEC(2));
    become_direct(l, SEC(30));
}

static void and_of_both_at_once(void **state)
{
    (void)state;
    struct life *l = begin("port_restricted", "port_restricted");
    talk_directly(l);
    goes_mobile(l, &l->story.alice, "cgnat", "203.0.113.41");
    goes_mobile(l, &l->story.bob, "address_restricted", "203.0.113.40");
    wait_for(l, SEC(10));
    expect_silence_below(l, SEC(2));
    become_direct(l, SEC(30));
}

static void behind_a_symmetric_nat_it_goes_on_over_the_relay_until_a_port_is_found(void **state)
{
    (void)state;
    struct life *l = begin("port_restricted", "port_restricted");
    talk_directly(l);
    goes_mobile(l, &l->story.bob, "sym_random", "203.0.113.40");
    wait_for(l, SEC(10));
    expect_silence_below(l, SEC(2));
    become_direct(l, SEC(60));
    expect_silence_below(l, SEC(2));
}

static void a_network_where_udp_is_blocked_is_no_end_of_the_gateway(void **state)
{
    (void)state;
    struct life *l = begin("port_restricted", "port_restricted");
    talk_directly(l);
    rules_of(l, 1)->udp_blocked = true;
    wait_for(l, SEC(60));
    rules_of(l, 1)->udp_blocked = false;
    sim_pulse_deinit(&l->pulse);
    wait_for(l, SEC(30));
    talk(l);
    assert_true(sim_world_run(&l->story.world, SEC(5), sim_pulse_answered, &l->pulse));
    become_direct(l, SEC(30));
}

static void a_router_with_a_new_address_is_noticed_without_being_told(void **state)
{
    (void)state;
    struct life *l = begin("port_restricted", "port_restricted");
    talk_directly(l);
    sim_router_reboot(&l->story.homes[1].router[0], "203.0.113.77");
    wait_for(l, SEC(20));
    expect_silence_below(l, SEC(8));
    become_direct(l, SEC(60));
}

#define LIFE(test) cmocka_unit_test_teardown(test, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIFE(a_nat_that_forgets_after_30_s_does_not_forget_a_session_idle_for_ten_minutes),
        LIFE(a_nat_that_is_kept_by_what_goes_out_alone_keeps_it_too),
        LIFE(a_lease_too_short_to_keep_costs_seconds_and_no_stream),
        LIFE(an_idle_day_through_nats_ends_with_a_call_that_begins_at_once),
        LIFE(a_nap_of_20_s_costs_no_stream),
        LIFE(who_wakes_after_a_night_calls_at_once),
        LIFE(who_wakes_after_a_night_is_reached_within_seconds),
        LIFE(a_stream_survives_the_way_from_wifi_to_mobile_of_the_dialler),
        LIFE(and_of_the_one_who_was_dialled),
        LIFE(and_of_both_at_once),
        LIFE(behind_a_symmetric_nat_it_goes_on_over_the_relay_until_a_port_is_found),
        LIFE(a_network_where_udp_is_blocked_is_no_end_of_the_gateway),
        LIFE(a_router_with_a_new_address_is_noticed_without_being_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
