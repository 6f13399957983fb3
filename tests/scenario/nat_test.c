/* A gateway finds out what its NAT is, from the relays that it has. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/members.h"
#include "gateway/wire/candidate.h"
#include "tests/sim/sim_gateway.h"
#include "tests/sim/sim_router.h"

#define HOME   11
#define PUBLIC "203.0.113.1"

static const char *const RELAY_ADDRESS[] = {"198.51.100.8/24", "198.51.100.9/24"};

/* A STUN server that says what it likes. */
struct liar {
    struct sim_host host;
    struct udp_socket *udp;
};

struct story {
    struct sim_world world;
    struct sim_access home, cafe;
    struct sim_gateway relay[2], us, friend;
    struct liar liar;
    size_t relays;
    bool has_cafe, has_friend, has_liar;
};

static void use_relay(struct story *s, size_t i)
{
    char id[PEER_ID_TEXT_LEN + 1], at[ADDR_TEXT_MAX];
    (void)snprintf(at, sizeof(at), "%s", RELAY_ADDRESS[i]);
    *strchr(at, '/') = '\0';
    (void)snprintf(s->us.options.relay_use[i], sizeof(s->us.options.relay_use[i]), "%s@%s:%u",
                   peer_id_print(&s->relay[i].keys.id, id), at, SIM_GATEWAY_PORT);
}

static void prepare(struct story *s, const char *preset, size_t relays)
{
    const struct sim_link line = {.delay = MSEC(5)};

    memset(s, 0, sizeof(*s));
    sim_world_init(&s->world, 0);
    sim_access_init(&s->home, &s->world, preset, HOME, PUBLIC);
    sim_gateway_init(&s->us, &s->world, "us", 1, HOME,
                     s->home.translates ? "192.168.1.2/24" : PUBLIC "/32");
    sim_host_links(&s->us.host, &line);
    for (s->relays = 0; s->relays < relays; s->relays++) {
        struct sim_gateway *r = &s->relay[s->relays];
        sim_gateway_init(r, &s->world, "relay", (uint8_t)(8 + s->relays), INTERNET,
                         RELAY_ADDRESS[s->relays]);
        r->options.relay_serve = RELAY_SERVE_OPEN;
        sim_host_links(&r->host, &line);
        r->host.uid = 0; /* port 443 is root's */
        assert_int_equal(addr_parse(&r->options.tls_listen[0], "0.0.0.0:443"), 0);
        sim_gateway_start(r);
        use_relay(s, s->relays);
    }
}

static void begin(struct story *s, const char *preset, size_t relays)
{
    prepare(s, preset, relays);
    sim_gateway_start(&s->us);
}

static void end(struct story *s)
{
    for (size_t i = 0; i < s->relays; i++)
        sim_gateway_deinit(&s->relay[i]);
    if (s->has_friend)
        sim_gateway_deinit(&s->friend);
    sim_gateway_deinit(&s->us);
    if (s->has_liar) {
        udp_close(&s->liar.host.env, s->liar.udp);
        sim_host_deinit(&s->liar.host);
    }
    if (s->has_cafe)
        sim_access_deinit(&s->cafe);
    sim_access_deinit(&s->home);
    sim_world_deinit(&s->world);
}

static struct node_nat after(struct story *s, instant span)
{
    struct node_nat nat;
    (void)sim_world_run(&s->world, span, NULL, NULL);
    node_nat(s->us.node, &nat);
    return nat;
}

static void two_relays_tell_all_eight_kinds_of_nat(void **state)
{
    static const struct {
        const char *preset;
        enum nat_class class;
        enum nat_rule mapping, filtering;
    } KIND[] = {
        {"public", NAT_PUBLIC, NAT_RULE_EI, NAT_RULE_EI},
        {"full_cone", NAT_PUBLIC, NAT_RULE_EI, NAT_RULE_EI},
        {"address_restricted", NAT_CONE, NAT_RULE_EI, NAT_RULE_AD},
        {"port_restricted", NAT_CONE, NAT_RULE_EI, NAT_RULE_APD},
        {"poisonable", NAT_CONE, NAT_RULE_EI, NAT_RULE_APD},
        {"sym_seq", NAT_SEQUENTIAL, NAT_RULE_APD, NAT_RULE_APD},
        {"sym_random", NAT_RANDOM, NAT_RULE_APD, NAT_RULE_APD},
        {"sym_block512", NAT_BLOCK, NAT_RULE_APD, NAT_RULE_APD},
    };
    struct story s;
    (void)state;

    for (size_t i = 0; i < sizeof(KIND) / sizeof(KIND[0]); i++) {
        begin(&s, KIND[i].preset, 2);
        struct node_nat nat = after(&s, SEC(8));
        print_message("%s: %s, mapping %s, filtering %s\n", KIND[i].preset,
                      nat_class_text(nat.class), nat_rule_name(nat.mapping),
                      nat_rule_name(nat.filtering));
        assert_string_equal(nat_class_text(nat.class), nat_class_text(KIND[i].class));
        assert_int_equal(nat.mapping, KIND[i].mapping);
        assert_int_equal(nat.filtering, KIND[i].filtering);
        end(&s);
    }
}

