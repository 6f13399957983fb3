/* Gateways behind NATs that have no relay, no STUN server and no mail: all that each has is the
 * other's id, and strangers' nodes of the DHT, which pass sealed messages on and tell each where it
 * is seen. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/invites.h"
#include "gateway/node/members.h"
#include "tests/sim/sim_gateway.h"
#include "tests/sim/sim_router.h"

#define ALICE    "203.0.113.1"
#define BOB      "198.51.100.2"
#define DHT_PORT 6881

enum { ALICE_LAN = 11, BOB_LAN = 12, NODES = 5 };

static const char *const NODE[NODES] = {"192.0.2.7/24", "198.18.1.7/24", "198.18.2.7/24",
                                        "198.18.3.7/24", "198.18.4.7/24"};

static struct stage {
    struct sim_world world;
    struct sim_access alice_home, bob_home;
    struct sim_gateway alice, bob, node[NODES];
} stage;

static void takes_part(struct sim_gateway *g, enum node_dht mode)
{
    const uint8_t any[4] = {0};

    g->options.dht = mode;
    g->options.dht_listen[0] = addr_v4(any, DHT_PORT);
    (void)snprintf(g->options.dht_bootstrap[0].host, sizeof(g->options.dht_bootstrap[0].host),
                   "192.0.2.7");
    g->options.dht_bootstrap[0].port = DHT_PORT;
}

static void place(struct sim_gateway *g, struct sim_access *home, const char *name, uint8_t number,
                  const char *preset, unsigned lan, const char *public)
{
    char address[ADDR_TEXT_MAX];

    sim_access_init(home, &stage.world, preset, lan, public);
    (void)snprintf(address, sizeof(address), "192.168.%u.2/24", lan);
    sim_gateway_init_at_home(g, &stage.world, name, number, home, address, MSEC(10));
    takes_part(g, NODE_DHT_CLIENT);
}

/* The nodes run; the two know each other's ids, and do not run yet. */
static void begin_at(int64_t wall_us, const char *alice_home, const char *bob_home)
{
    memset(&stage, 0, sizeof(stage));
    sim_world_init(&stage.world, 0);
    stage.world.wall_us = wall_us;
    for (unsigned i = 0; i < NODES; i++) {
        char name[8];
        (void)snprintf(name, sizeof(name), "node%u", i);
        sim_gateway_init(&stage.node[i], &stage.world, name, (uint8_t)(10 + i), INTERNET, NODE[i]);
        takes_part(&stage.node[i], NODE_DHT_SERVER);
        sim_gateway_start(&stage.node[i]);
    }
    place(&stage.alice, &stage.alice_home, "alice", 1, alice_home, ALICE_LAN, ALICE);
    place(&stage.bob, &stage.bob_home, "bob", 2, bob_home, BOB_LAN, BOB);
    sim_gateway_knows(&stage.alice, &stage.bob, "bob", NULL);
    sim_gateway_knows(&stage.bob, &stage.alice, "alice", NULL);
}

static void begin(const char *alice_home, const char *bob_home)
{
    begin_at(SIM_EPOCH_US + DHT_MAILBOX_HOUR_US / 3, alice_home, bob_home);
}

static void wait(instant span)
{
    (void)sim_world_run(&stage.world, span, NULL, NULL);
}

static void start(void)
{
    wait(SEC(5));
    sim_gateway_start(&stage.alice);
    sim_gateway_start(&stage.bob);
    wait(SEC(30));
}

static void leave(void)
{
    sim_gateway_deinit(&stage.bob);
    sim_gateway_deinit(&stage.alice);
    for (unsigned i = 0; i < NODES; i++)
        sim_gateway_deinit(&stage.node[i]);
    sim_access_deinit(&stage.bob_home);
    sim_access_deinit(&stage.alice_home);
    sim_world_deinit(&stage.world);
}

static bool meet_within(instant span)
{
    return sim_gateways_meet(&stage.alice, &stage.bob, span);
}

static void bob_tries(void)
{
    sim_gateway_tries(&stage.bob, &stage.alice);
}

static struct node_mailbox_view mailbox_of(const struct sim_gateway *g)
{
    struct node_mailbox_view view;
    node_mailbox(g->node, &view);
    return view;
}

/* ---- the sentences ---- */

