/* Gateways dial one another back to see what comes in from outside; and nobody is harmed by it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/members.h"
#include "tests/sim/sim_gateway.h"
#include "tests/sim/sim_router.h"

#define HOME   11
#define PUBLIC "203.0.113.1"
#define RELAY  "198.51.100.8"

struct story {
    struct sim_world world;
    struct sim_access home;
    struct sim_gateway relay, us;
};

/* One relay alone. */
static void prepare(struct story *s, const char *preset, const char *external, bool two_addresses)
{
    const struct sim_link line = {.delay = MSEC(5)};
    char id[PEER_ID_TEXT_LEN + 1];

    memset(s, 0, sizeof(*s));
    sim_world_init(&s->world, 0);
    sim_access_init(&s->home, &s->world, preset, HOME, PUBLIC);
    sim_gateway_init(&s->us, &s->world, "us", 1, HOME,
                     s->home.translates ? "192.168.1.2/24" : PUBLIC "/32");
    sim_gateway_init(&s->relay, &s->world, "relay", 8, INTERNET, RELAY "/24");
    if (two_addresses)
        (void)sim_host_join(&s->relay.host, INTERNET, "198.51.100.80/24");
    sim_host_links(&s->us.host, &line);
    sim_host_links(&s->relay.host, &line);
    s->relay.options.relay_serve = RELAY_SERVE_OPEN;
    sim_gateway_start(&s->relay);
    (void)snprintf(s->us.options.relay_use[0], sizeof(s->us.options.relay_use[0]),
                   "%s@" RELAY ":%u", peer_id_print(&s->relay.keys.id, id), SIM_GATEWAY_PORT);
    if (external)
        assert_int_equal(addr_parse(&s->us.options.external[0], external), 0);
}

static void begin(struct story *s, const char *preset, const char *external, bool two_addresses)
{
    prepare(s, preset, external, two_addresses);
    sim_gateway_start(&s->us);
}

static void end(struct story *s)
{
    sim_gateway_deinit(&s->relay);
    sim_gateway_deinit(&s->us);
    sim_access_deinit(&s->home);
    sim_world_deinit(&s->world);
}

static void wait(struct story *s, instant span)
{
    (void)sim_world_run(&s->world, span, NULL, NULL);
}

static struct node_nat after(struct story *s, instant span)
{
    struct node_nat nat;
    wait(s, span);
    node_nat(s->us.node, &nat);
    return nat;
}

static void a_public_gateway_is_reached(void **state)
{
    struct story s;
    (void)state;
    begin(&s, "public", NULL, false);
    struct node_nat nat = after(&s, SEC(10));
    assert_int_equal(nat.class, NAT_PUBLIC);
    assert_int_equal(nat.reachable, NAT_YES);
    end(&s);
}

static void one_behind_a_cone_that_filters_is_not(void **state)
{
    static const char *const PRESET[] = {"port_restricted", "linux", "sym_random"};
    struct story s;
    (void)state;
    for (size_t i = 0; i < sizeof(PRESET) / sizeof(PRESET[0]); i++) {
        begin(&s, PRESET[i], NULL, false);
        struct node_nat nat = after(&s, SEC(12));
        assert_int_not_equal(nat.class, NAT_PUBLIC);
        assert_int_equal(nat.reachable, NAT_NO);
        end(&s);
    }
}

static void
a_relay_with_two_addresses_tells_an_open_cone_from_one_that_filters_by_address(void **state)
{
    struct story s;
    (void)state;
    begin(&s, "full_cone", NULL, true);
    struct node_nat nat = after(&s, SEC(10));
    assert_int_equal(nat.filtering, NAT_RULE_EI);
    assert_int_equal(nat.class, NAT_PUBLIC);
    end(&s);
    begin(&s, "address_restricted", NULL, true);
    nat = after(&s, SEC(10));
    assert_int_not_equal(nat.class, NAT_PUBLIC);
    end(&s);
}

static void an_address_that_a_person_declared_wrongly_is_not_believed(void **state)
{
    struct story s;
    (void)state;
    begin(&s, "port_restricted", PUBLIC ":5000", false);
    assert_int_equal(after(&s, SEC(12)).reachable, NAT_NO);
    end(&s);
}

