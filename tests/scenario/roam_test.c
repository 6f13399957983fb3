/* Lines break and addresses change; streams do not notice, or end in time. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_story.h"

/* A call that has sent something and is still going on. */
static void begin_a_long_call(struct sim_story *s)
{
    const struct sim_link line = {.delay = MSEC(20), .bandwidth = 1250000, .queue = 125000};
    sim_host_links(&s->alice.host, &line);
    sim_host_links(&s->bob.host, &line);
    sim_story_call(s, 5 << 20);
    sim_story_wait(s, SEC(2));
    assert_false(sim_caller_over(&s->caller));
    assert_true(s->caller.received > 0);
}

static void move(struct sim_gateway *g, const char *address, bool told)
{
    sim_host_move(&g->host, &g->host.interface[2], address);
    if (told)
        node_network_changed(g->node);
}

static void keeps_a_stream_when_the_dialler_moves(void **state)
{
    struct sim_story *s = *state;
    begin_a_long_call(s);
    move(&s->bob, "203.0.113.77/24", true);
    sim_story_call_ends_well(s, SEC(60));
    assert_true(s->caller.silence < SEC(2));
}

static void keeps_a_stream_when_the_acceptor_moves(void **state)
{
    struct sim_story *s = *state;
    begin_a_long_call(s);
    move(&s->alice, "203.0.113.78/24", true);
    sim_story_call_ends_well(s, SEC(60));
    assert_true(s->caller.silence < SEC(2));
}

static void keeps_a_stream_when_nobody_is_told_of_the_move(void **state)
{
    struct sim_story *s = *state;
    begin_a_long_call(s);
    move(&s->bob, "203.0.113.77/24", false); /* as behind a NAT that forgot us */
    sim_story_call_ends_well(s, SEC(90));
}

static void keeps_a_stream_through_many_moves_of_both(void **state)
{
    static const char *const places[] = {"203.0.113.10/24", "198.51.100.99/24", "192.0.2.50/24",
                                         "203.0.113.11/24"};
    struct sim_story *s = *state;
    begin_a_long_call(s);
    for (unsigned i = 0; i < 4; i++) {
        move(i % 2 ? &s->alice : &s->bob, places[i], true);
        sim_story_wait(s, SEC(1));
    }
    sim_story_call_ends_well(s, SEC(90));
}

static void keeps_a_stream_through_an_outage_of_25_s(void **state)
{
    struct sim_story *s = *state;
    begin_a_long_call(s);
    s->bob.host.up.down = s->bob.host.down.down = true;
    sim_story_wait(s, SEC(25));
    assert_false(sim_caller_over(&s->caller));
    s->bob.host.up.down = s->bob.host.down.down = false;
    sim_story_call_ends_well(s, SEC(60));
    assert_in_range(s->caller.silence, SEC(25), SEC(35));
}

static void keeps_an_idle_stream_for_an_hour(void **state)
{
    struct sim_story *s = *state;
    sim_story_line(s, MSEC(40), 20);
    sim_story_call(s, 200000);
    s->caller.hold = true;
    sim_story_wait(s, SEC(3600));
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_DIRECT);
    sim_caller_go(&s->caller);
    sim_story_call_ends_well(s, SEC(60));
    assert_int_equal(s->echo.accepted, 1);
}

static void resets_streams_when_the_other_side_is_gone_for_good(void **state)
{
    struct sim_story *s = *state;
    begin_a_long_call(s);
    s->bob.host.up.down = s->bob.host.down.down = true;
    assert_true(sim_world_run(&s->world, SEC(90), sim_caller_over, &s->caller));
    assert_int_equal(s->caller.error, -ECONNRESET);
    sim_story_wait(s, SEC(90));
    assert_int_equal(s->echo.open, 0);
}

static void starts_anew_after_the_other_side_lost_power(void **state)
{
    struct sim_story *s = *state;
    sim_story_call(s, 1000);
    sim_story_call_ends_well(s, SEC(10));
    sim_caller_deinit(&s->caller);
    sim_gateway_crash(&s->alice);
    sim_story_wait(s, SEC(3));
    sim_gateway_start(&s->alice);
    sim_story_wait(s, SEC(60));
    sim_story_call(s, 1000);
    sim_story_call_ends_well(s, SEC(10));
}

static void hears_at_once_that_the_other_side_restarted(void **state)
{
    struct sim_story *s = *state;
    sim_story_call(s, 1000);
    sim_story_call_ends_well(s, SEC(10));
    sim_caller_deinit(&s->caller);
    sim_gateway_crash(&s->alice);
    sim_gateway_start(&s->alice);
    /* The old session is answered by a stateless reset, so the next call works within seconds. */
    sim_story_call(s, 1000);
    (void)sim_world_run(&s->world, SEC(5), sim_caller_over, &s->caller);
    sim_caller_deinit(&s->caller);
    sim_story_call(s, 1000);
    sim_story_call_ends_well(s, SEC(5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_STORY(keeps_a_stream_when_the_dialler_moves),
        SIM_STORY(keeps_a_stream_when_the_acceptor_moves),
        SIM_STORY(keeps_a_stream_when_nobody_is_told_of_the_move),
        SIM_STORY(keeps_a_stream_through_many_moves_of_both),
        SIM_STORY(keeps_a_stream_through_an_outage_of_25_s),
        SIM_STORY(keeps_an_idle_stream_for_an_hour),
        SIM_STORY(resets_streams_when_the_other_side_is_gone_for_good),
        SIM_STORY(starts_anew_after_the_other_side_lost_power),
        SIM_STORY(hears_at_once_that_the_other_side_restarted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