static void two_behind_cone_nats_meet_with_nobodys_server(void **state)
{
    static const char *const HOMES[] = {"full_cone", "address_restricted", "port_restricted",
                                        "poisonable", "linux"};
    (void)state;

    for (size_t a = 0; a < sizeof(HOMES) / sizeof(HOMES[0]); a++)
        for (size_t b = 0; b < sizeof(HOMES) / sizeof(HOMES[0]); b++) {
            begin(HOMES[a], HOMES[b]);
            start();
            sim_gateway_connect(&stage.bob, &stage.alice);
            /* Alice looks every twenty seconds. */
            if (!meet_within(SEC(40)))
                fail_msg("%s, %s: %s", HOMES[a], HOMES[b],
                         sim_gateway_view(&stage.bob, &stage.alice).last_error);
            wait(SEC(30));
            assert_true(meet_within(0));
            assert_int_equal(mailbox_of(&stage.bob).sent, 1);
            assert_int_equal(mailbox_of(&stage.alice).sent, 1);
            assert_int_equal(mailbox_of(&stage.alice).dropped, 0);
            assert_int_equal(mailbox_of(&stage.bob).dropped, 0);
            leave();
        }
}

/* Alice may have looked just before the call, or be about to. */
static void it_takes_half_a_minute_at_most(void **state)
{
    enum { OFFSETS = 20 };
    instant sum = 0, most = 0;
    (void)state;

    for (unsigned i = 0; i < OFFSETS; i++) {
        begin("port_restricted", "port_restricted");
        start();
        wait(SEC(i));
        instant called = stage.world.now;
        sim_gateway_connect(&stage.bob, &stage.alice);
        assert_true(meet_within(SEC(30)));
        instant took = stage.world.now - called;
        sum += took;
        most = took > most ? took : most;
        leave();
    }
    print_message("# from call to direct path: %.1f s in the mean, %.1f s at most\n",
                  (double)sum / OFFSETS / 1e9, (double)most / 1e9);
}

static void both_call_at_once_and_meet(void **state)
{
    (void)state;
    begin("port_restricted", "linux");
    start();
    sim_gateway_connect(&stage.alice, &stage.bob);
    bob_tries();
    assert_true(meet_within(SEC(30)));
    leave();
}

/* The call is put in one hour, and read in the next. */
static void the_hour_may_change_between_call_and_answer(void **state)
{
    (void)state;
    for (int64_t s = 0; s < 30; s += 3) {
        begin_at(SIM_EPOCH_US + (3600 - 38 - s) * INT64_C(1000000), "port_restricted", "linux");
        start();
        sim_gateway_connect(&stage.bob, &stage.alice);
        assert_true(meet_within(SEC(45)));
        leave();
    }
}

static void they_meet_again_when_one_has_been_away(void **state)
{
    (void)state;
    begin("port_restricted", "linux");
    start();
    sim_gateway_stop(&stage.alice);
    bob_tries();
    assert_int_equal(stage.bob.wait_err, -ETIMEDOUT);
    assert_non_null(strstr(stage.bob.wait_why, "through the DHT"));
    wait(SEC(100));
    sim_gateway_start(&stage.alice); /* the call is still there */
    assert_true(meet_within(SEC(40)));
    leave();
}

static void what_is_switched_off_neither_calls_nor_looks(void **state)
{
    (void)state;
    begin("linux", "linux");
    stage.bob.options.no_dht_mailbox = true;
    start();
    bob_tries();
    assert_null(strstr(stage.bob.wait_why, "through the DHT"));
    wait(SEC(120));
    assert_false(meet_within(0));
    assert_string_equal(mailbox_of(&stage.bob).state, "off");
    assert_int_equal(mailbox_of(&stage.bob).polled, 0);
    assert_true(mailbox_of(&stage.alice).polled > 0);
    assert_int_equal(mailbox_of(&stage.alice).heard, 0);
    leave();
}

static void who_is_no_contact_is_neither_called_nor_heard(void **state)
{
    (void)state;
    begin("linux", "linux");
    assert_int_equal(registry_unname(stage.alice.registry, "bob"), 0);
    start();
    bob_tries();
    wait(SEC(120));
    assert_int_equal(mailbox_of(&stage.bob).sent, 1);
    assert_int_equal(mailbox_of(&stage.alice).polled, 0);
    assert_false(meet_within(0));
    leave();
}

