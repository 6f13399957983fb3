/* A relay lies, and so do peers about relays: what they say in any order, at any rate, costs those
 * who hear it little, and the call goes on by another relay. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/members.h"
#include "gateway/wire/punch_message.h"
#include "gateway/wire/reach_message.h"
#include "tests/sim/sim_relay_story.h"
#include "tests/support/random.h"

#define VICTIM "203.0.113.77"

static uint64_t chance;

static int begin(void **state)
{
    int err = sim_relay_story_begin(state);
    struct sim_relay_story *s = *state;
    chance = s->world.seed;
    assert_int_equal(addr_parse(&s->watched, VICTIM ":4433"), 0);
    sim_relay_knows(&s->bob, &s->alice, 1, &s->spare, "spare.example");
    return err;
}

static void connects(struct sim_relay_story *s)
{
    sim_relay_story_connect(s);
    sim_relay_story_wait(s, SEC(6)); /* and the spare is ready */
}

static void a_call_ends_well(struct sim_relay_story *s, instant span)
{
    sim_relay_story_call(s, 100000);
    sim_relay_story_call_ends_well(s, span);
    sim_caller_deinit(&s->caller);
}

static unsigned circuits(const struct sim_gateway *g)
{
    return (unsigned)relay_client_circuits(g->node->relay.client, NULL, NULL, NULL, 0);
}

/* ---- what is said ---- */

static struct quic_conn *conn_to(const struct sim_gateway *from, const struct sim_gateway *to)
{
    struct peer *p = from->node ? from->node->desk.find(from->node, &to->keys.id) : NULL;
    return p ? peer_conn(p) : NULL;
}

static void says(const struct sim_gateway *from, const struct sim_gateway *to,
                 const struct relay_message *m)
{
    uint8_t out[RELAY_MESSAGE_MAX];
    const struct message_part part = relay_message_write(m, out);
    if (conn_to(from, to))
        peer_tell_part(conn_to(from, to), &part);
}

static void says_called(const struct sim_gateway *from, const struct sim_gateway *to,
                        const struct sim_gateway *caller, uint32_t circuit)
{
    struct relay_message m = {.type = RELAY_INCOMING, .frame.circuit = circuit};
    memcpy(m.id, caller->keys.id.key, sizeof(m.id));
    says(from, to, &m);
}

/* Anything of types 16 to 63, most of it about circuits and rounds that there may be. */
static void babbles(struct sim_relay_story *s, const struct sim_gateway *from,
                    const struct sim_gateway *to)
{
    uint8_t body[300];
    struct message_part part = {
        .type = (uint8_t)(16 + random_below(&chance, random_below(&chance, 3) ? 9 : 48)),
        .data = body,
        .len = random_below(&chance, sizeof(body)),
    };
    random_fill(&chance, body, sizeof(body));
    if (random_below(&chance, 2)) { /* small numbers, and names of peers */
        memset(body, 0, 8);
        body[3] = (uint8_t)random_below(&chance, 8);
        body[random_below(&chance, 8)] = (uint8_t)random_below(&chance, 6);
        memcpy(body + 4 + 8 * random_below(&chance, 2), s->bob.keys.id.key, PEER_ID_LEN);
        part.len = 4 + 8 * random_below(&chance, 2) + PEER_ID_LEN;
    }
    if (conn_to(from, to))
        peer_tell_part(conn_to(from, to), &part);
}

static struct addr some_address(void)
{
    static const char *const ANY[] = {
        "203.0.113.77:5000", "203.0.113.77:53",  "192.0.2.1:4433",     "198.51.100.2:4433",
        "203.0.113.4:4433",  "203.0.113.5:4433", "127.0.0.1:7000",     "[2001:db8::1]:5000",
        "192.168.1.1:50000", "224.0.0.1:5000",   "203.0.113.200:9999", "203.0.113.4:3478"};
    struct addr a;
    size_t at = random_below(&chance, sizeof(ANY) / sizeof(ANY[0]));
    assert_int_equal(addr_parse(&a, ANY[at]), 0);
    return a;
}

