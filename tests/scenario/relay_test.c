/* Two gateways that cannot reach one another, and relays that both can reach. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/members.h"
#include "tests/sim/sim_nat_story.h"
#include "tests/sim/sim_relay_story.h"

#define RELAY_RTT MSEC(40) /* alice and bob, there and back through a relay */

static void begins_a_long_call(struct sim_relay_story *s)
{
    const struct sim_link line = {.delay = SIM_RELAY_LINE, .bandwidth = 1250000, .queue = 125000};
    sim_host_links(&s->alice.host, &line);
    sim_host_links(&s->bob.host, &line);
    sim_relay_story_call(s, 10 << 20);
    sim_relay_story_wait(s, SEC(2));
    assert_false(sim_caller_over(&s->caller));
    assert_true(s->caller.received > 0);
}

/* The relay that bob's session goes through now, by the last byte of its address. */
static unsigned relay_in_use(struct sim_relay_story *s)
{
    struct peer_view view = sim_gateway_view(&s->bob, &s->alice);
    size_t len;
    assert_int_equal(view.state, PEER_RELAYED);
    assert_string_equal(view.path.kind, "relay");
    assert_int_equal(addr_port(&view.path.remote), SIM_GATEWAY_PORT);
    return addr_ip(&view.path.remote, &len)[3];
}

static struct sim_gateway *gateway_in_use(struct sim_relay_story *s)
{
    return relay_in_use(s) == 4 ? &s->home : &s->spare;
}

/* ---- the sentences ---- */

static void two_that_cannot_reach_one_another_meet_at_a_relay(void **state)
{
    struct sim_relay_story *s = *state;
    sim_relay_story_connect(s);
    sim_relay_story_call(s, 1 << 20);
    sim_relay_story_call_ends_well(s, SEC(30));
    assert_int_equal(relay_in_use(s), 4);
    assert_int_equal(sim_gateway_view(&s->alice, &s->bob).state, PEER_RELAYED);
    assert_non_null(sim_gateway_view(&s->bob, &s->alice).why_not_direct);
}

static void once_the_relay_is_known_it_takes_two_round_trips(void **state)
{
    struct sim_relay_story *s = *state;
    sim_gateway_knows(&s->bob, &s->home, "home", "203.0.113.4:4433");
    sim_gateway_must_connect(&s->bob, &s->home, SEC(2));
    sim_relay_story_wait(s, SEC(2));
    instant begun = s->world.now;
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(2));
    assert_true(s->world.now - begun <= 2 * RELAY_RTT + MSEC(1));
}

static void datagrams_pass_too(void **state)
{
    struct sim_relay_story *s = *state;
    sim_relay_story_connect(s);
    s->together = false;
    sim_relay_story_call(s, 1000);
    sim_relay_story_call_ends_well(s, SEC(5));
    assert_int_equal(s->echo.accepted, 1);
    assert_true(sim_gateway_view(&s->alice, &s->bob).rx_bytes > 1000);
}

static void a_peer_tells_its_relays_and_they_are_remembered(void **state)
{
    struct sim_relay_story *s = *state;
    sim_relay_story_connect(s);
    sim_relay_story_wait(s, SEC(1));
    const struct known_peer *p = registry_peer(s->bob.registry, &s->alice.keys.id);
    assert_string_equal(p->its_relay[0], sim_relay_text(&s->home, "home.example"));
    assert_string_equal(p->its_relay[1], sim_relay_text(&s->spare, "spare.example"));
    sim_gateway_stop(&s->bob);
    registry_free(s->bob.registry);
    char why[256];
    assert_int_equal(registry_open(&s->bob.registry, &s->bob.host.env, why, sizeof(why)), 0);
    memset(registry_peer(s->bob.registry, &s->alice.keys.id)->relay, 0,
           sizeof(p->relay)); /* what a person said is forgotten */
    sim_gateway_start(&s->bob);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_RELAYED);
}

static void a_call_survives_the_death_of_its_relay(void **state)
{
    struct sim_relay_story *s = *state;
    sim_relay_story_connect(s);
    sim_relay_story_wait(s, SEC(10)); /* the spare is known by now */
    begins_a_long_call(s);
    unsigned before = relay_in_use(s);
    sim_gateway_crash(gateway_in_use(s));
    sim_relay_story_call_ends_well(s, SEC(120));
    assert_int_equal(relay_in_use(s), before ^ 1);
    assert_in_range(s->caller.silence, MSEC(10), SEC(5));
}

static void a_call_survives_the_end_of_its_relay_and_hardly_notices(void **state)
{
    struct sim_relay_story *s = *state;
    sim_relay_story_connect(s);
    sim_relay_story_wait(s, SEC(10));
    begins_a_long_call(s);
    sim_gateway_stop(gateway_in_use(s));
    sim_relay_story_call_ends_well(s, SEC(120));
    assert_in_range(s->caller.silence, 0, SEC(2));
}

