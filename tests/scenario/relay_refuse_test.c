/* What relays and those who use them refuse, and where they have limits. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/members.h"
#include "gateway/wire/relay_frame.h"
#include "tests/sim/sim_relay_story.h"

/* ---- who may ---- */

static void a_gateway_that_does_not_relay_says_so(void **state)
{
    struct sim_relay_story *s = *state;
    s->home.options.relay_serve = s->spare.options.relay_serve = RELAY_SERVE_OFF;
    sim_relay_restart(&s->spare);
    sim_relay_restart(&s->home);
    sim_gateway_knows(&s->home, &s->alice, "alice", NULL);
    sim_gateway_knows(&s->home, &s->bob, "bob", NULL);
    sim_relay_story_wait(s, SEC(5));
    sim_relay_story_fails(s, "home.example:4433: the relay does not serve us");
}

static void a_stranger_to_a_gateway_that_does_not_relay_is_refused(void **state)
{
    struct sim_relay_story *s = *state;
    s->home.options.relay_serve = RELAY_SERVE_OFF;
    sim_relay_restart(&s->home);
    sim_relay_story_wait(s, SEC(5));
    sim_relay_story_fails(s, "home.example:4433: ");
    assert_non_null(strstr(s->bob.wait_why, "refused: it does not know us"));
}

static void for_friends_it_takes_no_others(void **state)
{
    struct sim_relay_story *s = *state;
    s->home.options.relay_serve = s->spare.options.relay_serve = RELAY_SERVE_FRIENDS;
    sim_relay_restart(&s->home);
    sim_relay_restart(&s->spare);
    sim_relay_story_wait(s, SEC(70));
    sim_relay_story_fails(s, "the peer is not at that relay");
    sim_gateway_knows(&s->home, &s->alice, "alice", NULL);
    sim_relay_story_wait(s, SEC(70));
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10)); /* its friend's friend may call */
}

static void another_key_at_the_relays_address_is_named(void **state)
{
    struct sim_relay_story *s = *state;
    sim_relay_knows(&s->bob, &s->alice, 0, &s->home, "spare.example");
    sim_relay_story_wait(s, SEC(2));
    sim_relay_story_fails(s, "relay spare.example:4433: ");
    assert_non_null(strstr(s->bob.wait_why, "peer id mismatch"));
}

static void a_relay_without_address_is_named(void **state)
{
    struct sim_relay_story *s = *state;
    sim_relay_knows(&s->bob, &s->alice, 0, &s->home, "nowhere.example");
    sim_relay_story_wait(s, SEC(2));
    sim_relay_story_fails(s, "nowhere.example:4433: no such host");
}

struct elsewhere {
    const struct sim_relay_story *story;
    unsigned packets; /* of bob's, to others than the relays */
};

static void on_passing(void *arg, const struct addr *from, const struct addr *to,
                       const uint8_t *data, size_t len)
{
    struct elsewhere *e = arg;
    const struct sim_relay_story *s = e->story;
    (void)data;
    (void)len;
    if (sim_relay_is_at(&s->bob, from) && !sim_relay_is_at(&s->home, to) &&
        !sim_relay_is_at(&s->spare, to))
        e->packets++;
}