static void a_contact_is_looked_for_every_twenty_seconds_by_few_packets(void **state)
{
    (void)state;
    begin("linux", "linux");
    start();
    wait(SEC(60));
    uint64_t polled = mailbox_of(&stage.bob).polled;
    wait(SEC(600));
    assert_in_range(mailbox_of(&stage.bob).polled - polled, 27, 31);
    leave();
}

static void who_is_reached_by_a_relay_looks_for_nobody(void **state)
{
    char id[PEER_ID_TEXT_MAX];
    (void)state;
    begin("linux", "linux");
    sim_gateway_stop(&stage.node[0]);
    stage.node[0].options.relay_serve = RELAY_SERVE_OPEN;
    sim_gateway_start(&stage.node[0]);
    (void)snprintf(stage.alice.options.relay_use[0], sizeof(stage.alice.options.relay_use[0]),
                   "%s@192.0.2.7:4433", peer_id_print(&stage.node[0].keys.id, id));
    start();
    uint64_t polled = mailbox_of(&stage.alice).polled;
    wait(SEC(120));
    assert_string_equal(mailbox_of(&stage.alice).state, "resting");
    assert_int_equal(mailbox_of(&stage.alice).polled, polled);
    sim_gateway_stop(&stage.node[0]);
    wait(SEC(120));
    assert_true(mailbox_of(&stage.alice).polled > polled);
    leave();
}

static void a_gateway_may_stop_while_a_message_is_on_its_way(void **state)
{
    (void)state;
    begin("linux", "linux");
    start();
    sim_gateway_connect(&stage.bob, &stage.alice);
    for (unsigned i = 0; i < 1000 && stage.bob.node->mailbox.writing != MAILBOX_DESK_LOOKS; i++)
        wait(MSEC(5));
    assert_int_equal(stage.bob.node->mailbox.writing, MAILBOX_DESK_LOOKS);
    sim_gateway_stop(&stage.bob);
    sim_gateway_start(&stage.bob);
    sim_gateway_connect(&stage.bob, &stage.alice);
    for (unsigned i = 0; i < 1000 && !stage.bob.node->mailbox.put.request; i++)
        wait(MSEC(5));
    assert_non_null(stage.bob.node->mailbox.put.request);
    sim_gateway_stop(&stage.bob);
    leave();
}

/* ---- strangers ---- */

struct joining {
    struct node_join join;
    bool over;
    int err;
};

static void on_joined(struct node_join *j, int err, const struct node_joined *joined,
                      const char *why)
{
    struct joining *joining = container_of(j, struct joining, join);
    (void)joined, (void)why;
    joining->over = true;
    joining->err = err;
}

static bool is_over(void *arg)
{
    return ((struct joining *)arg)->over;
}

/* Who has been made a contact just now is looked for at once. */
static void strangers_meet_by_an_invite_and_then_by_calls(void **state)
{
    struct joining joining = {.join.done = on_joined};
    struct node_invite invite;
    struct invite_code code;
    const char *word;
    size_t len;
    (void)state;
    begin("port_restricted", "linux");
    assert_int_equal(registry_unname(stage.alice.registry, "bob"), 0);
    assert_int_equal(registry_unname(stage.bob.registry, "alice"), 0);
    start();
    assert_int_equal(node_invite(stage.alice.node, "", 1, SEC(600), &invite), 0);
    wait(SEC(5));
    assert_int_equal(invite_code_parse(&code, invite.code, &word, &len), 0);
    assert_int_equal(node_join(stage.bob.node, &code, NULL, SEC(60), &joining.join), 0);
    assert_true(sim_world_run(&stage.world, SEC(70), is_over, &joining));
    assert_int_equal(joining.err, 0);
    sim_gateway_must_connect(&stage.bob, &stage.alice, SEC(10));
    assert_true(meet_within(SEC(1)));
    leave();
}

static void two_symmetric_nats_need_a_relay_and_are_told_so(void **state)
{
    (void)state;
    begin("sym_random", "sym_random");
    start();
    bob_tries();
    wait(SEC(60));
    bob_tries();
    assert_int_equal(stage.bob.wait_err, -ETIMEDOUT);
    assert_non_null(strstr(stage.bob.wait_why, "another port"));
    wait(SEC(600)); /* and do not go on for that */
    assert_in_range(mailbox_of(&stage.bob).sent, 2, 3);
    assert_in_range(mailbox_of(&stage.alice).sent, 2, 3);
    leave();
}