static void relays_are_seen_as_home_and_spare_with_their_round_trips(void **state)
{
    struct story s;
    struct relay_view view;
    (void)state;

    begin(&s, "port_restricted", 2);
    const struct node_nat nat = after(&s, SEC(8));
    assert_int_equal(nat.udp_v4, NAT_YES);
    assert_int_equal(nat.udp_v6, NAT_NOT_KNOWN);
    assert_int_equal(nat.preserving, NAT_YES);
    assert_int_equal(nat.translated, NAT_YES);
    assert_true(nat.measured > 0);
    assert_false(nat.v6_only);
    node_relay(s.us.node, &view);
    assert_int_equal(view.places, 2);
    assert_string_equal(view.place[0].state, "home");
    assert_string_equal(view.place[1].state, "spare");
    for (size_t i = 0; i < view.places; i++) {
        assert_true(view.place[i].ours);
        assert_string_equal(view.place[i].over, "udp");
        assert_true(view.place[i].rtt > 0);
        assert_null(view.place[i].why);
        assert_non_null(strstr(view.home, view.place[0].host));
    }
    end(&s);
}

static void the_class_is_known_within_half_a_second(void **state)
{
    struct story s;
    (void)state;
    begin(&s, "sym_seq", 2);
    assert_int_equal(after(&s, MSEC(500)).class, NAT_SEQUENTIAL);
    end(&s);
}

static void with_one_relay_a_nat_that_keeps_ports_counts_as_a_cone(void **state)
{
    struct story s;
    (void)state;
    begin(&s, "port_restricted", 1);
    struct node_nat nat = after(&s, SEC(3));
    assert_int_equal(nat.class, NAT_CONE);
    assert_int_equal(nat.mapping, NAT_RULE_UNKNOWN);
    end(&s);
}

static void a_friend_who_sees_another_port_than_the_relay_shows_a_symmetric_nat(void **state)
{
    struct story s;
    (void)state;
    begin(&s, "sym_random", 1);
    assert_int_equal(after(&s, SEC(10)).class, NAT_UNKNOWN);
    sim_gateway_init(&s.friend, &s.world, "friend", 3, INTERNET, "192.0.2.3/24");
    sim_gateway_start(&s.friend);
    s.has_friend = true;
    sim_gateway_knows(&s.us, &s.friend, "friend", "192.0.2.3:4433");
    sim_gateway_knows(&s.friend, &s.us, "us", NULL);
    sim_gateway_must_connect(&s.us, &s.friend, SEC(2));
    struct node_nat nat = after(&s, SEC(10));
    assert_int_equal(nat.mapping, NAT_RULE_APD);
    assert_int_equal(nat.class, NAT_RANDOM);
    end(&s);
}

static void where_udp_is_blocked_a_relay_over_tls_shows_it(void **state)
{
    struct story s;
    (void)state;
    begin(&s, "udp_blocked", 1);
    assert_int_equal(after(&s, SEC(20)).class, NAT_BLOCKED);
    end(&s);
}

static void what_was_measured_in_a_network_counts_when_we_are_back(void **state)
{
    struct story s;
    (void)state;
    prepare(&s, "sym_seq", 2);
    sim_access_init(&s.cafe, &s.world, "port_restricted", HOME + 1, "203.0.113.9");
    s.has_cafe = true;
    sim_gateway_start(&s.us);
    assert_int_equal(after(&s, SEC(8)).class, NAT_SEQUENTIAL);

    struct sim_interface *eth = &s.us.host.interface[2];
    sim_host_roam(&s.us.host, eth, HOME + 1, "10.0.0.2/24");
    node_network_changed(s.us.node);
    assert_int_equal(after(&s, 0).class, NAT_UNKNOWN);
    assert_int_equal(after(&s, SEC(20)).class, NAT_CONE);

    sim_host_roam(&s.us.host, eth, HOME, "192.168.1.2/24");
    node_network_changed(s.us.node);
    assert_int_equal(after(&s, 0).class, NAT_SEQUENTIAL);
    assert_int_equal(after(&s, SEC(20)).class, NAT_SEQUENTIAL);
    end(&s);
}