/* Well-formed words about rounds that may be under way. */
static void talks_of_rounds(const struct sim_gateway *from, const struct sim_gateway *to)
{
    uint8_t out[PUNCH_MESSAGE_MAX];
    struct punch_message m = {
        .type = (enum punch_message_type)(PUNCH_PUNCH + random_below(&chance, 3)),
        .round = (uint16_t)random_below(&chance, 6),
        .flags = (uint8_t)random_below(&chance, 4),
        .result = (enum punch_result)random_below(&chance, PUNCH_RESULTS),
        .facts = {.class = (enum nat_class)random_below(&chance, 8),
                  .delta = (int16_t)random_below(&chance, 5),
                  .span = (uint16_t)random_below(&chance, 600),
                  .last_port = (uint16_t)random_below(&chance, 65536)},
        .candidates = random_below(&chance, CANDIDATES_MAX),
    };
    for (size_t i = 0; i < m.candidates; i++)
        m.candidate[i] =
            (struct candidate){.type = (enum candidate_type)random_below(&chance, CANDIDATE_TYPES),
                               .addr = some_address()};
    const struct message_part part = punch_message_write(&m, out);
    if (conn_to(from, to))
        peer_tell_part(conn_to(from, to), &part);
}

/* And about doors. */
static void talks_of_doors(const struct sim_gateway *from, const struct sim_gateway *to)
{
    uint8_t out[REACH_MESSAGE_MAX];
    struct reach_message m = {
        .type = random_below(&chance, 2) ? REACH_DIAL_BACK : REACH_DIALLED_BACK,
        .port = (uint16_t)random_below(&chance, 65536),
        .status = (enum reach_status)random_below(&chance, REACH_STATUS_COUNT),
    };
    const struct message_part reach = reach_message_write(&m, out);
    if (conn_to(from, to))
        peer_tell_part(conn_to(from, to), &reach);
}

static void talks(struct sim_relay_story *s, const struct sim_gateway *from,
                  const struct sim_gateway *to)
{
    babbles(s, from, to);
    talks_of_rounds(from, to);
    talks_of_doors(from, to);
}

/* ---- the sentences ---- */

static void a_peer_that_is_no_relay_of_ours_does_not_say_who_calls(void **state)
{
    struct sim_relay_story *s = *state;
    connects(s);
    unsigned before = circuits(&s->alice);
    for (uint32_t i = 0; i < 2000; i++) {
        says_called(&s->bob, &s->alice, &s->bob, 1000 + i);
        if (i % 20 == 0)
            sim_relay_story_wait(s, MSEC(20));
    }
    sim_relay_story_wait(s, SEC(1));
    assert_int_equal(circuits(&s->alice), before);
    a_call_ends_well(s, SEC(20));
}

static void callers_by_the_thousand_leave_room_for_other_relays(void **state)
{
    struct sim_relay_story *s = *state;
    connects(s);
    for (uint32_t i = 0; i < 3000; i++) {
        says_called(&s->home, &s->alice, &s->bob, 1000 + i);
        if (i % 20 == 0)
            sim_relay_story_wait(s, MSEC(20));
    }
    assert_in_range(circuits(&s->alice), 1, RELAY_CLIENT_CIRCUITS_OF + 16);
    sim_gateway_crash(&s->home);
    a_call_ends_well(s, SEC(60));
}

static void a_relay_that_repeats_itself_is_heard_once(void **state)
{
    struct sim_relay_story *s = *state;
    connects(s);
    sim_relay_story_wait(s, SEC(10));
    s->of_alice = 0;
    for (unsigned i = 0; i < 2000; i++) {
        const struct relay_message m = {.type = RELAY_REGISTERED,
                                        .status = i % 2 ? RELAY_OK : RELAY_DENIED};
        says(&s->home, &s->alice, &m);
        if (i % 50 == 0)
            sim_relay_story_wait(s, MSEC(20));
    }
    sim_relay_story_wait(s, SEC(1));
    assert_in_range(s->of_alice, 1, 20000); /* acknowledgements, and no word to bob */
    a_call_ends_well(s, SEC(20));
}

static void hears_nothing(void *arg, struct peer *p, struct quic_conn *conn,
                          const struct message_part *part)
{
    (void)arg;
    (void)p;
    (void)conn;
    (void)part;
}

