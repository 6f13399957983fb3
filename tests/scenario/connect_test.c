/* Two gateways over a bad line: they connect, and streams arrive whole. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_gateway.h"
#include "tests/sim/sim_program.h"

/* alice shares an echo on port 7; bob knows her address. */
struct story {
    struct sim_world world;
    struct sim_gateway alice, bob;
    struct sim_echo echo;
};

static int begin(void **state)
{
    static struct story story;
    struct story *s = &story;
    sim_world_init(&s->world, 0);
    sim_gateway_init(&s->alice, &s->world, "alice", 1, INTERNET, "192.0.2.1/24");
    sim_gateway_init(&s->bob, &s->world, "bob", 2, INTERNET, "198.51.100.2/24");
    sim_echo_init(&s->echo, &s->alice.host.env, "127.0.0.1:7000");
    sim_gateway_start(&s->alice);
    sim_gateway_start(&s->bob);
    sim_gateway_shares(&s->alice, "echo", SERVICE_BOTH, 7, "127.0.0.1:7000");
    sim_gateway_knows(&s->bob, &s->alice, "alice", "192.0.2.1:4433");
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct story *s = *state;
    sim_echo_deinit(&s->echo);
    sim_gateway_deinit(&s->bob);
    sim_gateway_deinit(&s->alice);
    sim_world_deinit(&s->world);
    return 0;
}

static void connects_and_shows_the_services(void **state)
{
    struct story *s = *state;
    const struct sim_link line = {.delay = MSEC(10)};
    sim_host_links(&s->alice.host, &line);
    instant start = s->world.now;
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    assert_in_range(s->world.now - start, MSEC(40), MSEC(200));

    struct peer_view view = sim_gateway_view(&s->bob, &s->alice);
    assert_int_equal(view.state, PEER_DIRECT);
    assert_string_equal(view.path.kind, "udp");
    assert_true(view.services_known);
    assert_int_equal(view.service_count, 1);
    assert_string_equal(view.services[0].name, "echo");
    assert_int_equal(view.services[0].port, 7);
}

static void echoes_every_byte_over_a_perfect_line(void **state)
{
    struct story *s = *state;
    struct sim_caller caller;
    struct addr port = sim_gateway_opens(&s->bob, &s->alice, "echo", SERVICE_TCP);
    sim_caller_start(&caller, &s->bob.host.env, &port, 4 << 20);
    assert_true(sim_world_run(&s->world, SEC(30), sim_caller_over, &caller));
    assert_int_equal(caller.error, 0);
    assert_true(sim_caller_is_right(&caller));
    sim_caller_deinit(&caller);
}

static void echoes_every_byte_at_10_percent_loss_and_300_ms(void **state)
{
    struct story *s = *state;
    struct sim_caller caller;
    const struct sim_link line = {.delay = MSEC(75), .jitter = MSEC(5), .loss = 50, .reorder = 10};
    sim_host_links(&s->alice.host, &line);
    sim_host_links(&s->bob.host, &line);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    struct addr port = sim_gateway_opens(&s->bob, &s->alice, "echo", SERVICE_TCP);
    sim_caller_start(&caller, &s->bob.host.env, &port, 1 << 20);
    assert_true(sim_world_run(&s->world, SEC(600), sim_caller_over, &caller));
    assert_int_equal(caller.error, 0);
    assert_true(sim_caller_is_right(&caller));
    sim_caller_deinit(&caller);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(connects_and_shows_the_services, begin, end),
        cmocka_unit_test_setup_teardown(echoes_every_byte_over_a_perfect_line, begin, end),
        cmocka_unit_test_setup_teardown(echoes_every_byte_at_10_percent_loss_and_300_ms, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
