/* Friends tell one another of their friends: alice, bob, carol and dave in a row, each a contact of
 * the next, with no DHT, no relay and no local network between them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/members.h"
#include "tests/sim/sim_asking.h"
#include "tests/sim/sim_gateway.h"
#include "tests/sim/sim_program.h"

enum { PEOPLE = 4 };

struct story {
    struct sim_world world;
    struct sim_gateway alice, bob, carol, dave;
    struct sim_echo echo; /* carol's, for everybody */
    struct sim_caller caller;
};

static struct sim_gateway *person(struct story *s, unsigned i)
{
    struct sim_gateway *const people[PEOPLE] = {&s->alice, &s->bob, &s->carol, &s->dave};
    return people[i];
}

static const char *const NAME[PEOPLE] = {"alice", "bob", "carol", "dave"};

static void wait(struct story *s, instant span)
{
    (void)sim_world_run(&s->world, span, NULL, NULL);
}

static int begin(void **state)
{
    static const char *const ADDRESS[PEOPLE] = {"192.0.2.1/24", "198.51.100.2/24", "203.0.113.3/24",
                                                "45.33.12.4/24"};
    static const char *const AT[PEOPLE] = {"192.0.2.1:4433", "198.51.100.2:4433",
                                           "203.0.113.3:4433", "45.33.12.4:4433"};
    static struct story story;
    struct story *s = &story;

    memset(s, 0, sizeof(*s));
    sim_world_init(&s->world, 0);
    for (unsigned i = 0; i < PEOPLE; i++) {
        struct sim_gateway *g = person(s, i);
        sim_gateway_init(g, &s->world, NAME[i], (uint8_t)(i + 1), INTERNET, ADDRESS[i]);
        g->options.peer_exchange = g->options.publish_addresses = true;
    }
    sim_echo_init(&s->echo, &s->carol.host.env, "127.0.0.1:7000");
    for (unsigned i = 0; i + 1 < PEOPLE; i++) {
        sim_gateway_knows(person(s, i), person(s, i + 1), NAME[i + 1], AT[i + 1]);
        sim_gateway_knows(person(s, i + 1), person(s, i), NAME[i], AT[i]);
    }
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct story *s = *state;

    sim_caller_deinit(&s->caller);
    sim_echo_deinit(&s->echo);
    for (unsigned i = 0; i < PEOPLE; i++)
        sim_gateway_deinit(person(s, i));
    sim_world_deinit(&s->world);
    return 0;
}

#define STORY(test) cmocka_unit_test_setup_teardown(test, begin, end)

/* They start, and each calls the next. */
static void all_meet(struct story *s)
{
    for (unsigned i = 0; i < PEOPLE; i++)
        sim_gateway_start(person(s, i));
    sim_gateway_shares(&s->carol, "echo", SERVICE_BOTH, 7, "127.0.0.1:7000");
    for (unsigned i = 0; i + 1 < PEOPLE; i++)
        sim_gateway_must_connect(person(s, i), person(s, i + 1), SEC(5));
    wait(s, SEC(10));
}

static struct sim_asking asks(struct sim_gateway *who, const struct sim_gateway *about)
{
    return sim_gateway_asks(who, about, SEC(10));
}

static void is_told_by(const struct sim_asking *a, const struct sim_gateway *teller)
{
    assert_int_equal(a->err, 0);
    assert_true(a->found.told);
    assert_true(peer_id_equal(&a->found.told_by, &teller->keys.id));
}

/* ---- the sentences ---- */

static void a_friends_friend_is_found_and_reached_with_no_dht_and_no_relay(void **state)
{
    struct story *s = *state;
    all_meet(s);
    struct sim_asking a = asks(&s->alice, &s->carol);
    is_told_by(&a, &s->bob);
    assert_int_equal(a.found.record.relays, 0);
    assert_in_range(a.found.record.addrs, 1, PKARR_ADDRS_MAX);
    sim_gateway_must_connect(&s->alice, &s->carol, SEC(5));
    assert_int_equal(sim_gateway_view(&s->alice, &s->carol).state, PEER_DIRECT);
    sim_gateway_calls(&s->alice, &s->carol, &s->caller, 100000);
    sim_gateway_call_ends_well(&s->alice, &s->caller, SEC(10));
}

static void dialling_is_enough_to_ask_friends_of_friends(void **state)
{
    struct story *s = *state;
    all_meet(s);
    sim_gateway_shares(&s->dave, "web", SERVICE_TCP, 80, "127.0.0.1:80"); /* else he says no */
    sim_gateway_must_connect(&s->alice, &s->dave, SEC(8)); /* bob has not said a word of him */
    struct sim_asking a = asks(&s->alice, &s->dave);
    is_told_by(&a, &s->bob);
}

static void nobody_is_told_of_who_has_not_opted_in(void **state)
{
    struct story *s = *state;
    s->carol.options.peer_exchange = false;
    all_meet(s);
    assert_int_equal(asks(&s->alice, &s->carol).err, -ENOENT);
    assert_int_equal(asks(&s->alice, &s->dave).err, -ENOENT); /* nor does she pass him on */
    assert_null(exchange_desk_find(&s->bob.node->exchange, &s->carol.keys.id));
    sim_gateway_connect(&s->alice, &s->carol);
    assert_true(sim_world_run(&s->world, SEC(10), sim_gateway_connected, &s->alice));
    assert_int_equal(s->alice.wait_err, -EHOSTUNREACH);
}

static void who_has_switched_it_off_neither_asks_nor_is_told(void **state)
{
    struct story *s = *state;
    s->alice.options.peer_exchange = false;
    all_meet(s);
    assert_int_equal(asks(&s->alice, &s->carol).err, -EOPNOTSUPP);
    assert_int_equal(asks(&s->carol, &s->alice).err, -ENOENT);
}