static void a_relay_that_a_peer_names_in_somebodys_network_is_not_dialled(void **state)
{
    static const char *const PLACES[] = {
        "127.0.0.1:4433",    "192.168.7.1:4433",    "10.0.0.1:4433",     "100.64.0.9:4433",
        "198.51.100.2:4433", "198.51.100.255:4433", "192.0.2.66:53",     "255.255.255.255:4433",
        "[::1]:4433",        "[fd00::1]:4433",      "[64:ff9b::1]:4433", "evil.example:4433"};
    struct sim_relay_story *s = *state;
    struct known_peer *p = registry_peer(s->bob.registry, &s->alice.keys.id);
    char id[PEER_ID_TEXT_LEN + 1];

    fake_names_add(&s->world.names, "evil.example", "127.0.0.1");
    fake_names_add(&s->world.names, "evil.example", "240.0.0.1");
    struct elsewhere elsewhere = {.story = s};
    s->world.tap = on_passing;
    s->world.tap_arg = &elsewhere;
    memset(p->relay, 0, sizeof(p->relay));
    for (size_t i = 0; i < sizeof(PLACES) / sizeof(PLACES[0]); i++) {
        (void)snprintf(p->its_relay[0], sizeof(p->its_relay[0]), "%s@%s",
                       peer_id_print(&s->home.keys.id, id), PLACES[i]);
        sim_relay_story_fails(s, "no address that a peer may name");
        sim_relay_story_wait(s, SEC(1));
    }
    assert_int_equal(elsewhere.packets, 0);
    (void)snprintf(p->its_relay[0], sizeof(p->its_relay[0]), "%s",
                   sim_relay_text(&s->home, "home.example"));
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
}

static void a_dead_relay_is_named_within_10_s(void **state)
{
    struct sim_relay_story *s = *state;
    sim_gateway_crash(&s->home);
    instant begun = s->world.now;
    sim_relay_story_fails(s, "relay home.example:4433");
    assert_true(s->world.now - begun <= SEC(10));
}

static void strangers_at_an_open_relay_get_nothing_else(void **state)
{
    struct sim_relay_story *s = *state;
    const struct preamble what = {.kind = PREAMBLE_TCP, .name = "secret"};
    struct pipe *pipe;
    struct preamble_answer answer = {0};
    struct service secret = {
        .name = "secret", .target = "127.0.0.1:9", .port = 9, .proto = SERVICE_TCP};
    assert_int_equal(registry_service_put(s->home.registry, &secret), 0);
    node_registry_changed(s->home.node);
    sim_gateway_start(&s->mallory);
    sim_gateway_knows(&s->mallory, &s->home, "home", "203.0.113.4:4433");
    sim_gateway_must_connect(&s->mallory, &s->home, SEC(5));
    assert_int_equal(sim_gateway_view(&s->mallory, &s->home).service_count, 0);
    assert_int_equal(node_open_stream(s->mallory.node, &s->home.keys.id, &what, &pipe), 0);
    sim_relay_story_wait(s, SEC(1));
    assert_int_equal(node_take_answer(pipe, &answer), 0);
    assert_int_not_equal(answer.status, PREAMBLE_OK);
    pipe->ops->close(pipe);
}

static void who_may_not_connect_to_her_reaches_alice_through_no_relay(void **state)
{
    struct sim_relay_story *s = *state;
    registry_service(s->alice.registry, "echo")->public = false;
    node_registry_changed(s->alice.node);
    sim_gateway_start(&s->mallory);
    sim_gateway_knows(&s->mallory, &s->alice, "alice", NULL);
    sim_relay_knows(&s->mallory, &s->alice, 0, &s->home, "home.example");
    sim_relay_story_wait(s, SEC(2));
    sim_gateway_connect(&s->mallory, &s->alice);
    assert_true(sim_world_run(&s->world, SEC(10), sim_gateway_connected, &s->mallory));
    assert_true(s->mallory.wait_err < 0);
    assert_int_equal(sim_gateway_view(&s->alice, &s->mallory).state, PEER_IDLE);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
}

static void the_blocked_are_not_relayed(void **state)
{
    struct sim_relay_story *s = *state;
    sim_relay_story_connect(s);
    assert_int_equal(registry_block(s->home.registry, &s->bob.keys.id, true), 0);
    assert_int_equal(registry_block(s->spare.registry, &s->bob.keys.id, true), 0);
    node_registry_changed(s->home.node);
    node_registry_changed(s->spare.node);
    sim_relay_story_wait(s, SEC(40));
    sim_relay_story_fails(s, "relay home.example:4433: ");
}

/* ---- limits ---- */

