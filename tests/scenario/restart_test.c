/* A gateway goes without a good-bye, or its good-bye is lost, and comes back: what the other side
 * still takes for open breaks soon, whoever had dialled and whoever speaks first afterwards. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_story.h"

/* A silent session is asked about at its next keep-alive, and 4 s later there is one to ask by. */
#define SOON    SEC(15)
#define AT_ONCE SEC(1)

static void begin_an_idle_call(struct sim_story *s)
{
    sim_story_line(s, MSEC(40), 0);
    sim_gateway_knows(&s->alice, &s->bob, "bob", BOB_ADDRESS);
    sim_story_call(s, 200000);
    s->caller.hold = true;
    sim_story_wait(s, SEC(3));
    assert_false(sim_caller_over(&s->caller));
    assert_int_equal(s->echo.open, 1);
}

static void crash_and_start(struct sim_gateway *g)
{
    sim_gateway_crash(g);
    sim_gateway_start(g);
}

/* Says good-bye to nobody who hears it. */
static void stop_unheard_and_start(struct sim_gateway *g)
{
    g->host.up.down = true;
    sim_gateway_stop(g);
    g->host.up.down = false;
    sim_gateway_start(g);
}

static bool echo_is_idle(void *story)
{
    const struct sim_story *s = story;
    return s->echo.open == 0;
}

static void callers_break(struct sim_story *s, instant within)
{
    assert_true(sim_world_run(&s->world, within, sim_caller_over, &s->caller));
    assert_int_equal(s->caller.error, -ECONNRESET);
    assert_false(s->caller.ended);
}

static void services_are_left_alone(struct sim_story *s, instant within)
{
    assert_true(sim_world_run(&s->world, within, echo_is_idle, s));
}

static void and_a_new_call_works(struct sim_story *s)
{
    sim_caller_deinit(&s->caller);
    sim_story_call(s, 1000);
    sim_story_call_ends_well(s, SEC(5));
}

/* ---- the acceptor, alice, restarts: bob's callers ---- */

static void callers_break_soon_when_the_acceptor_restarts(void **state)
{
    struct sim_story *s = *state;
    begin_an_idle_call(s);
    crash_and_start(&s->alice);
    callers_break(s, SOON);
    and_a_new_call_works(s);
}

static void callers_break_at_once_when_the_restarted_acceptor_dials(void **state)
{
    struct sim_story *s = *state;
    begin_an_idle_call(s);
    crash_and_start(&s->alice);
    sim_gateway_must_connect(&s->alice, &s->bob, SEC(5));
    callers_break(s, AT_ONCE);
    and_a_new_call_works(s);
}

static void callers_break_soon_when_the_acceptors_good_bye_is_lost(void **state)
{
    struct sim_story *s = *state;
    begin_an_idle_call(s);
    stop_unheard_and_start(&s->alice);
    callers_break(s, SOON);
    and_a_new_call_works(s);
}

/* A dialler's first connection id has no token for a stateless reset, and this one does not dial
 * again: so bob must, beside the session that has gone silent. */
static void callers_break_soon_when_the_dialler_restarts(void **state)
{
    struct sim_story *s = *state;
    sim_gateway_knows(&s->alice, &s->bob, "bob", BOB_ADDRESS);
    sim_gateway_must_connect(&s->alice, &s->bob, SEC(5));
    begin_an_idle_call(s);
    crash_and_start(&s->alice);
    callers_break(s, SOON);
    and_a_new_call_works(s);
}

static void callers_break_soon_when_the_diallers_good_bye_is_lost(void **state)
{
    struct sim_story *s = *state;
    sim_gateway_knows(&s->alice, &s->bob, "bob", BOB_ADDRESS);
    sim_gateway_must_connect(&s->alice, &s->bob, SEC(5));
    begin_an_idle_call(s);
    stop_unheard_and_start(&s->alice);
    callers_break(s, SOON);
    and_a_new_call_works(s);
}

