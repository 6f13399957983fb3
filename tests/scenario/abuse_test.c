/* [limits] block_abusers: what happens to those who do again and again what they should not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/members.h"
#include "gateway/peer/talk.h"
#include "tests/sim/sim_story.h"

static void restart(struct sim_story *s, bool blocks)
{
    sim_gateway_stop(&s->alice);
    sim_story_wait(s, MSEC(100));
    s->alice.options.block_abusers = blocks;
    sim_gateway_start(&s->alice);
}

/* A stream that begins with nothing that means anything. */
static void send_rubbish(struct sim_story *s, struct sim_gateway *g)
{
    static const uint8_t RUBBISH[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct member *m = member_find(g->node, &s->alice.keys.id);
    struct pipe *pipe;

    if (!m || !peer_conn(&m->peer) || quic_open_stream(peer_conn(&m->peer), &pipe) < 0)
        return;
    (void)talk_write(pipe, RUBBISH, sizeof(RUBBISH));
    pipe->ops->finish(pipe);
    sim_story_wait(s, MSEC(100));
    pipe->ops->reset(pipe, PIPE_RESET_ABORTED);
}

static uint64_t count_of(struct sim_gateway *g, enum abuse_kind kind)
{
    struct abuse_view view;
    node_abuse(g->node, &view);
    return view.kind[kind].count;
}

static void a_known_peer_that_sends_rubbish_is_blocked_and_status_says_why(void **state)
{
    struct sim_story *s = *state;
    restart(s, true);
    sim_gateway_knows(&s->alice, &s->bob, "bob", NULL);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    for (int i = 0; i < 10; i++)
        send_rubbish(s, &s->bob);
    assert_int_equal(sim_gateway_view(&s->alice, &s->bob).state, PEER_DIRECT);
    assert_int_equal(sim_gateway_view(&s->alice, &s->bob).offences, 10);
    send_rubbish(s, &s->bob);
    sim_story_wait(s, SEC(1));
    assert_int_equal(sim_gateway_view(&s->alice, &s->bob).state, PEER_BLOCKED);
    assert_string_equal(sim_gateway_view(&s->alice, &s->bob).blocked_why, "broke the protocol");
    assert_int_equal(count_of(&s->alice, ABUSE_MALFORMED), 11);
    restart(s, true); /* it is kept */
    assert_string_equal(sim_gateway_view(&s->alice, &s->bob).blocked_why, "broke the protocol");
    assert_int_equal(registry_block(s->alice.registry, &s->bob.keys.id, false), 0);
    node_registry_changed(s->alice.node);
    assert_null(sim_gateway_view(&s->alice, &s->bob).blocked_why);
    sim_story_wait(s, SEC(60));
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
}

static void it_is_only_counted_unless_a_person_wants_more(void **state)
{
    struct sim_story *s = *state;
    sim_gateway_knows(&s->alice, &s->bob, "bob", NULL);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    for (int i = 0; i < 30; i++)
        send_rubbish(s, &s->bob);
    assert_int_equal(sim_gateway_view(&s->alice, &s->bob).state, PEER_DIRECT);
    assert_int_equal(count_of(&s->alice, ABUSE_MALFORMED), 30);
}

static void a_strangers_address_is_shut_for_a_while(void **state)
{
    struct sim_story *s = *state;
    struct abuse_view view;
    restart(s, true);
    sim_gateway_start(&s->mallory);
    sim_gateway_knows(&s->mallory, &s->alice, "alice", ALICE_ADDRESS);
    sim_gateway_must_connect(&s->mallory, &s->alice, SEC(10));
    for (int i = 0; i < 12; i++)
        send_rubbish(s, &s->mallory);
    node_abuse(s->alice.node, &view);
    assert_int_equal(view.shut, 1);
    assert_int_equal(view.blocked, 0);
    sim_story_wait(s, SEC(1));
    assert_int_equal(sim_gateway_view(&s->alice, &s->mallory).state, PEER_IDLE);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    sim_story_wait(s, SEC(600));
    sim_gateway_must_connect(&s->mallory, &s->alice, SEC(10));
}

static void whoever_is_refused_is_counted(void **state)
{
    struct sim_story *s = *state;
    registry_service(s->alice.registry, "echo")->public = false;
    node_registry_changed(s->alice.node);
    sim_gateway_start(&s->mallory);
    sim_gateway_knows(&s->mallory, &s->alice, "alice", ALICE_ADDRESS);
    sim_gateway_connect(&s->mallory, &s->alice);
    assert_true(sim_world_run(&s->world, SEC(10), sim_gateway_connected, &s->mallory));
    assert_int_equal(s->mallory.wait_err, -EACCES);
    assert_int_equal(count_of(&s->alice, ABUSE_REFUSED), 1);
    assert_int_equal(count_of(&s->alice, ABUSE_AUTH), 0);
    assert_int_equal(count_of(&s->alice, ABUSE_MALFORMED), 0);
}

static void another_network_is_counted_at_both_ends(void **state)
{
    struct sim_story *s = *state;
    sim_gateway_stop(&s->bob);
    memcpy(s->bob.options.network, "lab", sizeof("lab"));
    sim_gateway_start(&s->bob);
    sim_gateway_connect(&s->bob, &s->alice);
    assert_true(sim_world_run(&s->world, SEC(10), sim_gateway_connected, &s->bob));
    sim_story_wait(s, SEC(1));
    assert_int_equal(count_of(&s->alice, ABUSE_NETWORK), 1);
    assert_int_equal(count_of(&s->bob, ABUSE_NETWORK), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_STORY(a_known_peer_that_sends_rubbish_is_blocked_and_status_says_why),
        SIM_STORY(it_is_only_counted_unless_a_person_wants_more),
        SIM_STORY(a_strangers_address_is_shut_for_a_while),
        SIM_STORY(whoever_is_refused_is_counted),
        SIM_STORY(another_network_is_counted_at_both_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