static void a_relay_that_is_back_is_used_again(void **state)
{
    struct sim_relay_story *s = *state;
    sim_relay_story_connect(s);
    sim_relay_story_wait(s, SEC(10));
    begins_a_long_call(s);
    struct sim_gateway *first = gateway_in_use(s);
    sim_gateway_crash(first);
    sim_relay_story_wait(s, SEC(20));
    sim_gateway_start(first);
    sim_relay_story_wait(s, SEC(80)); /* the pause between two tries is one minute at most */
    struct sim_gateway *second = gateway_in_use(s);
    assert_ptr_not_equal(first, second);
    sim_relay_story_call_ends_well(s, SEC(120));
    sim_caller_deinit(&s->caller);
    begins_a_long_call(s);
    sim_gateway_crash(second);
    sim_relay_story_call_ends_well(s, SEC(120));
    assert_in_range(s->caller.silence, MSEC(10), SEC(5));
    assert_ptr_equal(gateway_in_use(s), first);
}

static void a_relay_that_restarts_alone_is_no_end_either(void **state)
{
    struct sim_relay_story *s = *state;
    sim_gateway_stop(&s->spare);
    sim_relay_story_connect(s);
    begins_a_long_call(s);
    sim_relay_restart(&s->home);
    sim_relay_story_call_ends_well(s, SEC(120));
    assert_in_range(s->caller.silence, 0, SEC(15));
}

static void who_was_called_may_restart(void **state)
{
    struct sim_relay_story *s = *state;
    sim_relay_story_connect(s);
    sim_gateway_crash(&s->alice);
    sim_relay_story_wait(s, SEC(1));
    sim_gateway_start(&s->alice);
    sim_relay_story_wait(s, SEC(20));
    sim_relay_story_call(s, 1000);
    sim_relay_story_call_ends_well(s, SEC(20));
}

static void who_called_may_restart(void **state)
{
    struct sim_relay_story *s = *state;
    sim_relay_story_connect(s);
    sim_gateway_crash(&s->bob);
    sim_relay_story_wait(s, SEC(1));
    sim_gateway_start(&s->bob);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    sim_relay_story_call(s, 1000);
    sim_relay_story_call_ends_well(s, SEC(20));
}

static void a_call_survives_a_new_address_of_either(void **state)
{
    struct sim_relay_story *s = *state;
    sim_relay_story_connect(s);
    begins_a_long_call(s);
    sim_host_move(&s->alice.host, &s->alice.host.interface[2], "192.0.2.77/24");
    node_network_changed(s->alice.node);
    sim_relay_story_wait(s, SEC(5));
    assert_false(sim_caller_over(&s->caller));
    sim_host_move(&s->bob.host, &s->bob.host.interface[2], "198.51.100.77/24");
    node_network_changed(s->bob.node);
    sim_relay_story_call_ends_well(s, SEC(120));
    assert_in_range(s->caller.silence, 0, SEC(3));
}

static void becomes_direct_when_that_is_possible(void **state)
{
    struct sim_relay_story *s = *state;
    struct addr a;
    sim_relay_story_connect(s);
    s->together = true;
    assert_int_equal(addr_parse(&a, "192.0.2.1:4433"), 0);
    registry_peer(s->bob.registry, &s->alice.keys.id)->address[0] = a;
    sim_gateway_crash(&s->bob);
    sim_gateway_start(&s->bob);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    sim_relay_story_wait(s, SEC(15));
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_DIRECT);
}

static void a_direct_session_falls_back_to_the_relay(void **state)
{
    struct sim_relay_story *s = *state;
    struct addr a;
    s->together = true;
    assert_int_equal(addr_parse(&a, "192.0.2.1:4433"), 0);
    registry_peer(s->bob.registry, &s->alice.keys.id)->address[0] = a;
    sim_relay_story_connect(s);
    sim_relay_story_wait(s, SEC(15));
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_DIRECT);
    begins_a_long_call(s);
    s->together = false;
    sim_relay_story_call_ends_well(s, SEC(120));
    assert_in_range(s->caller.silence, MSEC(10), SEC(8));
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_RELAYED);
}

