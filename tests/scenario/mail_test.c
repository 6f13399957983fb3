/* Gateways behind NATs that have no relay and no DHT, but mail; or people who carry messages. A
 * STUN server tells them how they are seen: nobody between passes anything on. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/members.h"
#include "tests/sim/sim_gateway.h"
#include "tests/sim/sim_mail.h"
#include "tests/sim/sim_router.h"

#define ALICE       "203.0.113.1"
#define BOB         "198.51.100.2"
#define STUN        "192.0.2.7"
#define VICTIM      "198.51.100.77"
#define ALICES_MAIL "alice@mail.example"
#define BOBS_MAIL   "bob@mail.example"

enum { ALICE_LAN = 11, BOB_LAN = 12 };

static struct stage {
    struct sim_world world;
    struct sim_access alice_home, bob_home;
    struct sim_gateway alice, bob, stun;
} stage;

static void place(struct sim_gateway *g, struct sim_access *home, const char *name, uint8_t number,
                  const char *preset, unsigned lan, const char *public)
{
    char address[ADDR_TEXT_MAX];

    sim_access_init(home, &stage.world, preset, lan, public);
    (void)snprintf(address, sizeof(address), "192.168.%u.2/24", lan);
    sim_gateway_init_at_home(g, &stage.world, name, number, home, address, MSEC(10));
    (void)snprintf(g->options.stun[0].host, sizeof(g->options.stun[0].host), STUN);
    g->options.stun[0].port = SIM_GATEWAY_PORT;
}

static void subscribe(struct sim_gateway *g, const char *address)
{
    struct node_mail *o = &g->options.mail;

    (void)snprintf(o->smtp, sizeof(o->smtp), "smtps://mail.example");
    (void)snprintf(o->imap, sizeof(o->imap), "imaps://mail.example");
    (void)snprintf(o->user, sizeof(o->user), "%s", address);
    (void)snprintf(o->from, sizeof(o->from), "%s", address);
}

/* Both are there, and not yet running; the STUN server runs. */
static void begin(const char *alice_home, const char *bob_home)
{
    memset(&stage, 0, sizeof(stage));
    sim_world_init(&stage.world, 0);
    sim_gateway_init(&stage.stun, &stage.world, "stun", 9, INTERNET, STUN "/24");
    stage.stun.options.relay_serve = RELAY_SERVE_OPEN;
    sim_gateway_start(&stage.stun);
    place(&stage.alice, &stage.alice_home, "alice", 1, alice_home, ALICE_LAN, ALICE);
    place(&stage.bob, &stage.bob_home, "bob", 2, bob_home, BOB_LAN, BOB);
}

static void wait(instant span)
{
    (void)sim_world_run(&stage.world, span, NULL, NULL);
}

static void knows(struct sim_gateway *g, const struct sim_gateway *other, const char *alias,
                  const char *mail)
{
    int err;
    struct known_peer *p = registry_peer_add(g->registry, &other->keys.id, &err);

    assert_non_null(p);
    (void)snprintf(p->mail, sizeof(p->mail), "%s", mail);
    sim_gateway_knows(g, other, alias, NULL);
}

static void start(void)
{
    sim_gateway_start(&stage.alice);
    sim_gateway_start(&stage.bob);
    wait(SEC(3));
}

static void leave(void)
{
    sim_gateway_deinit(&stage.bob);
    sim_gateway_deinit(&stage.alice);
    sim_gateway_deinit(&stage.stun);
    sim_access_deinit(&stage.bob_home);
    sim_access_deinit(&stage.alice_home);
    sim_world_deinit(&stage.world);
}

/* Both have mail, and know each other by it and their ids alone. */
static void begin_with_mail(const char *alice_home, const char *bob_home)
{
    begin(alice_home, bob_home);
    subscribe(&stage.alice, ALICES_MAIL);
    subscribe(&stage.bob, BOBS_MAIL);
    knows(&stage.alice, &stage.bob, "bob", BOBS_MAIL);
    knows(&stage.bob, &stage.alice, "alice", ALICES_MAIL);
}

static bool meet_within(instant span)
{
    return sim_gateways_meet(&stage.alice, &stage.bob, span);
}

static void bob_tries(void)
{
    sim_gateway_tries(&stage.bob, &stage.alice);
}

static struct node_mail_view mail_of(const struct sim_gateway *g)
{
    struct node_mail_view view;
    node_mail(g->node, &view);
    return view;
}