static void strangers_with_a_session_are_told_nothing(void **state)
{
    struct story *s = *state;
    all_meet(s);
    sim_gateway_must_connect(&s->alice, &s->carol, SEC(5)); /* no contacts: the echo is public */
    wait(s, SEC(10));
    assert_null(exchange_desk_find(&s->alice.node->exchange, &s->dave.keys.id));
    struct exchange_counts counts;
    peer_exchange_counts(s->carol.node->exchange.exchange, &counts);
    assert_int_equal(counts.contacts, 2);
}

static void a_contact_that_has_moved_is_found_by_what_others_tell(void **state)
{
    struct story *s = *state;
    sim_gateway_knows(&s->alice, &s->carol, "carol", "203.0.113.99:4433"); /* where she was once */
    all_meet(s);
    assert_true(registry_peer(s->alice.registry, &s->carol.keys.id)->record_seq > 0);
    sim_gateway_must_connect(&s->alice, &s->carol, SEC(5));
}

/* ---- a contact that lies ---- */

static void tells(const struct sim_gateway *liar, const struct sim_gateway *to,
                  const struct dht_item *item)
{
    uint8_t out[EXCHANGE_MESSAGE_MAX];
    const struct krpc_bytes packet = dht_item_bytes(item);
    struct exchange_message m = {.type = EXCHANGE_RECORD,
                                 .body = {.sig = item->sig,
                                          .seq = (uint64_t)item->seq,
                                          .packet = packet.at,
                                          .packet_len = packet.len}};
    const struct member *member = member_find(liar->node, &to->keys.id);

    memcpy(m.key, item->key, sizeof(m.key));
    const struct message_part part = exchange_message_write(&m, out);
    peer_tell_part(peer_conn(&member->peer), &part);
}

static int64_t seq_of_carol(struct story *s)
{
    struct sim_asking a = asks(&s->alice, &s->carol);
    assert_int_equal(a.err, 0);
    return a.found.seq;
}

static void a_hostile_friend_can_neither_forge_nor_roll_back(void **state)
{
    struct story *s = *state;
    struct exchange_counts counts;
    all_meet(s);
    const struct dht_item first =
        exchange_desk_find(&s->bob.node->exchange, &s->carol.keys.id)->item;
    int64_t before = seq_of_carol(s);
    sim_gateway_shares(&s->carol, "game", SERVICE_UDP, 7777, "127.0.0.1:7777");
    wait(s, SEC(10));
    int64_t after = seq_of_carol(s);
    assert_true(after > before);

    tells(&s->bob, &s->alice, &first);
    struct dht_item forged = first;
    forged.seq = after + 1;
    tells(&s->bob, &s->alice, &forged);
    forged = first;
    dht_item_sign(&forged, &s->bob.keys);
    memcpy(forged.key, s->carol.keys.id.key, sizeof(forged.key));
    forged.seq = after + 2;
    tells(&s->bob, &s->alice, &forged);
    wait(s, SEC(2));
    assert_int_equal(seq_of_carol(s), after);
    peer_exchange_counts(s->alice.node->exchange.exchange, &counts);
    assert_int_equal(counts.old, 1);
    assert_int_equal(counts.forged, 2);
}

static void nor_after_a_restart_what_is_known_of_a_contact(void **state)
{
    struct story *s = *state;
    sim_gateway_knows(&s->alice, &s->carol, "carol", NULL);
    all_meet(s);
    const struct dht_item first =
        exchange_desk_find(&s->bob.node->exchange, &s->carol.keys.id)->item;
    sim_gateway_shares(&s->carol, "game", SERVICE_UDP, 7777, "127.0.0.1:7777");
    wait(s, SEC(30));
    int64_t after = seq_of_carol(s);
    assert_true(after > first.seq);
    sim_gateway_stop(&s->carol);
    sim_gateway_stop(&s->alice);
    sim_gateway_start(&s->alice);
    exchange_desk_stop(&s->bob.node->exchange); /* from now on he says what the test says */
    sim_gateway_must_connect(&s->alice, &s->bob, SEC(5));
    wait(s, SEC(5));
    tells(&s->bob, &s->alice, &first);
    wait(s, SEC(5));
    assert_null(exchange_desk_find(&s->alice.node->exchange, &s->carol.keys.id));
    assert_int_equal(registry_peer(s->alice.registry, &s->carol.keys.id)->record_seq, after);
}

static void all_is_quiet_between_the_hours(void **state)
{
    struct story *s = *state;
    struct exchange_counts before, after;
    all_meet(s);
    peer_exchange_counts(s->bob.node->exchange.exchange, &before);
    assert_int_equal(before.contacts, 2);
    assert_int_equal(before.known, 3); /* alice, carol, and dave of whom she told */
    wait(s, SEC(3000));
    peer_exchange_counts(s->bob.node->exchange.exchange, &after);
    assert_int_equal(after.taken, before.taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_friends_friend_is_found_and_reached_with_no_dht_and_no_relay),
        STORY(dialling_is_enough_to_ask_friends_of_friends),
        STORY(nobody_is_told_of_who_has_not_opted_in),
        STORY(who_has_switched_it_off_neither_asks_nor_is_told),
        STORY(strangers_with_a_session_are_told_nothing),
        STORY(a_contact_that_has_moved_is_found_by_what_others_tell),
        STORY(a_hostile_friend_can_neither_forge_nor_roll_back),
        STORY(nor_after_a_restart_what_is_known_of_a_contact),
        STORY(all_is_quiet_between_the_hours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