static void the_rate_of_a_relay_slows_a_call_down_and_breaks_nothing(void **state)
{
    struct sim_relay_story *s = *state;
    s->home.options.relay_rate = 1 << 20;
    sim_relay_restart(&s->home);
    sim_gateway_stop(&s->spare);
    sim_relay_story_wait(s, SEC(5));
    sim_relay_story_connect(s);
    sim_relay_story_call(s, 4 << 20); /* there and back: 8 MiB through the relay */
    instant begun = s->world.now;
    sim_relay_story_call_ends_well(s, SEC(60));
    assert_in_range(s->world.now - begun, SEC(7), SEC(24));
}

static void a_day_that_is_used_up_ends_what_is_relayed(void **state)
{
    struct sim_relay_story *s = *state;
    s->home.options.relay_daily = 1 << 20;
    sim_relay_restart(&s->home);
    sim_gateway_stop(&s->spare);
    sim_relay_story_wait(s, SEC(5));
    sim_relay_story_connect(s);
    sim_relay_story_call(s, 4 << 20);
    assert_true(sim_world_run(&s->world, SEC(120), sim_caller_over, &s->caller));
    assert_true(s->caller.error < 0);
    assert_in_range(s->caller.received, 1, 1 << 20);
}

static void ignore(void *arg, const struct udp_rx *rx)
{
    (void)arg;
    (void)rx;
}

/* Right numbers, wrong tags, from an address that is not registered. */
static void a_flood_of_forged_frames_goes_nowhere(void **state)
{
    struct sim_relay_story *s = *state;
    static const struct udp_handler deaf = {.on_datagrams = ignore};
    struct udp_socket *socket;
    struct addr from, to;
    uint8_t data[50 * 1216];
    struct relay_view before, after;

    sim_relay_story_connect(s);
    sim_relay_story_call(s, 1 << 20);
    assert_int_equal(addr_parse(&from, "0.0.0.0:9999"), 0);
    assert_int_equal(addr_parse(&to, "203.0.113.4:4433"), 0);
    assert_int_equal(udp_open(&s->mallory.host.env, &socket, &from, UDP_BULK, &deaf, NULL), 0);
    node_relay(s->home.node, &before);
    uint64_t heard = s->alice.host.received;
    for (unsigned i = 0; i < 200; i++) {
        const struct relay_frame f = {.circuit = 1 + i % 4, .tag = {(uint8_t)i}};
        memset(data, 0, sizeof(data));
        for (size_t at = 0; at < sizeof(data); at += 1216)
            relay_frame_write(&f, data + at);
        const struct udp_tx tx = {.to = &to, .data = data, .len = sizeof(data), .segment = 1216};
        assert_int_equal(udp_send(&s->mallory.host.env, socket, &tx), 0);
    }
    sim_relay_story_call_ends_well(s, SEC(30));
    node_relay(s->home.node, &after);
    assert_true(after.datagrams - before.datagrams < 200 * 50);
    assert_true(s->alice.host.received - heard < 200 * 50);
    udp_close(&s->mallory.host.env, socket);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_RELAY_STORY(a_gateway_that_does_not_relay_says_so),
        SIM_RELAY_STORY(a_stranger_to_a_gateway_that_does_not_relay_is_refused),
        SIM_RELAY_STORY(for_friends_it_takes_no_others),
        SIM_RELAY_STORY(another_key_at_the_relays_address_is_named),
        SIM_RELAY_STORY(a_relay_without_address_is_named),
        SIM_RELAY_STORY(a_relay_that_a_peer_names_in_somebodys_network_is_not_dialled),
        SIM_RELAY_STORY(a_dead_relay_is_named_within_10_s),
        SIM_RELAY_STORY(strangers_at_an_open_relay_get_nothing_else),
        SIM_RELAY_STORY(who_may_not_connect_to_her_reaches_alice_through_no_relay),
        SIM_RELAY_STORY(the_blocked_are_not_relayed),
        SIM_RELAY_STORY(the_rate_of_a_relay_slows_a_call_down_and_breaks_nothing),
        SIM_RELAY_STORY(a_day_that_is_used_up_ends_what_is_relayed),
        SIM_RELAY_STORY(a_flood_of_forged_frames_goes_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