static void a_relay_that_did_not_answer_is_asked_again(void **state)
{
    struct sim_relay_story *s = *state;
    struct peer_events deaf = MEMBER_EVENTS;
    struct relay_view view;
    deaf.on_part = hears_nothing;
    sim_relay_story_wait(s, SEC(2));
    s->home.node->host.events = &deaf;
    sim_relay_restart(&s->alice);
    sim_relay_story_wait(s, SEC(30));
    node_relay(s->home.node, &view);
    assert_int_equal(view.registered, 0);
    s->home.node->host.events = &MEMBER_EVENTS;
    sim_relay_story_wait(s, SEC(40));
    node_relay(s->home.node, &view);
    assert_int_equal(view.registered, 1);
}

static void a_relay_that_ends_every_circuit_is_left_for_the_other(void **state)
{
    struct sim_relay_story *s = *state;
    connects(s);
    s->of_alice = 0;
    for (unsigned i = 0; i < 1000; i++) {
        for (uint32_t number = 1; number < 8; number++) {
            const struct relay_message m = {
                .type = RELAY_CLOSE, .frame.circuit = number + i / 8, .status = RELAY_GONE};
            says(&s->home, &s->bob, &m);
            says(&s->home, &s->alice, &m);
        }
        sim_relay_story_wait(s, MSEC(20));
    }
    print_message("alice sent %llu bytes in 20 s\n", (unsigned long long)s->of_alice);
    a_call_ends_well(s, SEC(60));
}

static void a_relay_that_gives_wrong_tags_is_left_for_the_other(void **state)
{
    struct sim_relay_story *s = *state;
    connects(s);
    for (unsigned i = 0; i < 20; i++) {
        struct relay_message m = {.type = RELAY_RETAG, .frame.circuit = 1 + i};
        random_fill(&chance, m.frame.tag, sizeof(m.frame.tag));
        says(&s->home, &s->bob, &m);
        says(&s->home, &s->alice, &m);
    }
    sim_relay_story_wait(s, MSEC(100));
    a_call_ends_well(s, SEC(60));
}

static void whatever_a_relay_says_nobody_falls(void **state)
{
    struct sim_relay_story *s = *state;
    connects(s);
    for (unsigned i = 0; i < 5000; i++) {
        talks(s, &s->home, &s->alice);
        talks(s, &s->home, &s->bob);
        if (i % 10 == 0)
            sim_relay_story_wait(s, MSEC(20));
    }
    sim_gateway_stop(&s->home);
    a_call_ends_well(s, SEC(60));
}

static void whatever_a_peer_says_nobody_falls(void **state)
{
    struct sim_relay_story *s = *state;
    connects(s);
    for (unsigned i = 0; i < 5000; i++) {
        talks(s, &s->bob, &s->alice);
        talks(s, &s->bob, &s->home);
        talks(s, &s->alice, &s->home);
        if (i % 10 == 0)
            sim_relay_story_wait(s, MSEC(20));
    }
    sim_relay_story_wait(s, SEC(60));
    print_message("%u packets to somebody who has nothing to do with it\n", s->at_watched);
    assert_in_range(s->at_watched, 0, 3 * 20); /* of three who were told, the openers aside */
    sim_gateway_stop(&s->bob);
    sim_gateway_start(&s->bob);
    a_call_ends_well(s, SEC(60));
}

static void everybody_may_stop_in_the_middle_of_it(void **state)
{
    struct sim_relay_story *s = *state;
    struct sim_gateway *g[] = {&s->alice, &s->home, &s->bob, &s->spare};
    connects(s);
    for (unsigned i = 0; i < 60; i++) {
        struct sim_gateway *one = g[random_below(&chance, 4)];
        for (unsigned k = 0; k < 10; k++) {
            talks(s, &s->home, &s->alice);
            talks(s, &s->spare, &s->bob);
            talks(s, &s->bob, &s->alice);
        }
        sim_relay_story_wait(s, MSEC(random_below(&chance, 3000)));
        if (random_below(&chance, 2))
            sim_gateway_stop(one);
        else
            sim_gateway_crash(one);
        sim_relay_story_wait(s, MSEC(random_below(&chance, 500)));
        sim_gateway_start(one);
    }
    sim_relay_story_wait(s, SEC(90));
    a_call_ends_well(s, SEC(60));
}

/* ---- relays that peers name ---- */

static void names_a_relay(struct sim_relay_story *s, const char *host)
{
    struct relay_message m = {.type = RELAY_RELAYS, .place_count = 1};
    random_fill(&chance, m.place[0].id, sizeof(m.place[0].id));
    (void)snprintf(m.place[0].host, sizeof(m.place[0].host), "%s", host);
    says(&s->alice, &s->bob, &m);
}

