/* Calls by ICMP between gateways that have nobody between them: no relay, no STUN server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/punch_budget.h"
#include "tests/sim/sim_gateway.h"
#include "tests/sim/sim_router.h"

#define ALICE  "203.0.113.1"
#define BOB    "198.51.100.2"
#define VICTIM "198.51.100.77"
#define WITHIN SEC(10)

enum { ALICE_LAN = 11, BOB_LAN = 12 };

static struct stage {
    struct sim_world world;
    struct sim_access alice_home, bob_home;
    struct sim_gateway alice, bob;
    struct sim_host victim;
    struct udp_socket *ears; /* the victim's */
    unsigned bothered;       /* datagrams that the victim got */
} stage;

static void place(struct sim_gateway *g, struct sim_access *home, const char *name, uint8_t number,
                  const char *preset, unsigned lan, const char *public)
{
    char address[ADDR_TEXT_MAX];

    sim_access_init(home, &stage.world, preset, lan, public);
    (void)snprintf(address, sizeof(address), "192.168.%u.2/24", lan);
    sim_gateway_init_at_home(g, &stage.world, name, number, home, address, MSEC(10));
    g->options.pwnat = true;
}

/* Both are there, and not yet running. */
static void begin(const char *alice_home, const char *bob_home)
{
    memset(&stage, 0, sizeof(stage));
    sim_world_init(&stage.world, 0);
    place(&stage.alice, &stage.alice_home, "alice", 1, alice_home, ALICE_LAN, ALICE);
    place(&stage.bob, &stage.bob_home, "bob", 2, bob_home, BOB_LAN, BOB);
}

static void wait(instant span)
{
    (void)sim_world_run(&stage.world, span, NULL, NULL);
}

/* Alice knows bob at an address, or (NULL) only who he is. */
static void start(const char *bobs_address)
{
    sim_gateway_start(&stage.alice);
    sim_gateway_start(&stage.bob);
    sim_gateway_knows(&stage.alice, &stage.bob, "bob", bobs_address);
    sim_gateway_knows(&stage.bob, &stage.alice, "alice", ALICE ":4433");
    wait(SEC(1));
}

static void leave(void)
{
    sim_gateway_deinit(&stage.bob);
    sim_gateway_deinit(&stage.alice);
    sim_access_deinit(&stage.bob_home);
    sim_access_deinit(&stage.alice_home);
    sim_world_deinit(&stage.world);
}

static bool bob_connects(void)
{
    sim_gateway_connect(&stage.bob, &stage.alice);
    assert_true(sim_world_run(&stage.world, WITHIN, sim_gateway_connected, &stage.bob));
    return stage.bob.wait_err == 0;
}

static struct node_nat seen_by(const struct sim_gateway *g)
{
    struct node_nat nat;
    node_nat(g->node, &nat);
    return nat;
}

/* ---- who gets through ---- */

static void whoever_has_a_public_address_calls_a_gateway_behind_a_nat(void **state)
{
    static const char *const HOMES[] = {"address_restricted", "port_restricted", "poisonable",
                                        "linux"};
    (void)state;

    for (size_t i = 0; i < sizeof(HOMES) / sizeof(HOMES[0]); i++) {
        begin(HOMES[i], "public");
        start(NULL);
        if (!bob_connects())
            fail_msg("%s: %s", HOMES[i], stage.bob.wait_why);
        assert_int_equal(seen_by(&stage.alice).pwnat_calls, 1);
        leave();
    }
}

static void two_behind_nats_meet_when_both_know_where(void **state)
{
    static const char *const HOMES[] = {"address_restricted", "port_restricted", "poisonable",
                                        "linux"};
    (void)state;

    for (size_t a = 0; a < 4; a++)
        for (size_t b = 0; b < 4; b++) {
            begin(HOMES[a], HOMES[b]);
            start(BOB ":4433");
            if (!bob_connects())
                fail_msg("%s, %s: %s", HOMES[a], HOMES[b], stage.bob.wait_why);
            assert_int_equal(sim_gateway_view(&stage.bob, &stage.alice).state, PEER_DIRECT);
            leave();
        }
}

static void a_caller_behind_a_nat_may_say_its_address_itself(void **state)
{
    (void)state;
    begin("port_restricted", "port_restricted");
    assert_int_equal(addr_parse(&stage.bob.options.external[0], BOB ":4433"), 0);
    start(NULL);
    assert_true(bob_connects());
    leave();
}

static void it_works_after_hours_of_silence(void **state)
{
    (void)state;
    begin("linux", "public");
    start(NULL);
    wait(SEC(3 * 3600) + SEC(24));
    assert_true(bob_connects());
    leave();
}

static void the_session_lives_on_and_the_next_one_is_made_the_same_way(void **state)
{
    (void)state;
    begin("poisonable", "poisonable");
    start(BOB ":4433");
    assert_true(bob_connects());
    wait(SEC(600));
    assert_int_equal(sim_gateway_view(&stage.bob, &stage.alice).state, PEER_DIRECT);
    sim_gateway_crash(&stage.bob);
    wait(SEC(600));
    sim_gateway_start(&stage.bob);
    assert_true(bob_connects());
    leave();
}

/* ---- who does not ---- */

static void a_nat_that_changes_the_identifier_cannot_be_called_through(void **state)
{
    static const char *const HOMES[] = {"sym_seq", "sym_random", "sym_block512"};
    (void)state;

    for (size_t i = 0; i < sizeof(HOMES) / sizeof(HOMES[0]); i++) {
        begin(HOMES[i], "public");
        start(NULL);
        assert_false(bob_connects());
        assert_int_equal(seen_by(&stage.alice).pwnat_calls, 0);
        leave();
    }
}

