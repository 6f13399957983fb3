/* [limits] rate, from program to program: how long transfers take, and what else goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_story.h"

#define RATE 1000000

/* Starts a gateway again with a limit of so many bytes a second. */
static void limit(struct sim_gateway *g, uint64_t rate)
{
    sim_gateway_stop(g);
    (void)sim_world_run(g->host.world, MSEC(100), NULL, NULL); /* its good-bye arrives */
    g->options.rate = rate;
    sim_gateway_start(g);
}

/* A call that takes `seconds` at the limit, there and back at the same time, within a tenth. */
static void call_takes(struct sim_story *s, unsigned seconds)
{
    instant begun = s->world.now;
    sim_story_call(s, (uint64_t)seconds * RATE);
    sim_story_call_ends_well(s, SEC(10) * seconds);
    assert_in_range(s->world.now - begun, SEC(seconds) * 9 / 10, SEC(seconds) * 11 / 10);
    sim_caller_deinit(&s->caller);
}

static void slows_down_who_has_the_limit_and_who_talks_to_it(void **state)
{
    struct sim_story *s = *state;
    sim_story_line(s, MSEC(40), 0);
    limit(&s->alice, RATE);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    call_takes(s, 4);
    assert_in_range(sim_gateway_view(&s->alice, &s->bob).throttled, SEC(2), SEC(5));
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).throttled, 0);
    sim_story_wait(s, SEC(10));
    call_takes(s, 10);
    limit(&s->bob, RATE);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    call_takes(s, 4);
    limit(&s->alice, 0);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    call_takes(s, 4);
}

static void lets_a_short_call_pass_beside_a_long_one(void **state)
{
    struct sim_story *s = *state;
    struct sim_caller small;
    sim_story_line(s, MSEC(40), 0);
    limit(&s->alice, RATE);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    sim_story_call(s, 100 * RATE);
    sim_story_wait(s, SEC(2));
    struct addr port = sim_gateway_opens(&s->bob, &s->alice, "echo", SERVICE_TCP);
    for (int i = 0; i < 20; i++) {
        instant begun = s->world.now;
        sim_caller_start(&small, &s->bob.host.env, &port, 200);
        assert_true(sim_world_run(&s->world, SEC(5), sim_caller_over, &small));
        assert_true(sim_caller_is_right(&small));
        assert_true(s->world.now - begun < MSEC(120)); /* two round trips and a little */
        sim_caller_deinit(&small);
    }
}

static void counts_peers_each_by_itself(void **state)
{
    struct sim_story *s = *state;
    struct sim_caller other;
    sim_story_line(s, MSEC(40), 0);
    limit(&s->alice, RATE);
    sim_gateway_start(&s->mallory); /* behaves well for once */
    sim_gateway_knows(&s->mallory, &s->alice, "alice", ALICE_ADDRESS);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    sim_gateway_must_connect(&s->mallory, &s->alice, SEC(10));
    struct addr port = sim_gateway_opens(&s->mallory, &s->alice, "echo", SERVICE_TCP);
    sim_caller_start(&other, &s->mallory.host.env, &port, 100 * RATE);
    call_takes(s, 4);
    assert_in_range(other.received, 3 * RATE, 5 * RATE);
    sim_caller_deinit(&other);
}

static void ignore(void *arg, const struct udp_rx *rx)
{
    (void)arg;
    (void)rx;
}

/* Programs that flood get as much as fits, and the loss is to be seen. */
static void drops_datagrams_beyond_the_limit_and_says_so(void **state)
{
    static const struct udp_handler handler = {ignore, NULL};
    static const uint8_t data[1000];
    struct sim_story *s = *state;
    struct udp_socket *udp;
    struct addr local = addr_loopback(false, 0);
    struct addr to = sim_gateway_opens(&s->bob, &s->alice, "echo", SERVICE_UDP);
    struct udp_tx tx = {.to = &to, .data = data, .len = sizeof(data)};
    limit(&s->alice, RATE);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    assert_int_equal(udp_open(&s->bob.host.env, &udp, &local, 0, &handler, NULL), 0);
    for (int i = 0; i < 6000; i++) {
        assert_int_equal(udp_send(&s->bob.host.env, udp, &tx), 0);
        sim_story_wait(s, SEC(1) / 3000);
    }
    assert_in_range(sim_gateway_view(&s->alice, &s->bob).dropped, 3500, 4100);
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).dropped, 0);
    udp_close(&s->bob.host.env, udp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_STORY(slows_down_who_has_the_limit_and_who_talks_to_it),
        SIM_STORY(lets_a_short_call_pass_beside_a_long_one),
        SIM_STORY(counts_peers_each_by_itself),
        SIM_STORY(drops_datagrams_beyond_the_limit_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
