/* Over good and bad lines two gateways connect, and streams arrive whole. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_story.h"

static void connects_and_shows_the_services(void **state)
{
    struct sim_story *s = *state;
    sim_story_line(s, MSEC(40), 0);
    instant start = s->world.now;
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    assert_in_range(s->world.now - start, MSEC(40), MSEC(200));

    struct peer_view view = sim_gateway_view(&s->bob, &s->alice);
    assert_int_equal(view.state, PEER_DIRECT);
    assert_string_equal(view.path.kind, "udp");
    assert_null(view.why_not_direct);
    assert_true(view.services_known);
    assert_int_equal(view.service_count, 1);
    assert_string_equal(view.services[0].name, "echo");
    assert_int_equal(view.services[0].port, 7);
}

static void echoes_every_byte_over_a_perfect_line(void **state)
{
    struct sim_story *s = *state;
    sim_story_call(s, 8 << 20);
    sim_story_call_ends_well(s, SEC(30));
}

static void echoes_every_byte_at_10_percent_loss_and_300_ms(void **state)
{
    struct sim_story *s = *state;
    sim_story_line(s, MSEC(300), 100);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    sim_story_call(s, 1 << 20);
    sim_story_call_ends_well(s, SEC(300));
}

static void echoes_every_byte_that_comes_late_twice_or_out_of_order(void **state)
{
    struct sim_story *s = *state;
    const struct sim_link line = {
        .delay = MSEC(20), .jitter = MSEC(15), .loss = 5, .repeat = 50, .reorder = 50};
    sim_host_links(&s->alice.host, &line);
    sim_host_links(&s->bob.host, &line);
    sim_story_call(s, 2 << 20);
    sim_story_call_ends_well(s, SEC(120));
}

static void uses_most_of_a_narrow_line(void **state)
{
    struct sim_story *s = *state;
    const struct sim_link line = {.delay = MSEC(10), .bandwidth = 1250000, .queue = 62500};
    sim_host_links(&s->bob.host, &line);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    instant start = s->world.now;
    sim_story_call(s, 10 << 20);
    sim_story_call_ends_well(s, SEC(60));
    /* 10 MiB each way at once, 10 Mbit/s each way: 8.4 s is what the line allows. */
    assert_in_range(s->world.now - start, SEC(8), SEC(13));
}

static void goes_on_when_the_socket_says_again(void **state)
{
    struct sim_story *s = *state;
    s->alice.host.send_again = s->bob.host.send_again = 100;
    sim_story_call(s, 2 << 20);
    sim_story_call_ends_well(s, SEC(120));
}

static void connects_through_the_narrowest_ipv6_path(void **state)
{
    struct sim_story *s = *state;
    const struct sim_link line = {.delay = MSEC(10), .mtu = 1280};
    sim_host_links(&s->alice.host, &line);
    sim_host_links(&s->bob.host, &line);
    sim_story_call(s, 100000);
    sim_story_call_ends_well(s, SEC(30));
}

static void echoes_over_ipv6(void **state)
{
    struct sim_story *s = *state;
    struct sim_gateway carol, dave;
    struct sim_echo echo;
    sim_gateway_init(&carol, &s->world, "carol", 4, INTERNET, "2001:db8:1::1/64");
    sim_gateway_init(&dave, &s->world, "dave", 5, INTERNET, "2001:db8:2::1/64");
    sim_echo_init(&echo, &carol.host.env, "[::1]:7000");
    sim_gateway_start(&carol);
    sim_gateway_start(&dave);
    sim_gateway_shares(&carol, "echo", SERVICE_TCP, 7, "[::1]:7000");
    sim_gateway_knows(&dave, &carol, "carol", "[2001:db8:1::1]:4433");
    struct addr port = sim_gateway_opens(&dave, &carol, "echo", SERVICE_TCP);
    sim_caller_start(&s->caller, &dave.host.env, &port, 100000);
    sim_story_call_ends_well(s, SEC(30));
    sim_caller_deinit(&s->caller);
    sim_echo_deinit(&echo);
    sim_gateway_deinit(&dave);
    sim_gateway_deinit(&carol);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_STORY(connects_and_shows_the_services),
        SIM_STORY(echoes_every_byte_over_a_perfect_line),
        SIM_STORY(echoes_every_byte_at_10_percent_loss_and_300_ms),
        SIM_STORY(echoes_every_byte_that_comes_late_twice_or_out_of_order),
        SIM_STORY(uses_most_of_a_narrow_line),
        SIM_STORY(goes_on_when_the_socket_says_again),
        SIM_STORY(connects_through_the_narrowest_ipv6_path),
        SIM_STORY(echoes_over_ipv6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