/* ---- hostile items ---- */

static void on_put(struct dht_call *call, const struct dht_event *e)
{
    (void)call;
    assert_int_equal(e->kind == DHT_DONE ? e->result : 0, 0);
}

/* What bob could write to alice, at a time. */
static void put_as_bob(const void *data, size_t len, int64_t wall_us)
{
    static struct dht_call call;
    struct dht_mailbox slots;
    struct dht_item item;

    dht_mailbox_init(&slots, &stage.bob.keys, stage.bob.node->hello.network);
    dht_mailbox_set_contacts(&slots, stage.world.now, &stage.alice.keys.id, 1);
    assert_int_equal(dht_mailbox_item(&slots, &stage.alice.keys.id, wall_us, data, len, &item), 0);
    dht_mailbox_deinit(&slots);
    call = (struct dht_call){.event = on_put};
    assert_int_equal(dht_desk_put(&stage.bob.node->dht, &call, &item, NULL), 0);
    wait(SEC(30));
    assert_null(call.request);
}

static int64_t wall_now(void)
{
    return env_wall_us(&stage.alice.host.env);
}

static void hostile_items_are_dropped_and_counted_once(void **state)
{
    static const uint8_t JUNK[900] = {1, 2, 3};
    (void)state;
    begin("linux", "linux");
    start();
    put_as_bob("", 0, wall_now());
    put_as_bob(JUNK, sizeof(JUNK), wall_now());
    wait(SEC(120));
    assert_int_equal(mailbox_of(&stage.alice).dropped, 2);
    assert_int_equal(mailbox_of(&stage.alice).heard, 0);
    bob_tries();
    assert_true(meet_within(SEC(40)));
    leave();
}

/* Bob's clock was two hours ahead when he called first: his slot of this hour has a number that is
 * higher than the time. */
static void a_clock_that_was_ahead_does_not_shut_bob_out(void **state)
{
    static struct dht_call call;
    struct dht_mailbox slots;
    struct dht_item item;
    (void)state;
    begin("linux", "linux");
    start();
    dht_mailbox_init(&slots, &stage.bob.keys, stage.bob.node->hello.network);
    dht_mailbox_set_contacts(&slots, stage.world.now, &stage.alice.keys.id, 1);
    dht_mailbox_met(&slots, &stage.alice.keys.id, wall_now() + 2 * DHT_MAILBOX_HOUR_US);
    assert_int_equal(
        dht_mailbox_item(&slots, &stage.alice.keys.id, wall_now(), (const uint8_t *)"x", 1, &item),
        0);
    dht_mailbox_deinit(&slots);
    call = (struct dht_call){.event = on_put};
    assert_int_equal(dht_desk_put(&stage.bob.node->dht, &call, &item, NULL), 0);
    wait(SEC(30));
    bob_tries();
    assert_true(meet_within(SEC(40)));
    leave();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_behind_cone_nats_meet_with_nobodys_server),
        cmocka_unit_test(it_takes_half_a_minute_at_most),
        cmocka_unit_test(both_call_at_once_and_meet),
        cmocka_unit_test(the_hour_may_change_between_call_and_answer),
        cmocka_unit_test(they_meet_again_when_one_has_been_away),
        cmocka_unit_test(what_is_switched_off_neither_calls_nor_looks),
        cmocka_unit_test(who_is_no_contact_is_neither_called_nor_heard),
        cmocka_unit_test(a_contact_is_looked_for_every_twenty_seconds_by_few_packets),
        cmocka_unit_test(who_is_reached_by_a_relay_looks_for_nobody),
        cmocka_unit_test(a_gateway_may_stop_while_a_message_is_on_its_way),
        cmocka_unit_test(strangers_meet_by_an_invite_and_then_by_calls),
        cmocka_unit_test(two_symmetric_nats_need_a_relay_and_are_told_so),
        cmocka_unit_test(hostile_items_are_dropped_and_counted_once),
        cmocka_unit_test(a_clock_that_was_ahead_does_not_shut_bob_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