/* ---- by mail ---- */

static void two_behind_nats_meet_by_mail_alone(void **state)
{
    static const char *const HOMES[] = {"full_cone", "address_restricted", "port_restricted",
                                        "poisonable", "linux"};
    (void)state;

    for (size_t a = 0; a < sizeof(HOMES) / sizeof(HOMES[0]); a++)
        for (size_t b = 0; b < sizeof(HOMES) / sizeof(HOMES[0]); b++) {
            begin_with_mail(HOMES[a], HOMES[b]);
            start();
            bob_tries();
            assert_int_equal(stage.bob.wait_err, -EHOSTUNREACH);
            assert_non_null(strstr(stage.bob.wait_why, "by mail"));
            /* Alice looks every five minutes; the answer, every twenty seconds. */
            if (!meet_within(SEC(400)))
                fail_msg("%s, %s: %s", HOMES[a], HOMES[b],
                         sim_gateway_view(&stage.bob, &stage.alice).last_error);
            wait(SEC(30));
            assert_int_equal(sim_mail_sent(&stage.world, ALICES_MAIL), 1);
            assert_int_equal(sim_mail_sent(&stage.world, BOBS_MAIL), 1);
            assert_int_equal(sim_mail_count(&stage.world, ALICES_MAIL), 0);
            assert_int_equal(sim_mail_count(&stage.world, BOBS_MAIL), 0);
            leave();
        }
}

static void who_waits_looks_for_mail_every_twenty_seconds(void **state)
{
    (void)state;
    begin_with_mail("linux", "linux");
    start();
    unsigned before = stage.world.mail->fetches;
    wait(SEC(900));
    assert_in_range(stage.world.mail->fetches - before, 5, 8); /* both, every five minutes */
    bob_tries();
    sim_gateway_stop(&stage.alice);
    before = stage.world.mail->fetches;
    wait(SEC(300));
    assert_in_range(stage.world.mail->fetches - before, 13, 16);
    leave();
}

static void both_call_at_once_and_meet(void **state)
{
    (void)state;
    begin_with_mail("port_restricted", "linux");
    start();
    sim_gateway_connect(&stage.alice, &stage.bob);
    bob_tries();
    assert_true(meet_within(SEC(100)));
    leave();
}

static void who_has_nobodys_mail_address_gets_and_writes_none(void **state)
{
    (void)state;
    begin_with_mail("linux", "linux");
    registry_peer_by_alias(stage.bob.registry, "alice")->mail[0] = '\0';
    start();
    bob_tries();
    assert_null(strstr(stage.bob.wait_why, "mail"));
    wait(SEC(120));
    assert_int_equal(sim_mail_sent(&stage.world, ALICES_MAIL), 0);
    leave();
}

static void whom_nothing_else_reaches_gets_ever_fewer_mails(void **state)
{
    (void)state;
    begin_with_mail("linux", "linux");
    sim_gateway_start(&stage.bob);
    wait(SEC(3));
    for (unsigned minute = 0; minute < 180; minute++) {
        bob_tries();
        wait(SEC(50));
    }
    assert_in_range(sim_mail_sent(&stage.world, ALICES_MAIL), 7, 9); /* 1, 2, 4 .. 60 minutes */
    leave();
}

static void a_server_that_is_down_is_told_of_and_tried_again(void **state)
{
    (void)state;
    begin_with_mail("linux", "linux");
    sim_mail_put(&stage.world, "nobody@mail.example", "");
    stage.world.mail->down = true;
    start();
    wait(SEC(20));
    assert_string_equal(mail_of(&stage.bob).state, "mail.example: no answer");
    stage.world.mail->down = false;
    wait(SEC(330));
    assert_string_equal(mail_of(&stage.bob).state, "on");
    bob_tries();
    assert_true(meet_within(SEC(400)));
    leave();
}

static void a_gateway_may_stop_while_mail_is_on_its_way(void **state)
{
    (void)state;
    begin_with_mail("linux", "linux");
    start();
    sim_gateway_connect(&stage.bob, &stage.alice);
    for (unsigned i = 0; i < 100 && !stage.bob.node->mail.send.work; i++)
        wait(MSEC(100));
    assert_non_null(stage.bob.node->mail.send.work);
    sim_gateway_stop(&stage.bob);
    leave();
}

/* ---- hostile mail ---- */

