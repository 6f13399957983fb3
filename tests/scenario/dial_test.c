/* Dialling: from both sides at once, again and again, towards who is not there yet. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_story.h"

static bool both_connected(void *story)
{
    struct sim_story *s = story;
    return sim_gateway_connected(&s->alice) && sim_gateway_connected(&s->bob);
}

static void dial_from_both_sides(struct sim_story *s, instant apart)
{
    sim_gateway_connect(&s->bob, &s->alice);
    sim_story_wait(s, apart);
    sim_gateway_connect(&s->alice, &s->bob);
    assert_true(sim_world_run(&s->world, SEC(10), both_connected, s));
    assert_int_equal(s->alice.wait_err, 0);
    assert_int_equal(s->bob.wait_err, 0);
}

/* What a side counts in 60 s when nothing is asked: the keep-alives of one session, not of two. */
static uint64_t idle_datagrams(struct sim_story *s)
{
    sim_story_wait(s, SEC(10));
    uint64_t before = s->bob.host.sent;
    sim_story_wait(s, SEC(60));
    return s->bob.host.sent - before;
}

static void settles_on_one_session_whenever_the_dials_cross(void **state)
{
    struct sim_story *s = *state;
    sim_story_line(s, MSEC(100), 0);
    sim_gateway_knows(&s->alice, &s->bob, "bob", BOB_ADDRESS);
    for (instant apart = 0; apart <= MSEC(200); apart += MSEC(20)) {
        dial_from_both_sides(s, apart);
        assert_in_range(idle_datagrams(s), 1, 40);
        sim_story_call(s, 100000);
        sim_story_call_ends_well(s, SEC(30));
        sim_caller_deinit(&s->caller);
        sim_gateway_stop(&s->alice);
        sim_gateway_stop(&s->bob);
        sim_gateway_start(&s->alice);
        sim_gateway_start(&s->bob);
    }
}

static void carries_streams_that_began_while_the_dials_crossed(void **state)
{
    struct sim_story *s = *state;
    sim_story_line(s, MSEC(100), 50);
    sim_gateway_knows(&s->alice, &s->bob, "bob", BOB_ADDRESS);
    sim_gateway_connect(&s->alice, &s->bob);
    sim_story_call(s, 1 << 20); /* dials the other way */
    sim_story_call_ends_well(s, SEC(120));
}

static void connects_when_the_other_side_starts_late(void **state)
{
    struct sim_story *s = *state;
    sim_gateway_stop(&s->alice);
    sim_gateway_connect(&s->bob, &s->alice);
    sim_story_wait(s, SEC(4));
    sim_gateway_start(&s->alice);
    assert_true(sim_world_run(&s->world, SEC(6), sim_gateway_connected, &s->bob));
    assert_int_equal(s->bob.wait_err, 0);
}

static void reconnects_by_itself_while_a_port_is_open(void **state)
{
    struct sim_story *s = *state;
    sim_story_call(s, 1000);
    sim_story_call_ends_well(s, SEC(10));
    sim_caller_deinit(&s->caller);
    sim_gateway_stop(&s->alice);
    sim_story_wait(s, SEC(100));
    sim_gateway_start(&s->alice);
    /* Backoff may have grown, but a caller is a reason to try at once. */
    sim_story_call(s, 1000);
    sim_story_call_ends_well(s, SEC(10));
}

static void stays_quiet_when_nobody_wants_a_session(void **state)
{
    struct sim_story *s = *state;
    uint64_t sent = s->bob.host.sent + s->alice.host.sent;
    sim_story_wait(s, SEC(3600));
    assert_int_equal(s->bob.host.sent + s->alice.host.sent, sent);
}

static void survives_a_flood_of_forged_first_packets(void **state)
{
    struct sim_story *s = *state;
    struct sim_host host;
    struct udp_socket *udp;
    struct addr local, to;
    static const struct udp_handler deaf = {.on_datagrams = NULL};
    uint8_t packet[1200];
    sim_host_init(&host, &s->world, "flood");
    (void)sim_host_join(&host, INTERNET, "203.0.113.200/24");
    assert_int_equal(addr_parse(&local, "0.0.0.0:1000"), 0);
    assert_int_equal(addr_parse(&to, ALICE_ADDRESS), 0);
    assert_int_equal(udp_open(&host.env, &udp, &local, 0, &deaf, NULL), 0);
    host.down.down = true; /* whose source is forged never sees an answer */
    uint64_t answered = s->alice.host.sent;
    for (unsigned i = 0; i < 2000; i++) {
        env_random(&host.env, packet, sizeof(packet));
        packet[0] = 0xc0 | (packet[0] & 0x3); /* a long header, Initial */
        packet[1] = packet[2] = packet[3] = 0;
        packet[4] = 1;
        packet[5] = 8;  /* destination id */
        packet[14] = 8; /* source id */
        packet[23] = 0; /* no token */
        struct udp_tx tx = {.to = &to, .data = packet, .len = sizeof(packet)};
        assert_int_equal(udp_send(&host.env, udp, &tx), 0);
        sim_story_wait(s, MSEC(1));
    }
    assert_true(s->alice.host.sent - answered <= 3 * 2000);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    udp_close(&host.env, udp);
    sim_host_deinit(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_STORY(settles_on_one_session_whenever_the_dials_cross),
        SIM_STORY(carries_streams_that_began_while_the_dials_crossed),
        SIM_STORY(connects_when_the_other_side_starts_late),
        SIM_STORY(reconnects_by_itself_while_a_port_is_open),
        SIM_STORY(stays_quiet_when_nobody_wants_a_session),
        SIM_STORY(survives_a_flood_of_forged_first_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