/* Nobody tells the gateways: their relays see frames from where nobody is registered. */
static void router_forgets(unsigned whose, bool has_spare)
{
    static struct sim_nat_story story;
    struct sim_nat_story *s = &story;
    memset(s, 0, sizeof(*s));
    s->has_spare = has_spare;
    sim_nat_story_begin(s, "sym_random", "sym_random");
    s->alice.options.no_punching = s->bob.options.no_punching = true;
    sim_nat_story_start(s);
    sim_nat_story_connect(s);
    sim_nat_story_wait(s, SEC(10));
    const struct sim_link line = {.delay = SIM_RELAY_LINE, .bandwidth = 1250000, .queue = 125000};
    sim_host_links(&s->alice.host, &line);
    sim_host_links(&s->bob.host, &line);
    sim_nat_story_call(s, 10 << 20);
    sim_nat_story_wait(s, SEC(2));
    sim_router_reboot(&s->homes[whose].router[0], "203.0.113.77");
    sim_nat_story_call_ends_well(s, SEC(120));
    assert_in_range(s->caller.silence, MSEC(10), SEC(5));
    assert_int_equal(s->echo.accepted, 1);
    sim_nat_story_end(s);
}

static void a_call_survives_a_router_that_forgets_its_mappings(void **state)
{
    (void)state;
    router_forgets(0, true);
    router_forgets(1, true);
    router_forgets(0, false);
    router_forgets(1, false);
}

static void relays_and_circuits_of_no_use_are_left(void **state)
{
    struct sim_relay_story *s = *state;
    struct relay_view view;
    sim_relay_story_connect(s);
    node_relay(s->home.node, &view);
    assert_int_equal(view.registered, 1);
    assert_int_equal(view.circuits, 1);
    assert_int_equal(view.clients, 2);
    sim_gateway_stop(&s->bob);
    sim_relay_story_wait(s, SEC(1));
    node_relay(s->home.node, &view);
    assert_int_equal(view.circuits, 0);
    assert_int_equal(view.clients, 1);
    sim_gateway_start(&s->bob);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    assert_int_equal(registry_block(s->bob.registry, &s->alice.keys.id, true), 0);
    node_registry_changed(s->bob.node);
    sim_relay_story_wait(s, SEC(120));
    node_relay(s->home.node, &view);
    assert_int_equal(view.circuits, 0);
    assert_int_equal(view.clients, 1);
    node_relay(s->alice.node, &view);
    assert_string_equal(view.home, sim_relay_text(&s->home, "home.example"));
    assert_false(view.serving);
}

static void nobody_wakes_up_for_relays_that_are_there(void **state)
{
    struct sim_relay_story *s = *state;
    sim_relay_story_wait(s, SEC(10));
    assert_true(s->alice.node->relay.look == INSTANT_NEVER);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    sim_relay_story_wait(s, SEC(10));
    assert_true(s->alice.node->relay.look < INSTANT_NEVER); /* for the circuits */
    sim_gateway_stop(&s->bob);
    sim_relay_story_wait(s, SEC(60));
    assert_true(s->alice.node->relay.look == INSTANT_NEVER);
    sim_gateway_crash(&s->home);
    sim_relay_story_wait(s, SEC(60));
    assert_true(s->alice.node->relay.look < INSTANT_NEVER);
}

static void home_and_spare_are_both_kept_for_a_day(void **state)
{
    struct sim_relay_story *s = *state;
    struct relay_view view;
    sim_relay_story_wait(s, SEC(86400));
    node_relay(s->home.node, &view);
    assert_int_equal(view.registered, 1);
    node_relay(s->spare.node, &view);
    assert_int_equal(view.registered, 1);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_RELAY_STORY(two_that_cannot_reach_one_another_meet_at_a_relay),
        SIM_RELAY_STORY(once_the_relay_is_known_it_takes_two_round_trips),
        SIM_RELAY_STORY(datagrams_pass_too),
        SIM_RELAY_STORY(a_peer_tells_its_relays_and_they_are_remembered),
        SIM_RELAY_STORY(a_call_survives_the_death_of_its_relay),
        SIM_RELAY_STORY(a_call_survives_the_end_of_its_relay_and_hardly_notices),
        SIM_RELAY_STORY(a_relay_that_is_back_is_used_again),
        SIM_RELAY_STORY(a_relay_that_restarts_alone_is_no_end_either),
        SIM_RELAY_STORY(who_was_called_may_restart),
        SIM_RELAY_STORY(who_called_may_restart),
        SIM_RELAY_STORY(a_call_survives_a_new_address_of_either),
        cmocka_unit_test(a_call_survives_a_router_that_forgets_its_mappings),
        SIM_RELAY_STORY(becomes_direct_when_that_is_possible),
        SIM_RELAY_STORY(a_direct_session_falls_back_to_the_relay),
        SIM_RELAY_STORY(relays_and_circuits_of_no_use_are_left),
        SIM_RELAY_STORY(nobody_wakes_up_for_relays_that_are_there),
        SIM_RELAY_STORY(home_and_spare_are_both_kept_for_a_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
