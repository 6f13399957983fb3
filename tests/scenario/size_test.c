/* Packets as large as the way carries: on usual lines, on wide ones, and when one gets narrow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/sim/sim_story.h"

#define FAST 20000000 /* bytes/s */

/* Half a call's bytes are there, with packets that large both ways. */
static void grows_on_a_line_of(struct sim_story *s, size_t mtu, unsigned payload)
{
    const struct sim_link line = {.delay = MSEC(5), .bandwidth = FAST, .mtu = mtu};
    sim_host_links(&s->alice.host, &line);
    sim_host_links(&s->bob.host, &line);
    sim_story_call(s, 40 << 20);
    sim_story_wait(s, SEC(2));
    assert_false(sim_caller_over(&s->caller));
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).path.mtu, payload);
    assert_int_equal(sim_gateway_view(&s->alice, &s->bob).path.mtu, payload);
}

static void fills_packets_of_ethernet(void **state)
{
    grows_on_a_line_of(*state, 1500, 1452);
    sim_story_call_ends_well(*state, SEC(10));
}

static void fills_jumbo_frames(void **state)
{
    grows_on_a_line_of(*state, 9000, 8952);
    sim_story_call_ends_well(*state, SEC(10));
}

static void stays_small_on_the_narrowest_lines(void **state)
{
    grows_on_a_line_of(*state, 1280, 1200);
    sim_story_call_ends_well(*state, SEC(10));
}

static void a_call_goes_on_when(struct sim_story *s, struct sim_link *line, size_t mtu)
{
    line->mtu = mtu;
    uint64_t before = s->caller.received;
    sim_story_wait(s, SEC(4));
    assert_true(s->caller.received > before);
    sim_story_call_ends_well(s, SEC(30));
}

static void goes_on_when_the_way_out_gets_narrow(void **state)
{
    struct sim_story *s = *state;
    grows_on_a_line_of(s, 1500, 1452);
    a_call_goes_on_when(s, &s->bob.host.up, 1280);
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).path.mtu, 1200);
}

static void goes_on_when_the_way_in_gets_narrow(void **state)
{
    struct sim_story *s = *state;
    grows_on_a_line_of(s, 1500, 1452);
    a_call_goes_on_when(s, &s->bob.host.down, 1280);
    assert_int_equal(sim_gateway_view(&s->alice, &s->bob).path.mtu, 1200);
}

static void goes_on_when_jumbo_frames_end(void **state)
{
    struct sim_story *s = *state;
    grows_on_a_line_of(s, 9000, 8952);
    s->alice.host.up.mtu = 1500;
    a_call_goes_on_when(s, &s->bob.host.up, 1500);
    sim_caller_deinit(&s->caller);
    sim_story_call(s, 20 << 20);
    sim_story_call_ends_well(s, SEC(10));
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).path.mtu, 1452);
    assert_int_equal(sim_gateway_view(&s->alice, &s->bob).path.mtu, 1452);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_STORY(fills_packets_of_ethernet),
        SIM_STORY(fills_jumbo_frames),
        SIM_STORY(stays_small_on_the_narrowest_lines),
        SIM_STORY(goes_on_when_the_way_out_gets_narrow),
        SIM_STORY(goes_on_when_the_way_in_gets_narrow),
        SIM_STORY(goes_on_when_jumbo_frames_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
