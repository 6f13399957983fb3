/* One gateway serves many peers at once. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/members.h"
#include "tests/sim/sim_story.h"

#define GUESTS 60

struct guest {
    struct sim_gateway gateway;
    struct sim_caller caller;
};

static bool all_over(void *guests)
{
    for (unsigned i = 0; i < GUESTS; i++)
        if (!sim_caller_over(&((struct guest *)guests)[i].caller))
            return false;
    return true;
}

static void serves_sixty_peers_at_once(void **state)
{
    struct sim_story *s = *state;
    struct guest *guests = calloc(GUESTS, sizeof(*guests));
    assert_non_null(guests);
    sim_story_line(s, MSEC(40), 10);
    for (unsigned i = 0; i < GUESTS; i++) {
        struct guest *g = &guests[i];
        char address[32];
        snprintf(address, sizeof(address), "203.0.113.%u/24", 100 + i);
        sim_gateway_init(&g->gateway, &s->world, "guest", (uint8_t)(100 + i), INTERNET, address);
        sim_gateway_start(&g->gateway);
        sim_gateway_knows(&g->gateway, &s->alice, "alice", ALICE_ADDRESS);
        struct addr port = sim_gateway_opens(&g->gateway, &s->alice, "echo", SERVICE_TCP);
        sim_caller_start(&g->caller, &g->gateway.host.env, &port, 100000);
    }
    assert_true(sim_world_run(&s->world, SEC(120), all_over, guests));
    for (unsigned i = 0; i < GUESTS; i++) {
        assert_true(sim_caller_is_right(&guests[i].caller));
        assert_int_equal(sim_gateway_view(&s->alice, &guests[i].gateway).state, PEER_DIRECT);
    }
    assert_int_equal(s->echo.accepted, GUESTS);
    for (unsigned i = 0; i < GUESTS; i++) {
        sim_caller_deinit(&guests[i].caller);
        sim_gateway_deinit(&guests[i].gateway);
    }
    free(guests);
}

/* Of a crowd that knows alice, but not the other way round, so many that no place would be left. */
static void keeps_places_for_peers_with_a_name(void **state)
{
    struct sim_story *s = *state;
    struct sim_gateway strangers[8];
    unsigned refused = 0;
    sim_gateway_stop(&s->alice);
    s->alice.options.max_peers = 8;
    sim_gateway_start(&s->alice);
    sim_gateway_knows(&s->alice, &s->bob, "bob", NULL);
    for (unsigned i = 0; i < 8; i++) {
        char address[32];
        snprintf(address, sizeof(address), "203.0.113.%u/24", 100 + i);
        sim_gateway_init(&strangers[i], &s->world, "stranger", (uint8_t)(100 + i), INTERNET,
                         address);
        sim_gateway_start(&strangers[i]);
        sim_gateway_knows(&strangers[i], &s->alice, "alice", ALICE_ADDRESS);
        sim_gateway_connect(&strangers[i], &s->alice);
        assert_true(sim_world_run(&s->world, SEC(11), sim_gateway_connected, &strangers[i]));
        refused += strangers[i].wait_err == -EACCES;
    }
    assert_int_equal(refused, 2);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    for (unsigned i = 0; i < 8; i++)
        sim_gateway_deinit(&strangers[i]);
}