static void hostile_mail_is_dropped_and_counted(void **state)
{
    static const char *const JUNK[] = {
        "buy now", "-----BEGIN OVERLAY MESSAGE-----\nyyyy\n-----END OVERLAY MESSAGE-----\n",
        "-----BEGIN OVERLAY MESSAGE-----\n", "-----BEGIN OVERLAY MESSAGE-----\n\xff\n"};
    (void)state;
    begin_with_mail("linux", "linux");
    for (size_t i = 0; i < sizeof(JUNK) / sizeof(JUNK[0]); i++)
        sim_mail_put(&stage.world, BOBS_MAIL, JUNK[i]);
    start();
    wait(SEC(1));
    assert_int_equal(mail_of(&stage.bob).dropped, sizeof(JUNK) / sizeof(JUNK[0]));
    assert_int_equal(mail_of(&stage.bob).heard, 0);
    assert_int_equal(sim_mail_count(&stage.world, BOBS_MAIL), 4); /* they may be somebody's */
    bob_tries();
    assert_true(meet_within(SEC(400)));
    leave();
}

static void a_message_that_is_sent_again_does_nothing(void **state)
{
    char again[NODE_MESSAGE_MAX];
    (void)state;
    begin_with_mail("linux", "linux");
    start();
    bob_tries();
    assert_true(meet_within(SEC(400)));
    (void)snprintf(again, sizeof(again), "%s", sim_mail_last(&stage.world, ALICES_MAIL)->text);
    uint64_t before = mail_of(&stage.alice).dropped;
    sim_mail_put(&stage.world, ALICES_MAIL, again);
    wait(SEC(60));
    assert_int_equal(mail_of(&stage.alice).dropped, before + 1);
    assert_int_equal(sim_mail_sent(&stage.world, BOBS_MAIL), 1);
    leave();
}

enum { OPENER = 8 }; /* bytes: they get no further than our own NAT */

struct ears {
    unsigned packets;
};

static void count_packets(void *arg, const struct addr *from, const struct addr *to,
                          const uint8_t *data, size_t len)
{
    struct ears *ears = arg;
    struct addr victim;

    (void)from, (void)data;
    assert_int_equal(addr_parse(&victim, VICTIM ":4433"), 0);
    ears->packets += len > OPENER && addr_same_ip(to, &victim);
}

/* Mallory is a contact, and says that she is at somebody else's. */
static void a_contact_that_lies_about_where_it_is_has_few_packets_sent_there(void **state)
{
    struct ears ears = {0};
    struct sim_host victim;
    (void)state;
    begin_with_mail("linux", "public");
    sim_host_init(&victim, &stage.world, "victim");
    (void)sim_host_join(&victim, INTERNET, VICTIM "/24");
    assert_int_equal(addr_parse(&stage.bob.options.external[0], VICTIM ":4433"), 0);
    start();
    stage.world.tap = count_packets;
    stage.world.tap_arg = &ears;
    stage.bob.host.down.down = true; /* she listens to nothing, and writes once a minute */
    for (unsigned i = 0; i < 30; i++) {
        bob_tries();
        wait(SEC(50));
    }
    assert_true(mail_of(&stage.alice).heard > 0);
    assert_in_range(ears.packets, 1, PUNCH_BUDGET_PROBES + 4);
    stage.world.tap = NULL;
    sim_host_deinit(&victim);
    leave();
}

/* ---- by hand ---- */

static void begin_by_hand(const char *alice_home, const char *bob_home)
{
    begin(alice_home, bob_home);
    sim_gateway_knows(&stage.alice, &stage.bob, "bob", NULL);
    sim_gateway_knows(&stage.bob, &stage.alice, "alice", NULL);
    start();
}

static void two_behind_nats_meet_by_hand(void **state)
{
    static const char *const HOMES[] = {"port_restricted", "poisonable", "linux"};
    (void)state;

    for (size_t a = 0; a < 3; a++)
        for (size_t b = 0; b < 3; b++) {
            char call[NODE_MESSAGE_MAX], answer[NODE_MESSAGE_MAX];
            struct node_message m;
            begin_by_hand(HOMES[a], HOMES[b]);
            assert_int_equal(node_mail_write(stage.bob.node, &stage.alice.keys.id, NULL, call), 0);
            wait(SEC(90)); /* a person is slow */
            assert_int_equal(node_mail_read(stage.alice.node, call, strlen(call), &m), 0);
            assert_false(m.answers);
            assert_int_equal(node_mail_write(stage.alice.node, &stage.bob.keys.id, m.id, answer),
                             0);
            wait(SEC(150));
            assert_int_equal(node_mail_read(stage.bob.node, answer, strlen(answer), &m), 0);
            assert_true(m.answers);
            if (!meet_within(SEC(10)))
                fail_msg("%s, %s: %s", HOMES[a], HOMES[b],
                         sim_gateway_view(&stage.bob, &stage.alice).last_error);
            leave();
        }
}