/* Bob's own word is home alone; alice names two others that do relay. */
static void relays_that_a_peer_names_do_not_outvote_others_about_our_nat(void **state)
{
    struct sim_relay_story *s = *state;
    struct relay_message m = {.type = RELAY_RELAYS, .place_count = 2};
    struct addr server[8];
    struct known_peer *alice = registry_peer(s->bob.registry, &s->alice.keys.id);
    memset(alice->relay[1], 0, sizeof(alice->relay[1]));
    s->mallory.options.relay_serve = RELAY_SERVE_OPEN;
    sim_gateway_start(&s->mallory);
    connects(s);
    memcpy(m.place[0].id, s->spare.keys.id.key, PEER_ID_LEN);
    memcpy(m.place[1].id, s->mallory.keys.id.key, PEER_ID_LEN);
    (void)snprintf(m.place[0].host, sizeof(m.place[0].host), "spare.example:4433");
    (void)snprintf(m.place[1].host, sizeof(m.place[1].host), "203.0.113.3:4433");
    says(&s->alice, &s->bob, &m);
    sim_relay_story_wait(s, SEC(20));
    assert_non_null(conn_to(&s->bob, &s->mallory));
    assert_non_null(conn_to(&s->bob, &s->spare));
    assert_int_equal(relay_desk_servers(&s->bob.node->relay, server, 8), 2);
    assert_int_equal(addr_parse(&s->watched, "203.0.113.4:4433"), 0);
    assert_true(addr_equal(&server[0], &s->watched));
}

static void who_is_said_to_be_a_relay_gets_few_packets(void **state)
{
    struct sim_relay_story *s = *state;
    struct sim_host host;
    sim_host_init(&host, &s->world, "victim");
    (void)sim_host_join(&host, INTERNET, VICTIM "/24");
    connects(s);
    for (unsigned i = 0; i < 240; i++) {
        names_a_relay(s, VICTIM ":4433");
        sim_relay_story_wait(s, SEC(5));
    }
    print_message("%u packets in 20 minutes\n", s->at_watched);
    assert_in_range(s->at_watched, 1, 150);
    sim_host_deinit(&host);
    a_call_ends_well(s, SEC(60));
}

static unsigned saves; /* of bob's registry */

static int count_save(struct env *env, const char *name, const uint8_t *data, size_t len)
{
    (void)env;
    (void)data;
    (void)len;
    saves += strcmp(name, "registry.json") == 0;
    return 0;
}

static void a_peer_that_names_others_without_end_does_not_keep_the_disk_busy(void **state)
{
    struct sim_relay_story *s = *state;
    struct env_ops ops = *s->bob.host.env.ops;
    const struct env_ops *usual = s->bob.host.env.ops;
    connects(s);
    saves = 0;
    ops.save = count_save;
    s->bob.host.env.ops = &ops;
    for (unsigned i = 0; i < 1000; i++) {
        names_a_relay(s, "192.0.2.200:4433");
        sim_relay_story_wait(s, MSEC(20));
    }
    s->bob.host.env.ops = usual;
    assert_in_range(saves, 1, 4);
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, begin, sim_relay_story_end)
    const struct CMUnitTest tests[] = {
        ON_STAGE(a_peer_that_is_no_relay_of_ours_does_not_say_who_calls),
        ON_STAGE(callers_by_the_thousand_leave_room_for_other_relays),
        ON_STAGE(a_relay_that_repeats_itself_is_heard_once),
        ON_STAGE(a_relay_that_did_not_answer_is_asked_again),
        ON_STAGE(a_relay_that_ends_every_circuit_is_left_for_the_other),
        ON_STAGE(a_relay_that_gives_wrong_tags_is_left_for_the_other),
        ON_STAGE(whatever_a_relay_says_nobody_falls),
        ON_STAGE(whatever_a_peer_says_nobody_falls),
        ON_STAGE(everybody_may_stop_in_the_middle_of_it),
        ON_STAGE(relays_that_a_peer_names_do_not_outvote_others_about_our_nat),
        ON_STAGE(who_is_said_to_be_a_relay_gets_few_packets),
        ON_STAGE(a_peer_that_names_others_without_end_does_not_keep_the_disk_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