/* Alice relays for anybody, and one caller comes as a crowd. */
static void a_crowd_of_one_place_makes_room_for_others(void **state)
{
    struct sim_story *s = *state;
    struct sim_gateway relay, other, crowd[8];
    sim_gateway_init(&relay, &s->world, "relay", 50, INTERNET, "2001:db8:1::1/64");
    relay.options.max_peers = 8;
    relay.options.relay_serve = RELAY_SERVE_OPEN;
    sim_gateway_start(&relay);
    for (unsigned i = 0; i < 9; i++) {
        struct sim_gateway *g = i < 8 ? &crowd[i] : &other;
        char address[40];
        snprintf(address, sizeof(address), "2001:db8:%u::%u/64", i < 8 ? 7 : 9, 10 + i);
        sim_gateway_init(g, &s->world, "stranger", (uint8_t)(100 + i), INTERNET, address);
        sim_gateway_start(g);
        sim_gateway_knows(g, &relay, "relay", "[2001:db8:1::1]:4433");
        sim_gateway_connect(g, &relay);
        assert_true(sim_world_run(&s->world, SEC(11), sim_gateway_connected, g));
        assert_int_equal(g->wait_err, i < 6 || i == 8 ? 0 : -EACCES);
    }
    sim_story_wait(s, SEC(60));
    assert_int_equal(sim_gateway_view(&relay, &other).state, PEER_DIRECT);
    for (unsigned i = 0; i < 8; i++)
        sim_gateway_deinit(&crowd[i]);
    sim_gateway_deinit(&other);
    sim_gateway_deinit(&relay);
}

static bool only_relay_reaches_alice(void *alice, const struct addr *from, const struct addr *to)
{
    const struct sim_host *host = &((const struct sim_gateway *)alice)->host;
    const bool from_her = sim_interface_of(host, from), to_her = sim_interface_of(host, to);
    struct addr relay;

    assert_int_equal(addr_parse(&relay, "203.0.113.50:4433"), 0);
    return from_her != to_her && !addr_same_ip(from_her ? to : from, &relay);
}

static bool may_come(const struct sim_gateway *to, enum path_kind kind)
{
    const struct peer_id id = {{99}};
    struct path path = {.kind = kind, .via = 999, .remote = path_synthetic(kind, 999)};
    return member_may_come(to->node, &id, &path);
}

static void those_who_come_through_relays_are_one_place(void **state)
{
    struct sim_story *s = *state;
    struct sim_gateway relay, crowd[5];
    char id[PEER_ID_TEXT_LEN + 1], text[PEER_RELAY_MAX + 1];

    sim_gateway_stop(&s->alice);
    sim_gateway_init(&relay, &s->world, "relay", 50, INTERNET, "203.0.113.50/24");
    relay.options.relay_serve = RELAY_SERVE_OPEN;
    sim_gateway_start(&relay);
    (void)snprintf(text, sizeof(text), "%s@203.0.113.50:4433", peer_id_print(&relay.keys.id, id));
    memcpy(s->alice.options.relay_use[0], text, sizeof(text));
    s->alice.options.max_peers = 8;
    s->world.cut = only_relay_reaches_alice;
    s->world.cut_arg = &s->alice;
    sim_gateway_start(&s->alice);
    sim_story_wait(s, SEC(2));
    for (unsigned i = 0; i < 5; i++) { /* with the relay there are six: no place is left */
        char address[32];
        snprintf(address, sizeof(address), "203.0.113.%u/24", 100 + i);
        sim_gateway_init(&crowd[i], &s->world, "stranger", (uint8_t)(100 + i), INTERNET, address);
        sim_gateway_start(&crowd[i]);
        sim_gateway_knows(&crowd[i], &s->alice, "alice", NULL);
        struct known_peer *alice = registry_peer(crowd[i].registry, &s->alice.keys.id);
        memcpy(alice->relay[0], text, sizeof(text));
        sim_gateway_must_connect(&crowd[i], &s->alice, SEC(10));
    }
    assert_false(may_come(&s->alice, PATH_RELAY));
    assert_true(may_come(&s->alice, PATH_UDP));
    for (unsigned i = 0; i < 5; i++)
        sim_gateway_deinit(&crowd[i]);
    sim_gateway_deinit(&relay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_STORY(serves_sixty_peers_at_once),
        SIM_STORY(keeps_places_for_peers_with_a_name),
        SIM_STORY(a_crowd_of_one_place_makes_room_for_others),
        SIM_STORY(those_who_come_through_relays_are_one_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