static void new_calls_on_a_dead_session_break_within_seconds(void **state)
{
    struct sim_story *s = *state;
    sim_gateway_knows(&s->alice, &s->bob, "bob", BOB_ADDRESS);
    sim_gateway_must_connect(&s->alice, &s->bob, SEC(5));
    crash_and_start(&s->alice);
    sim_story_call(s, 1000);
    callers_break(s, SEC(5));
    and_a_new_call_works(s);
}

/* ---- the dialler, bob, restarts: alice's services ---- */

static void services_are_left_alone_soon_when_the_dialler_restarts(void **state)
{
    struct sim_story *s = *state;
    begin_an_idle_call(s);
    crash_and_start(&s->bob);
    services_are_left_alone(s, SOON);
    and_a_new_call_works(s);
}

static void services_are_left_alone_at_once_when_the_restarted_dialler_dials(void **state)
{
    struct sim_story *s = *state;
    begin_an_idle_call(s);
    crash_and_start(&s->bob);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(5));
    services_are_left_alone(s, AT_ONCE);
    and_a_new_call_works(s);
}

static void services_are_left_alone_soon_when_the_diallers_good_bye_is_lost(void **state)
{
    struct sim_story *s = *state;
    begin_an_idle_call(s);
    stop_unheard_and_start(&s->bob);
    services_are_left_alone(s, SOON);
    and_a_new_call_works(s);
}

/* ---- the same process, which has closed the session ---- */

static void set_blocked(struct sim_gateway *g, const struct sim_gateway *other, bool blocked)
{
    int err;
    struct known_peer *p = registry_peer_add(g->registry, &other->keys.id, &err);
    assert_non_null(p);
    p->blocked = blocked;
    node_registry_changed(g->node);
}

static void block_unheard(struct sim_story *s)
{
    s->alice.host.up.down = true;
    set_blocked(&s->alice, &s->bob, true);
    sim_story_wait(s, SEC(3)); /* longer than it answers late packets */
    s->alice.host.up.down = false;
}

static void callers_break_soon_when_a_block_and_its_end_were_not_heard(void **state)
{
    struct sim_story *s = *state;
    begin_an_idle_call(s);
    block_unheard(s);
    set_blocked(&s->alice, &s->bob, false);
    callers_break(s, SOON);
    and_a_new_call_works(s);
}

static void callers_break_soon_when_a_block_was_not_heard(void **state)
{
    struct sim_story *s = *state;
    begin_an_idle_call(s);
    block_unheard(s);
    callers_break(s, SOON);
}

/* ---- and nobody loses what both sides have ---- */

static void calls_survive_an_outage_and_the_session_dialled_beside(void **state)
{
    struct sim_story *s = *state;
    begin_an_idle_call(s);
    s->bob.host.up.down = s->bob.host.down.down = true;
    sim_story_wait(s, SEC(20));
    s->bob.host.up.down = s->bob.host.down.down = false;
    sim_story_wait(s, SEC(60));
    assert_int_equal(s->echo.open, 1);
    sim_caller_go(&s->caller);
    sim_story_call_ends_well(s, SEC(30));
    assert_int_equal(s->echo.accepted, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_STORY(callers_break_soon_when_the_acceptor_restarts),
        SIM_STORY(callers_break_at_once_when_the_restarted_acceptor_dials),
        SIM_STORY(callers_break_soon_when_the_acceptors_good_bye_is_lost),
        SIM_STORY(callers_break_soon_when_the_dialler_restarts),
        SIM_STORY(callers_break_soon_when_the_diallers_good_bye_is_lost),
        SIM_STORY(new_calls_on_a_dead_session_break_within_seconds),
        SIM_STORY(services_are_left_alone_soon_when_the_dialler_restarts),
        SIM_STORY(services_are_left_alone_at_once_when_the_restarted_dialler_dials),
        SIM_STORY(services_are_left_alone_soon_when_the_diallers_good_bye_is_lost),
        SIM_STORY(callers_break_soon_when_a_block_and_its_end_were_not_heard),
        SIM_STORY(callers_break_soon_when_a_block_was_not_heard),
        SIM_STORY(calls_survive_an_outage_and_the_session_dialled_beside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