static void a_message_is_good_for_ten_minutes_and_for_its_receiver_alone(void **state)
{
    char call[NODE_MESSAGE_MAX];
    struct node_message m;
    (void)state;
    begin_by_hand("linux", "linux");
    assert_int_equal(node_mail_write(stage.bob.node, &stage.stun.keys.id, NULL, call), -ENOENT);
    assert_int_equal(node_mail_write(stage.bob.node, &stage.alice.keys.id, NULL, call), 0);
    assert_int_equal(node_mail_read(stage.bob.node, call, strlen(call), &m), -EPERM);
    assert_int_equal(node_mail_read(stage.stun.node, call, strlen(call), &m), -EPERM);
    wait(SEC(601));
    assert_int_equal(node_mail_read(stage.alice.node, call, strlen(call), &m), -ETIME);
    assert_int_equal(node_mail_read(stage.alice.node, "hello", 5, &m), -ENOMSG);
    leave();
}

static void a_strangers_message_is_told_from_a_contacts(void **state)
{
    char call[NODE_MESSAGE_MAX];
    struct node_message m;
    (void)state;
    begin_by_hand("linux", "linux");
    assert_int_equal(registry_unname(stage.alice.registry, "bob"), 0);
    node_registry_changed(stage.alice.node);
    assert_int_equal(node_mail_write(stage.bob.node, &stage.alice.keys.id, NULL, call), 0);
    assert_int_equal(node_mail_read(stage.alice.node, call, strlen(call), &m), -ENOENT);
    assert_true(peer_id_equal(&m.from, &stage.bob.keys.id));
    leave();
}

static void a_message_names_the_relays_of_its_sender(void **state)
{
    char call[NODE_MESSAGE_MAX], id[PEER_ID_TEXT_MAX], relay[PEER_RELAY_MAX + 1];
    struct node_message m;
    (void)state;
    begin("linux", "linux");
    (void)snprintf(relay, sizeof(relay), "%s@" STUN ":4433",
                   peer_id_print(&stage.stun.keys.id, id));
    (void)snprintf(stage.alice.options.relay_use[0], sizeof(relay), "%s", relay);
    sim_gateway_knows(&stage.alice, &stage.bob, "bob", NULL);
    sim_gateway_knows(&stage.bob, &stage.alice, "alice", NULL);
    start();
    assert_int_equal(node_mail_write(stage.alice.node, &stage.bob.keys.id, NULL, call), 0);
    assert_int_equal(node_mail_read(stage.bob.node, call, strlen(call), &m), 0);
    assert_string_equal(registry_peer_by_alias(stage.bob.registry, "alice")->its_relay[0], relay);
    bob_tries();
    assert_int_equal(stage.bob.wait_err, 0);
    leave();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_behind_nats_meet_by_mail_alone),
        cmocka_unit_test(who_waits_looks_for_mail_every_twenty_seconds),
        cmocka_unit_test(both_call_at_once_and_meet),
        cmocka_unit_test(who_has_nobodys_mail_address_gets_and_writes_none),
        cmocka_unit_test(whom_nothing_else_reaches_gets_ever_fewer_mails),
        cmocka_unit_test(a_server_that_is_down_is_told_of_and_tried_again),
        cmocka_unit_test(a_gateway_may_stop_while_mail_is_on_its_way),
        cmocka_unit_test(hostile_mail_is_dropped_and_counted),
        cmocka_unit_test(a_message_that_is_sent_again_does_nothing),
        cmocka_unit_test(a_contact_that_lies_about_where_it_is_has_few_packets_sent_there),
        cmocka_unit_test(two_behind_nats_meet_by_hand),
        cmocka_unit_test(a_message_is_good_for_ten_minutes_and_for_its_receiver_alone),
        cmocka_unit_test(a_strangers_message_is_told_from_a_contacts),
        cmocka_unit_test(a_message_names_the_relays_of_its_sender),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
