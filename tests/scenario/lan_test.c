/* Gateways on one LAN find each other without anybody naming an address, and without internet. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_gateway.h"
#include "tests/sim/sim_program.h"

#define HOME 1
#define WORK 2

struct lan_story {
    struct sim_world world;
    struct sim_gateway alice, bob;
};

static int begin(void **state)
{
    static struct lan_story story;
    struct lan_story *s = &story;
    memset(s, 0, sizeof(*s));
    sim_world_init(&s->world, 0);
    sim_gateway_init(&s->alice, &s->world, "alice", 1, HOME, "192.168.1.10/24");
    sim_gateway_init(&s->bob, &s->world, "bob", 2, HOME, "192.168.1.20/24");
    s->alice.options.lan = s->bob.options.lan = LAN_PRIVATE;
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct lan_story *s = *state;
    sim_gateway_deinit(&s->bob);
    sim_gateway_deinit(&s->alice);
    sim_world_deinit(&s->world);
    return 0;
}

static void lets_contacts_find_each_other(void **state)
{
    struct lan_story *s = *state;
    sim_gateway_start(&s->alice);
    sim_gateway_start(&s->bob);
    sim_gateway_knows(&s->alice, &s->bob, "bob", NULL);
    sim_gateway_knows(&s->bob, &s->alice, "alice", NULL);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_DIRECT);
}

static void lets_one_sided_knowledge_suffice(void **state)
{
    struct lan_story *s = *state;
    sim_gateway_start(&s->alice);
    sim_gateway_shares(&s->alice, "web", SERVICE_TCP, 80, "127.0.0.1:3000");
    sim_gateway_start(&s->bob);
    (void)sim_world_run(&s->world, SEC(30), NULL, NULL);
    sim_gateway_knows(&s->bob, &s->alice, "alice", NULL);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
}

static void finds_who_comes_to_the_lan_later(void **state)
{
    struct lan_story *s = *state;
    sim_gateway_knows(&s->alice, &s->bob, "bob", NULL);
    sim_gateway_knows(&s->bob, &s->alice, "alice", NULL);
    s->bob.host.interface[2].network = WORK;
    s->bob.host.interface[2].is.index = 2 + WORK;
    sim_gateway_start(&s->alice);
    sim_gateway_start(&s->bob);
    sim_gateway_connect(&s->bob, &s->alice);
    assert_true(sim_world_run(&s->world, SEC(11), sim_gateway_connected, &s->bob));
    assert_true(s->bob.wait_err < 0);

    s->bob.host.interface[2].network = HOME;
    s->bob.host.interface[2].is.index = 2 + HOME;
    node_network_changed(s->bob.node);
    (void)sim_world_run(&s->world, SEC(1), NULL, NULL);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
}

static void does_not_find_who_is_on_another_lan(void **state)
{
    struct lan_story *s = *state;
    s->bob.host.interface[2].network = WORK;
    s->bob.host.interface[2].is.index = 2 + WORK;
    sim_gateway_knows(&s->bob, &s->alice, "alice", NULL);
    sim_gateway_start(&s->alice);
    sim_gateway_start(&s->bob);
    sim_gateway_connect(&s->bob, &s->alice);
    assert_true(sim_world_run(&s->world, SEC(11), sim_gateway_connected, &s->bob));
    assert_true(s->bob.wait_err == -EHOSTUNREACH || s->bob.wait_err == -ETIMEDOUT);
}

static void says_nothing_when_it_is_off(void **state)
{
    struct lan_story *s = *state;
    s->alice.options.lan = LAN_OFF;
    sim_gateway_knows(&s->alice, &s->bob, "bob", NULL);
    sim_gateway_start(&s->alice);
    (void)sim_world_run(&s->world, SEC(600), NULL, NULL);
    assert_int_equal(s->alice.host.sent, 0);
}

static void is_not_chatty(void **state)
{
    struct lan_story *s = *state;
    sim_gateway_knows(&s->alice, &s->bob, "bob", NULL);
    sim_gateway_start(&s->alice);
    (void)sim_world_run(&s->world, SEC(60), NULL, NULL); /* the burst at start */
    uint64_t sent = s->alice.host.sent;
    (void)sim_world_run(&s->world, SEC(600), NULL, NULL);
    /* A beacon in 30 s, by multicast, by broadcast, and to this machine's own others. */
    assert_in_range(s->alice.host.sent - sent, 20, 3 * 21);
}

#define ON_A_LAN(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_LAN(lets_contacts_find_each_other),    ON_A_LAN(lets_one_sided_knowledge_suffice),
        ON_A_LAN(finds_who_comes_to_the_lan_later), ON_A_LAN(does_not_find_who_is_on_another_lan),
        ON_A_LAN(says_nothing_when_it_is_off),      ON_A_LAN(is_not_chatty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
