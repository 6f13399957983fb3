/* [gateway] network: gateways of different networks have nothing to do with one another. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_story.h"

static void moves_to(struct sim_gateway *g, const char *network)
{
    sim_gateway_stop(g);
    (void)sim_world_run(g->host.world, MSEC(100), NULL, NULL); /* its good-bye arrives */
    (void)snprintf(g->options.network, sizeof(g->options.network), "%s", network);
    sim_gateway_start(g);
}

static void is_refused(struct sim_gateway *g, const struct sim_gateway *other)
{
    sim_gateway_connect(g, other);
    assert_true(sim_world_run(g->host.world, SEC(10), sim_gateway_connected, g));
    assert_int_equal(g->wait_err, -EACCES);
    assert_non_null(strstr(g->wait_why, "belongs to another network"));
    assert_int_equal(sim_gateway_view(g, other).state, PEER_UNREACHABLE);
    assert_int_equal(sim_gateway_view(g, other).service_count, 0);
}

static void the_same_name_meets(void **state)
{
    struct sim_story *s = *state;
    moves_to(&s->alice, "lab");
    moves_to(&s->bob, "lab");
    sim_story_call(s, 100000);
    sim_story_call_ends_well(s, SEC(10));
}

/* Whose HELLO arrives first, and whose good-bye, depends on the line. */
static void different_names_are_refused_and_both_ends_say_why(void **state)
{
    struct sim_story *s = *state;
    static const instant DELAY[] = {0, MSEC(1), MSEC(40), MSEC(300)};

    moves_to(&s->alice, "lab");
    moves_to(&s->bob, "office");
    sim_gateway_knows(&s->alice, &s->bob, "bob", BOB_ADDRESS);
    for (size_t i = 0; i < sizeof(DELAY) / sizeof(DELAY[0]); i++) {
        sim_story_line(s, DELAY[i], 0);
        is_refused(&s->bob, &s->alice);
        sim_story_wait(s, SEC(40));
        is_refused(&s->alice, &s->bob);
        sim_story_wait(s, SEC(40));
    }
}

static void a_name_keeps_out_who_has_none_and_the_other_way(void **state)
{
    struct sim_story *s = *state;
    moves_to(&s->alice, "lab");
    is_refused(&s->bob, &s->alice);
    moves_to(&s->alice, "");
    moves_to(&s->bob, "lab");
    is_refused(&s->bob, &s->alice);
}

static void a_loss_of_packets_does_not_keep_one_network_apart(void **state)
{
    struct sim_story *s = *state;
    moves_to(&s->alice, "lab");
    moves_to(&s->bob, "lab");
    sim_story_line(s, MSEC(40), 150);
    sim_story_call(s, 100000);
    sim_story_call_ends_well(s, SEC(60));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_STORY(the_same_name_meets),
        SIM_STORY(different_names_are_refused_and_both_ends_say_why),
        SIM_STORY(a_name_keeps_out_who_has_none_and_the_other_way),
        SIM_STORY(a_loss_of_packets_does_not_keep_one_network_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