/* Two relays and us, by IPv6 alone. */
static void begin_v6(struct story *s, const char *preset)
{
    static const char *const AT[] = {"2001:db8:8::8/64", "2001:db8:9::9/64"};
    char id[PEER_ID_TEXT_LEN + 1];

    memset(s, 0, sizeof(*s));
    sim_world_init(&s->world, 0);
    sim_access_init(&s->home, &s->world, preset, HOME, PUBLIC);
    sim_gateway_init(&s->us, &s->world, "us", 1, HOME, "2001:db8:1::2/64");
    for (s->relays = 0; s->relays < 2; s->relays++) {
        struct sim_gateway *r = &s->relay[s->relays];
        sim_gateway_init(r, &s->world, "relay", (uint8_t)(8 + s->relays), INTERNET, AT[s->relays]);
        r->options.relay_serve = RELAY_SERVE_OPEN;
        sim_gateway_start(r);
        (void)snprintf(s->us.options.relay_use[s->relays], sizeof(s->us.options.relay_use[0]),
                       "%s@[%.*s]:%u", peer_id_print(&r->keys.id, id),
                       (int)strcspn(AT[s->relays], "/"), AT[s->relays], SIM_GATEWAY_PORT);
    }
    sim_gateway_start(&s->us);
}

static void an_ipv6_host_is_public_if_no_firewall_guards_it(void **state)
{
    struct story s;
    (void)state;
    begin_v6(&s, "public");
    struct node_nat nat = after(&s, SEC(10));
    assert_int_equal(nat.class, NAT_PUBLIC);
    assert_int_equal(nat.filtering, NAT_RULE_EI);
    assert_int_equal(nat.reachable, NAT_YES);
    assert_true(addr_is_none(&nat.public));
    assert_true(addr_is_v6(&nat.public_v6));
    end(&s);
    begin_v6(&s, "port_restricted");
    nat = after(&s, SEC(10));
    assert_int_equal(nat.class, NAT_CONE);
    assert_int_equal(nat.filtering, NAT_RULE_APD);
    assert_int_equal(nat.reachable, NAT_NO);
    end(&s);
}

/* ---- servers that lie ---- */

static void lie(void *arg, const struct udp_rx *rx)
{
    struct liar *l = arg;
    struct stun_message m;
    struct stun_writer w;
    struct addr lie;
    uint8_t out[128];

    if (stun_read(&m, rx->data, rx->len) < 0)
        return;
    assert_int_equal(addr_parse(&lie, "192.0.2.66:6666"), 0);
    stun_begin(&w, out, sizeof(out), STUN_SUCCESS, STUN_BINDING, m.id);
    stun_put_address(&w, STUN_XOR_MAPPED_ADDRESS, &lie);
    const struct udp_tx tx = {.to = &rx->from, .data = out, .len = stun_end(&w)};
    assert_int_equal(udp_send(&l->host.env, l->udp, &tx), 0);
}

static void a_server_that_lies_is_named_and_not_believed(void **state)
{
    static const struct udp_handler LIES = {lie, NULL};
    struct addr at, public;
    struct story s;
    (void)state;

    prepare(&s, "port_restricted", 2);
    assert_int_equal(addr_parse(&at, "192.0.2.7:3478"), 0);
    assert_int_equal(addr_parse(&public, PUBLIC ":4433"), 0);
    sim_host_init(&s.liar.host, &s.world, "liar");
    (void)sim_host_join(&s.liar.host, INTERNET, "192.0.2.7/24");
    assert_int_equal(udp_open(&s.liar.host.env, &s.liar.udp, &at, 0, &LIES, &s.liar), 0);
    s.has_liar = true;
    (void)snprintf(s.us.options.stun[0].host, sizeof(s.us.options.stun[0].host), "192.0.2.7");
    s.us.options.stun[0].port = 3478;
    sim_gateway_start(&s.us);

    struct node_nat nat = after(&s, SEC(8));
    assert_int_equal(nat.class, NAT_CONE);
    assert_true(addr_equal(&nat.public, &public));
    assert_int_equal(nat.servers, 3);
    for (size_t i = 0; i < nat.servers; i++)
        assert_int_equal(nat.server[i].disagrees, addr_equal(&nat.server[i].at, &at));
    end(&s);
}

