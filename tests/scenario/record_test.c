/* A gateway publishes itself on the DHT, and is found there by its key alone. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/members.h"
#include "tests/sim/sim_asking.h"
#include "tests/sim/sim_relay_story.h"

#define DHT_PORT 6881

/* ---- a small DHT: the two relays and mallory serve, alice and bob ask ---- */

static void takes_part(struct sim_gateway *g, enum node_dht mode)
{
    static const char *const HOST[] = {"home.example", "spare.example"};
    const uint8_t any[4] = {0};

    g->options.dht = mode;
    g->options.dht_listen[0] = addr_v4(any, DHT_PORT);
    for (size_t i = 0; i < sizeof(HOST) / sizeof(HOST[0]); i++) {
        struct node_bootstrap *b = &g->options.dht_bootstrap[i];
        (void)snprintf(b->host, sizeof(b->host), "%s", HOST[i]);
        b->port = DHT_PORT;
    }
}

static int begin(void **state)
{
    if (sim_relay_story_begin(state) < 0)
        return -1;
    struct sim_relay_story *s = *state;
    struct sim_gateway *const servers[] = {&s->home, &s->spare, &s->mallory};
    struct known_peer *alice = registry_peer(s->bob.registry, &s->alice.keys.id);

    memset(alice->relay, 0, sizeof(alice->relay)); /* all that bob has is her id */
    for (size_t i = 0; i < 3; i++)
        takes_part(servers[i], NODE_DHT_SERVER);
    takes_part(&s->alice, NODE_DHT_CLIENT);
    takes_part(&s->bob, NODE_DHT_CLIENT);
    sim_relay_restart(&s->home);
    sim_relay_restart(&s->spare);
    sim_gateway_start(&s->mallory);
    sim_relay_restart(&s->alice);
    sim_relay_restart(&s->bob);
    return 0;
}

#define STORY(test) cmocka_unit_test_setup_teardown(test, begin, sim_relay_story_end)

static struct sim_asking asks(struct sim_gateway *who, const struct sim_gateway *about)
{
    return sim_gateway_asks(who, about, SEC(30));
}

/* ---- the sentences; what bob was told he believes for minutes: then mallory asks ---- */

static void a_peer_is_reached_by_its_key_alone(void **state)
{
    struct sim_relay_story *s = *state;
    sim_relay_story_wait(s, SEC(20)); /* alice registers at her relays and publishes */
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_RELAYED);
    sim_relay_story_call(s, 1 << 16);
    sim_relay_story_call_ends_well(s, SEC(10));
}

static void names_network(struct sim_gateway *g, const char *name)
{
    (void)snprintf(g->options.network, sizeof(g->options.network), "%s", name);
    sim_relay_restart(g);
}

static void records_of_one_network_are_not_found_in_another(void **state)
{
    struct sim_relay_story *s = *state;
    names_network(&s->home, "lab");
    names_network(&s->spare, "lab");
    names_network(&s->alice, "lab");
    names_network(&s->bob, "lab");
    sim_relay_story_wait(s, SEC(30));
    struct sim_asking inside = asks(&s->bob, &s->alice);
    struct sim_asking outside = asks(&s->mallory, &s->alice);
    assert_int_equal(inside.err, 0);
    assert_int_equal(inside.found.record.relays, 2);
    assert_int_equal(outside.err, -ENOENT);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
}

static void a_record_says_what_its_owner_wants_known(void **state)
{
    struct sim_relay_story *s = *state;
    sim_relay_story_wait(s, SEC(20));
    struct sim_asking a = asks(&s->bob, &s->alice);
    assert_int_equal(a.err, 0);
    assert_true(a.found.record.ours);
    assert_int_equal(a.found.record.relays, 2);
    assert_string_equal(a.found.record.relay[0], sim_relay_text(&s->home, "home.example"));
    assert_int_equal(a.found.record.services, 1); /* the echo is for everybody */
    assert_string_equal(a.found.record.service[0].name, "echo");
    assert_int_equal(a.found.record.addrs, 0); /* addresses are nobody's business */
}

static void addresses_are_published_when_a_person_wants_it(void **state)
{
    struct sim_relay_story *s = *state;
    s->together = true;
    s->alice.options.publish_addresses = true;
    memset(s->alice.options.relay_use, 0, sizeof(s->alice.options.relay_use));
    sim_relay_restart(&s->alice);
    sim_relay_story_wait(s, SEC(20));
    struct sim_asking a = asks(&s->bob, &s->alice);
    assert_int_equal(a.err, 0);
    assert_int_equal(a.found.record.relays, 0);
    assert_in_range(a.found.record.addrs, 1, PKARR_ADDRS_MAX);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_DIRECT);
}