static void a_friend_helps_where_there_is_no_relay(void **state)
{
    struct story s;
    struct node_nat nat;
    (void)state;
    prepare(&s, "public", PUBLIC ":4433", false);
    s.us.options.relay_use[0][0] = '\0';
    sim_gateway_start(&s.us);
    sim_gateway_knows(&s.us, &s.relay, "friend", RELAY ":4433");
    sim_gateway_knows(&s.relay, &s.us, "us", NULL);
    wait(&s, SEC(5));
    sim_gateway_must_connect(&s.us, &s.relay, SEC(2));
    nat = after(&s, SEC(6));
    assert_int_equal(nat.addresses, 1);
    assert_string_equal(nat.address[0].kind, "configured");
    assert_int_equal(nat.address[0].reachable, NAT_YES);
    assert_int_equal(nat.class, NAT_PUBLIC);
    end(&s);
}

/* ---- what the helper does not do ---- */

static struct quic_conn *conn_to(const struct sim_gateway *at, const struct sim_gateway *peer)
{
    struct peer *p = at->node->desk.find(at->node, &peer->keys.id);
    assert_non_null(p);
    return peer_conn(p);
}

static enum reach_status asks(struct story *s, bool v6, uint16_t port)
{
    const struct reach_message m = {.type = REACH_DIAL_BACK, .v6 = v6, .port = port};
    return reach_help_dial(&s->relay.node->outside.reach.help, conn_to(&s->relay, &s->us), &m);
}

static void a_helper_dials_no_system_port_and_no_other_family(void **state)
{
    struct story s;
    (void)state;
    begin(&s, "public", NULL, false);
    wait(&s, SEC(30));
    uint64_t before = s.relay.host.sent;
    assert_int_equal(asks(&s, false, 0), REACH_REFUSED);
    assert_int_equal(asks(&s, false, 53), REACH_REFUSED);
    assert_int_equal(asks(&s, false, 1023), REACH_REFUSED);
    assert_int_equal(asks(&s, true, 5000), REACH_REFUSED);
    assert_int_equal(s.relay.host.sent, before);
    end(&s);
}

static void a_helper_dials_six_times_a_minute(void **state)
{
    struct story s;
    unsigned sent = 0;
    (void)state;
    begin(&s, "public", NULL, false);
    wait(&s, SEC(120));
    for (int i = 0; i < 20; i++)
        sent += asks(&s, false, 5000) == REACH_SENT;
    assert_int_equal(sent, 6);
    assert_int_equal(asks(&s, false, 5000), REACH_TOO_MANY);
    wait(&s, SEC(11));
    assert_int_equal(asks(&s, false, 5000), REACH_SENT);
    end(&s);
}

static void on_done(struct reach_check *c, enum reach result)
{
    (void)c;
    (void)result;
}

static bool comes(struct story *s, const struct reach_check *c, const struct addr *from,
                  uint8_t flip)
{
    uint8_t token[REACH_TOKEN_LEN], data[REACH_DATAGRAM_LEN];

    memcpy(token, c->token, sizeof(token));
    token[11] ^= flip;
    reach_datagram_write(token, data);
    const struct udp_rx rx = {
        .data = data, .len = sizeof(data), .segment = sizeof(data), .from = *from};
    return reach_desk_input(&s->us.node->outside.reach, &rx, 0);
}

static void nothing_but_the_token_from_elsewhere_counts(void **state)
{
    struct story s;
    struct reach_check check = {.done = on_done};
    struct addr target, elsewhere;
    (void)state;

    assert_int_equal(addr_parse(&target, PUBLIC ":4433"), 0);
    assert_int_equal(addr_parse(&elsewhere, "192.0.2.99:4000"), 0);
    begin(&s, "port_restricted", NULL, false);
    wait(&s, SEC(30));
    reach_desk_verify(&s.us.node->outside.reach, &check, &target);
    wait(&s, MSEC(1));
    assert_non_null(check.asked);
    assert_false(comes(&s, &check, &elsewhere, 1));
    assert_true(comes(&s, &check, &check.asked_at, 0)); /* its session's own way */
    assert_int_equal(check.result, REACH_UNKNOWN);
    assert_true(comes(&s, &check, &elsewhere, 0));
    assert_int_equal(check.result, REACH_YES);
    reach_desk_cancel(&s.us.node->outside.reach, &check);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_public_gateway_is_reached),
        cmocka_unit_test(one_behind_a_cone_that_filters_is_not),
        cmocka_unit_test(
            a_relay_with_two_addresses_tells_an_open_cone_from_one_that_filters_by_address),
        cmocka_unit_test(an_address_that_a_person_declared_wrongly_is_not_believed),
        cmocka_unit_test(a_friend_helps_where_there_is_no_relay),
        cmocka_unit_test(a_helper_dials_no_system_port_and_no_other_family),
        cmocka_unit_test(a_helper_dials_six_times_a_minute),
        cmocka_unit_test(nothing_but_the_token_from_elsewhere_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