static void a_server_whose_name_nobody_knows_keeps_nothing_from_the_others(void **state)
{
    struct story s;
    (void)state;
    prepare(&s, "port_restricted", 2);
    (void)snprintf(s.us.options.stun[0].host, sizeof(s.us.options.stun[0].host),
                   "stun.example.net");
    s.us.options.stun[0].port = 3478;
    sim_gateway_start(&s.us);
    struct node_nat nat = after(&s, SEC(10));
    assert_int_equal(nat.class, NAT_CONE);
    assert_int_equal(nat.servers, 2);
    uint64_t sent = s.us.host.sent;
    (void)after(&s, SEC(600)); /* looked up each minute, and that is all */
    assert_true(s.us.host.sent - sent < 600);
    end(&s);
}

/* ---- the service ---- */

struct asker {
    struct sim_host host;
    struct udp_socket *udp;
    unsigned answers;
    size_t longest;
};

static void count(void *arg, const struct udp_rx *rx)
{
    struct asker *a = arg;
    a->answers++;
    a->longest = rx->len > a->longest ? rx->len : a->longest;
}

/* How many answers so many requests get. */
static unsigned asks(struct story *s, struct asker *a, const char *server, unsigned times)
{
    static const struct udp_handler COUNT = {count, NULL};
    struct stun_query q;
    struct addr at, local;
    uint8_t id[STUN_ID_LEN] = {7}, out[EXCHANGE_MAX_DATAGRAM];

    memset(a, 0, sizeof(*a));
    assert_int_equal(addr_parse(&at, server), 0);
    assert_int_equal(addr_parse(&local, "192.0.2.77:4000"), 0);
    sim_host_init(&a->host, &s->world, "asker");
    (void)sim_host_join(&a->host, INTERNET, "192.0.2.77/24");
    assert_int_equal(udp_open(&a->host.env, &a->udp, &local, 0, &COUNT, a), 0);
    for (unsigned i = 0; i < times; i++) {
        stun_query_init(&q, &at, &STUN_GATHER, id, env_now(&a->host.env));
        size_t len = stun_query_output(&q, env_now(&a->host.env), out);
        const struct udp_tx tx = {.to = &at, .data = out, .len = len};
        assert_int_equal(udp_send(&a->host.env, a->udp, &tx), 0);
        assert_true(a->longest <= len);
    }
    (void)after(s, SEC(1));
    udp_close(&a->host.env, a->udp);
    sim_host_deinit(&a->host);
    return a->answers;
}

static void who_relays_answers_stun_and_nobody_else(void **state)
{
    struct story s;
    struct asker a;
    (void)state;
    begin(&s, "public", 1);
    assert_int_equal(asks(&s, &a, "198.51.100.8:4433", 1), 1);
    assert_true(a.longest <= 52); /* no longer than what was asked */
    assert_int_equal(asks(&s, &a, PUBLIC ":4433", 3), 0);
    assert_in_range(asks(&s, &a, "198.51.100.8:4433", 1000), 1, 100);
    end(&s);
}

/* ---- ports ---- */

static uint16_t refreshed;

static void on_refreshed(struct stun_refresh *r, uint16_t port)
{
    (void)r;
    refreshed = port;
}

static void a_mapping_made_just_now_tells_the_port_that_a_counting_nat_is_at(void **state)
{
    struct stun_refresh refresh = {.done = on_refreshed};
    struct story s;
    (void)state;

    begin(&s, "sym_seq", 2);
    (void)after(&s, SEC(10));
    uint16_t before = outside_facts(&s.us.node->outside).last_port;
    for (int i = 1; i <= 3; i++) {
        refreshed = 0;
        stun_desk_refresh(&s.us.node->outside.stun, &refresh);
        assert_int_equal(refreshed, 0);
        (void)after(&s, MSEC(25)); /* a round trip and a little */
        assert_int_equal(refreshed, before + i);
    }
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_relays_tell_all_eight_kinds_of_nat),
        cmocka_unit_test(relays_are_seen_as_home_and_spare_with_their_round_trips),
        cmocka_unit_test(the_class_is_known_within_half_a_second),
        cmocka_unit_test(with_one_relay_a_nat_that_keeps_ports_counts_as_a_cone),
        cmocka_unit_test(a_friend_who_sees_another_port_than_the_relay_shows_a_symmetric_nat),
        cmocka_unit_test(where_udp_is_blocked_a_relay_over_tls_shows_it),
        cmocka_unit_test(what_was_measured_in_a_network_counts_when_we_are_back),
        cmocka_unit_test(an_ipv6_host_is_public_if_no_firewall_guards_it),
        cmocka_unit_test(a_server_that_lies_is_named_and_not_believed),
        cmocka_unit_test(a_server_whose_name_nobody_knows_keeps_nothing_from_the_others),
        cmocka_unit_test(who_relays_answers_stun_and_nobody_else),
        cmocka_unit_test(a_mapping_made_just_now_tells_the_port_that_a_counting_nat_is_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