static void a_change_is_published_soon(void **state)
{
    struct sim_relay_story *s = *state;
    sim_relay_story_wait(s, SEC(20));
    struct sim_asking before = asks(&s->bob, &s->alice);
    sim_gateway_shares(&s->alice, "game", SERVICE_UDP, 7777, "127.0.0.1:7777");
    sim_relay_story_wait(s, SEC(15));
    struct sim_asking after = asks(&s->mallory, &s->alice);
    assert_int_equal(after.err, 0);
    assert_true(after.found.seq > before.found.seq);
    assert_int_equal(after.found.record.services, 2);
}

static void what_has_not_changed_keeps_its_number(void **state)
{
    struct sim_relay_story *s = *state;
    sim_relay_story_wait(s, SEC(20));
    struct sim_asking before = asks(&s->bob, &s->alice);
    assert_int_equal(before.err, 0);
    sim_relay_story_wait(s, SEC(2 * 3600));
    struct sim_asking after = asks(&s->bob, &s->alice);
    assert_int_equal(after.err, 0);
    assert_int_equal(after.found.seq, before.found.seq);
}

static unsigned kept_by(struct sim_gateway *g)
{
    struct dht_status status;
    dht_get_status(g->node->dht.dht, env_now(&g->host.env), &status);
    return status.items;
}

static void a_node_that_comes_later_keeps_the_record_soon(void **state)
{
    struct sim_relay_story *s = *state;
    sim_gateway_stop(&s->mallory);
    sim_relay_story_wait(s, SEC(90));
    sim_gateway_start(&s->mallory);
    assert_int_equal(kept_by(&s->mallory), 0);
    sim_relay_story_wait(s, SEC(360));      /* 2 and 4 minutes after the first time */
    assert_true(kept_by(&s->mallory) >= 2); /* alice's and bob's */
}

static void a_number_never_serves_twice_also_when_the_clock_goes_back(void **state)
{
    struct sim_relay_story *s = *state;
    sim_relay_story_wait(s, SEC(20));
    struct sim_asking before = asks(&s->bob, &s->alice);
    sim_gateway_crash(&s->alice);
    s->world.wall_us -= 3600 * INT64_C(1000000);
    sim_gateway_start(&s->alice);
    sim_gateway_shares(&s->alice, "game", SERVICE_UDP, 7777, "127.0.0.1:7777");
    sim_relay_story_wait(s, SEC(30));
    struct sim_asking after = asks(&s->mallory, &s->alice);
    assert_int_equal(after.err, 0);
    assert_true(after.found.seq > before.found.seq);
    assert_int_equal(after.found.record.services, 2);
}

static void the_highest_number_seen_is_kept_on_disk(void **state)
{
    struct sim_relay_story *s = *state;
    char why[256];
    sim_relay_story_wait(s, SEC(20));
    struct sim_asking a = asks(&s->bob, &s->alice);
    sim_relay_story_wait(s, SEC(15)); /* the registry is written now and then */
    sim_gateway_crash(&s->bob);
    registry_free(s->bob.registry);
    assert_int_equal(registry_open(&s->bob.registry, &s->bob.host.env, why, sizeof(why)), 0);
    assert_int_equal(registry_peer(s->bob.registry, &s->alice.keys.id)->record_seq, a.found.seq);
    sim_gateway_start(&s->bob);
}

static void who_has_published_nothing_is_not_found(void **state)
{
    struct sim_relay_story *s = *state;
    sim_relay_story_wait(s, SEC(20));
    sim_gateway_stop(&s->bob);
    struct sim_asking a = asks(&s->alice, &s->mallory);
    assert_int_equal(a.err, 0); /* mallory does publish */
    struct sim_gateway nobody = {.keys = {.id = s->bob.keys.id}};
    nobody.keys.id.key[0] ^= 1;
    a = asks(&s->alice, &nobody);
    assert_int_equal(a.err, -ENOENT);
    sim_gateway_start(&s->bob);
}

static void without_a_dht_the_answer_comes_too(void **state)
{
    struct sim_relay_story *s = *state;
    s->bob.options.dht = NODE_DHT_OFF;
    sim_relay_restart(&s->bob);
    struct sim_asking a = asks(&s->bob, &s->alice);
    assert_int_equal(a.err, -EOPNOTSUPP);
    sim_relay_story_fails(s, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_peer_is_reached_by_its_key_alone),
        STORY(records_of_one_network_are_not_found_in_another),
        STORY(a_record_says_what_its_owner_wants_known),
        STORY(addresses_are_published_when_a_person_wants_it),
        STORY(a_change_is_published_soon),
        STORY(what_has_not_changed_keeps_its_number),
        STORY(a_node_that_comes_later_keeps_the_record_soon),
        STORY(a_number_never_serves_twice_also_when_the_clock_goes_back),
        STORY(the_highest_number_seen_is_kept_on_disk),
        STORY(who_has_published_nothing_is_not_found),
        STORY(without_a_dht_the_answer_comes_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