static void without_the_option_on_either_side_there_is_no_way(void **state)
{
    (void)state;
    for (unsigned off = 0; off < 2; off++) {
        begin("port_restricted", "port_restricted");
        (off == 0 ? &stage.alice : &stage.bob)->options.pwnat = false;
        start(BOB ":4433");
        assert_false(bob_connects());
        assert_int_equal(strstr(stage.bob.wait_why, "ICMP") != NULL, off == 0); /* who called */
        leave();
    }
}

static void without_the_privilege_a_gateway_runs_and_says_what_is_missing(void **state)
{
    (void)state;
    begin("port_restricted", "public");
    stage.alice.host.raw_error = -1; /* EPERM */
    start(NULL);
    assert_non_null(strstr(seen_by(&stage.alice).pwnat, "CAP_NET_RAW"));
    assert_string_equal(seen_by(&stage.bob).pwnat, "on");
    assert_false(bob_connects());
    leave();
}

/* ---- what nobody may have us do ---- */

static void count_datagrams(void *arg, const struct udp_rx *rx)
{
    (void)arg;
    stage.bothered += (unsigned)((rx->len + rx->segment - 1) / rx->segment);
}

static const struct udp_handler EARS = {count_datagrams, NULL};

static void begin_victim(void)
{
    struct addr at;

    sim_host_init(&stage.victim, &stage.world, "victim");
    (void)sim_host_join(&stage.victim, INTERNET, VICTIM "/24");
    assert_int_equal(addr_parse(&at, VICTIM ":4433"), 0);
    assert_int_equal(udp_open(&stage.victim.env, &stage.ears, &at, 0, &EARS, NULL), 0);
}

static void end_victim(void)
{
    udp_close(&stage.victim.env, stage.ears);
    sim_host_deinit(&stage.victim);
}

static void a_contact_that_lies_about_its_address_bothers_that_with_few_packets(void **state)
{
    (void)state;
    begin("port_restricted", "port_restricted");
    begin_victim();
    assert_int_equal(addr_parse(&stage.bob.options.external[0], VICTIM ":4433"), 0);
    start(NULL);
    for (unsigned i = 0; i < 100; i++) { /* a quarter of an hour, without a pause */
        assert_false(bob_connects());
        assert_true(stage.bothered <= PUNCH_BUDGET_PROBES);
    }
    assert_true(seen_by(&stage.alice).pwnat_calls >= 100);
    assert_true(stage.bothered > PUNCH_BUDGET_PROBES / 2); /* it was worth the trouble */
    end_victim();
    leave();
}

static struct {
    unsigned to_bob;
} taps;

static void watch_bob(void *arg, const struct addr *from, const struct addr *to,
                      const uint8_t *data, size_t len)
{
    struct addr bob, alice;
    (void)arg;
    (void)data;
    (void)len;
    assert_int_equal(addr_parse(&bob, BOB ":4433"), 0);
    assert_int_equal(addr_parse(&alice, ALICE ":4433"), 0);
    taps.to_bob += addr_same_ip(to, &bob) && addr_same_ip(from, &alice);
}

static void who_is_no_contact_gets_not_one_packet(void **state)
{
    (void)state;
    begin("port_restricted", "public");
    taps.to_bob = 0;
    stage.world.tap = watch_bob;
    sim_gateway_start(&stage.alice);
    sim_gateway_start(&stage.bob);
    sim_gateway_knows(&stage.bob, &stage.alice, "alice", ALICE ":4433");
    wait(SEC(1));
    assert_false(bob_connects());
    assert_int_equal(taps.to_bob, 0);
    assert_int_equal(seen_by(&stage.alice).pwnat_calls, 0);
    assert_true(seen_by(&stage.alice).pwnat_ignored > 0);
    leave();
}

static void two_that_cannot_meet_do_not_go_on_calling_one_another(void **state)
{
    (void)state;
    begin("sym_random", "sym_random");
    start(BOB ":4433");
    assert_false(bob_connects());
    wait(SEC(30));
    uint64_t calls = seen_by(&stage.alice).pwnat_calls + seen_by(&stage.bob).pwnat_calls;
    wait(SEC(3600));
    assert_int_equal(seen_by(&stage.alice).pwnat_calls + seen_by(&stage.bob).pwnat_calls, calls);
    leave();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_has_a_public_address_calls_a_gateway_behind_a_nat),
        cmocka_unit_test(two_behind_nats_meet_when_both_know_where),
        cmocka_unit_test(a_caller_behind_a_nat_may_say_its_address_itself),
        cmocka_unit_test(it_works_after_hours_of_silence),
        cmocka_unit_test(the_session_lives_on_and_the_next_one_is_made_the_same_way),
        cmocka_unit_test(a_nat_that_changes_the_identifier_cannot_be_called_through),
        cmocka_unit_test(without_the_option_on_either_side_there_is_no_way),
        cmocka_unit_test(without_the_privilege_a_gateway_runs_and_says_what_is_missing),
        cmocka_unit_test(a_contact_that_lies_about_its_address_bothers_that_with_few_packets),
        cmocka_unit_test(who_is_no_contact_gets_not_one_packet),
        cmocka_unit_test(two_that_cannot_meet_do_not_go_on_calling_one_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
