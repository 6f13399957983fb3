/* Where UDP leads nowhere two gateways behind NATs connect to one another over TCP at the same
 * moment: who may begin, what they have to know, and what somebody who lies can make of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/members.h"
#include "gateway/wire/punch_message.h"
#include "tests/sim/sim_nat_story.h"

#define TLS_LISTEN   "198.51.100.9:443"
#define FIRST_VICTIM 100
#define VICTIMS      64
#define REFUSING     6 /* of them, if any do */

struct stage {
    struct sim_nat_story story; /* first */
    unsigned syns[VICTIMS];     /* to 203.0.113.n */
};

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static int begin(void **state)
{
    static struct stage stage;
    memset(&stage, 0, sizeof(stage));
    *state = &stage;
    return 0;
}

static int end(void **state)
{
    sim_nat_story_end(*state);
    return 0;
}

/* The relay takes TLS too. */
static void set_stage(struct sim_nat_story *s, const char *alice, const char *bob)
{
    sim_nat_story_begin(s, alice, bob);
    sim_gateway_stop(&s->relay);
    s->relay.host.uid = 0; /* port 443 is root's */
    s->relay.options.tls_listen[0] = at(TLS_LISTEN);
    sim_gateway_start(&s->relay);
}

static void block_udp(struct sim_nat_story *s, size_t home)
{
    struct sim_access *a = &s->homes[home];
    a->router[a->depth - 1].nat.config.udp_blocked = true;
}

static bool between_homes(void *arg, const struct addr *from, const struct addr *to)
{
    const struct addr a = at("203.0.113.1:0"), b = at("203.0.113.2:0");
    (void)arg;
    return (addr_same_ip(from, &a) && addr_same_ip(to, &b)) ||
           (addr_same_ip(from, &b) && addr_same_ip(to, &a));
}

static void drop_udp_between(struct sim_nat_story *s)
{
    s->world.cut = between_homes;
    s->world.cut_spares_tcp = true;
}

/* Alice may not be registered within a second if she has to do without UDP. */
static void meets(struct sim_nat_story *s)
{
    int err;
    char id[PEER_ID_TEXT_LEN + 1];
    (void)snprintf(s->alice.options.relay_use[0], sizeof(s->alice.options.relay_use[0]), "%s@%s",
                   peer_id_print(&s->relay.keys.id, id), RELAY_ADDRESS);
    sim_gateway_start(&s->alice);
    sim_gateway_start(&s->bob);
    sim_gateway_shares(&s->alice, "echo", SERVICE_BOTH, 7, "127.0.0.1:7000");
    sim_gateway_knows(&s->alice, &s->bob, "bob", NULL);
    sim_gateway_knows(&s->bob, &s->alice, "alice", NULL);
    memcpy(registry_peer_add(s->bob.registry, &s->alice.keys.id, &err)->relay[0],
           s->alice.options.relay_use[0], sizeof(s->alice.options.relay_use[0]));
    sim_nat_story_wait(s, SEC(6));
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(8));
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_RELAYED);
}

static void a_call_ends_well(struct sim_nat_story *s, uint64_t bytes)
{
    sim_caller_deinit(&s->caller);
    sim_nat_story_call(s, bytes);
    sim_nat_story_call_ends_well(s, SEC(60));
}

static void become_direct_over_tcp(struct sim_nat_story *s, instant within)
{
    if (!sim_nat_story_both_become(s, PEER_DIRECT, within))
        fail_msg("not direct: %s", sim_gateway_view(&s->bob, &s->alice).why_not_direct);
    assert_string_equal(sim_gateway_view(&s->bob, &s->alice).path.kind, "tcp");
    assert_string_equal(sim_gateway_view(&s->alice, &s->bob).path.kind, "tcp");
    a_call_ends_well(s, 1 << 20);
}

static void stay_relayed(struct sim_nat_story *s, instant span)
{
    assert_false(sim_nat_story_both_become(s, PEER_DIRECT, span));
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_RELAYED);
    a_call_ends_well(s, 1 << 16);
}

/* ---- who begins ---- */

static void it_begins_where_udp_is_blocked_on_the_side_that_dials(void **state)
{
    struct sim_nat_story *s = *state;
    set_stage(s, "port_restricted", "udp_blocked");
    meets(s);
    become_direct_over_tcp(s, SEC(10));
}

static void it_begins_where_udp_is_blocked_on_the_side_that_answers(void **state)
{
    struct sim_nat_story *s = *state;
    set_stage(s, "udp_blocked", "port_restricted");
    meets(s);
    become_direct_over_tcp(s, SEC(10));
}

static void it_begins_where_udp_is_blocked_on_both(void **state)
{
    struct sim_nat_story *s = *state;
    set_stage(s, "udp_blocked", "udp_blocked");
    meets(s);
    become_direct_over_tcp(s, SEC(10));
}

static void it_begins_when_udp_is_lost_on_the_way_between(void **state)
{
    struct sim_nat_story *s = *state;
    set_stage(s, "port_restricted", "linux");
    drop_udp_between(s);
    meets(s);
    become_direct_over_tcp(s, SEC(25));
}

static void where_udp_works_it_does_not(void **state)
{
    struct sim_nat_story *s = *state;
    set_stage(s, "port_restricted", "linux");
    meets(s);
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(5)));
    assert_string_equal(sim_gateway_view(&s->bob, &s->alice).path.kind, "udp");
    unsigned sockets = s->alice.host.sockets;
    sim_nat_story_wait(s, SEC(60));
    assert_in_range(s->alice.host.sockets, 1, sockets); /* nothing of it was kept */
}

static void udp_is_gone_back_to_when_it_works_after_all(void **state)
{
    struct sim_nat_story *s = *state;
    set_stage(s, "port_restricted", "linux");
    drop_udp_between(s);
    meets(s);
    become_direct_over_tcp(s, SEC(25));
    s->world.cut = NULL;
    instant start = s->world.now;
    while (strcmp(sim_gateway_view(&s->bob, &s->alice).path.kind, "udp") != 0) {
        assert_true(s->world.now < start + SEC(700));
        a_call_ends_well(s, 1 << 17); /* somebody uses it */
        sim_nat_story_wait(s, SEC(5));
    }
}

static bool bob_has_left_tcp(void *arg)
{
    struct sim_nat_story *s = arg;
    const struct peer_view view = sim_gateway_view(&s->bob, &s->alice);
    return view.path.present && strcmp(view.path.kind, "tcp") != 0;
}

static void it_is_done_again_after_the_way_was_interrupted(void **state)
{
    struct sim_nat_story *s = *state;
    set_stage(s, "port_restricted", "udp_blocked");
    meets(s);
    become_direct_over_tcp(s, SEC(10));
    s->world.cut = between_homes;
    sim_caller_deinit(&s->caller);
    sim_nat_story_call(s, 1 << 20);
    assert_true(sim_world_run(&s->world, SEC(30), bob_has_left_tcp, s));
    sim_nat_story_call_ends_well(s, SEC(60));
    s->world.cut = NULL;
    become_direct_over_tcp(s, SEC(120));
}

/* ---- what kinds of NAT ---- */

static void nats_that_change_ports_but_keep_to_one_are_met(void **state)
{
    struct sim_nat_story *s = *state;
    set_stage(s, "cgnat", "cgnat");
    block_udp(s, 0);
    block_udp(s, 1);
    meets(s);
    become_direct_over_tcp(s, SEC(10));
}

static void routers_that_refuse_what_they_do_not_expect_are_met(void **state)
{
    struct sim_nat_story *s = *state;
    set_stage(s, "poisonable", "poisonable");
    block_udp(s, 0);
    block_udp(s, 1);
    meets(s);
    become_direct_over_tcp(s, SEC(15));
}

/* It need not listen for TCP otherwise, nor even know that it is reachable. */
static void a_public_host_is_reached_from_behind_any_nat(void **state)
{
    struct sim_nat_story *s = *state;
    set_stage(s, "public", "sym_random");
    block_udp(s, 1);
    meets(s);
    become_direct_over_tcp(s, SEC(10));
}

static void symmetric_nats_stay_on_the_relay(void **state)
{
    struct sim_nat_story *s = *state;
    set_stage(s, "sym_random", "udp_blocked");
    meets(s);
    stay_relayed(s, SEC(60));
    const char *why = sim_gateway_view(&s->bob, &s->alice).why_not_direct;
    assert_non_null(strstr(why, "UDP is blocked on our side"));
}

/* ---- how they learn their address ---- */

static void a_relays_plain_tcp_port_tells_it_too(void **state)
{
    struct sim_nat_story *s = *state;
    sim_nat_story_begin(s, "port_restricted", "cgnat");
    sim_gateway_stop(&s->relay);
    s->relay.options.tcp = true;
    sim_gateway_start(&s->relay);
    drop_udp_between(s);
    meets(s);
    become_direct_over_tcp(s, SEC(25));
}

static void a_configured_stun_server_tells_it(void **state)
{
    struct sim_nat_story *s = *state;
    s->has_spare = true; /* nobody's relay here */
    sim_nat_story_begin(s, "port_restricted", "cgnat");
    sim_gateway_stop(&s->spare);
    s->spare.options.tcp = true;
    sim_gateway_start(&s->spare);
    struct sim_gateway *both[] = {&s->alice, &s->bob};
    for (unsigned i = 0; i < 2; i++)
        both[i]->options.stun[0] =
            (struct node_stun){.host = "192.0.2.10", .port = SIM_GATEWAY_PORT, .tcp = true};
    drop_udp_between(s);
    meets(s);
    become_direct_over_tcp(s, SEC(25));
}

static void without_anybody_to_tell_it_they_stay_on_the_relay(void **state)
{
    struct sim_nat_story *s = *state;
    sim_nat_story_begin(s, "port_restricted", "cgnat");
    drop_udp_between(s);
    meets(s);
    stay_relayed(s, SEC(40));
}

/* ---- who calls ---- */

struct stranger {
    struct env *env;
    struct sock *sock;
    bool connected, gone;
    int err;
};

static void on_connect(void *arg, int err)
{
    struct stranger *x = arg;
    x->connected = err == 0;
    x->err = err;
}

static void on_ready(void *arg)
{
    struct stranger *x = arg;
    uint8_t byte;
    const struct iovec area = {&byte, 1};
    x->gone = sock_readv(x->env, x->sock, &area, 1) != -EAGAIN;
}

static void calls(struct sim_nat_story *s, struct stranger *x, struct sim_host *h, uint16_t port)
{
    static const struct sock_handler HANDLER = {on_connect, on_ready};
    struct addr to = at("203.0.113.1:1");
    addr_set_port(&to, port);
    *x = (struct stranger){.env = &h->env};
    assert_int_equal(sock_connect(x->env, &x->sock, &to, &HANDLER, x), 0);
    sim_nat_story_wait(s, MSEC(500));
    sock_close(x->env, x->sock);
}

/* Whoever finds the port gets nothing of it, and soon nobody is there. */
static void the_port_where_one_is_met_is_shut_for_others(void **state)
{
    struct sim_nat_story *s = *state;
    struct sim_host host;
    struct stranger x;
    set_stage(s, "public", "sym_random");
    block_udp(s, 1);
    meets(s);
    become_direct_over_tcp(s, SEC(10));
    uint16_t port = tcp_roads_port(&s->alice.node->tcp, false);
    assert_int_not_equal(port, 0);
    sim_host_init(&host, &s->world, "stranger");
    (void)sim_host_join(&host, INTERNET, "198.51.100.77/24");
    calls(s, &x, &host, port);
    assert_true(x.connected && x.gone);
    sim_nat_story_wait(s, SEC(20));
    assert_int_equal(tcp_roads_port(&s->alice.node->tcp, false), 0);
    calls(s, &x, &host, port);
    assert_int_equal(x.err, -ECONNREFUSED);
    sim_host_deinit(&host);
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_DIRECT);
}

/* ---- who lies ---- */

static void on_syn(void *arg, const struct addr *from, const struct addr *to)
{
    struct stage *x = arg;
    size_t len;
    const uint8_t *ip = addr_ip(to, &len), *by = addr_ip(from, &len);
    if (len == 4 && ip[0] == 203 && ip[3] >= FIRST_VICTIM && by[0] == 203 && by[3] == 1)
        x->syns[(ip[3] - FIRST_VICTIM) % VICTIMS]++;
}

static struct quic_conn *session_of(struct sim_gateway *from, const struct sim_gateway *to)
{
    struct member *m = member_find(from->node, &to->keys.id);
    return m ? peer_conn(&m->peer) : NULL;
}

/* Bob asks alice for rounds and names whom he likes. */
static void lies(struct sim_nat_story *s, uint16_t round, unsigned first)
{
    uint8_t out[PUNCH_MESSAGE_MAX];
    struct punch_message m = {.type = PUNCH_PUNCH, .round = round, .candidates = CANDIDATES_MAX};
    m.facts.class = NAT_BLOCKED;
    for (unsigned i = 0; i < CANDIDATES_MAX; i++) {
        const uint8_t ip[4] = {203, 0, 113, (uint8_t)(FIRST_VICTIM + (first + i) % VICTIMS)};
        m.candidate[i] = (struct candidate){CANDIDATE_TCP, addr_v4(ip, 5000)};
    }
    const struct message_part part = punch_message_write(&m, out);
    if (session_of(&s->bob, &s->alice))
        peer_tell_part(session_of(&s->bob, &s->alice), &part);
}

/* The addresses refuse, which costs the most attempts, or are silent, which has the kernel repeat
 * them. */
static void lies_for_minutes(struct stage *x, bool refuse)
{
    static struct sim_host victim;
    struct sim_nat_story *s = &x->story;
    unsigned most = 0, touched = 0;

    set_stage(s, "port_restricted", "sym_random");
    block_udp(s, 1);
    if (refuse) {
        sim_host_init(&victim, &s->world, "victim");
        for (unsigned i = 0; i < REFUSING; i++) {
            char address[ADDR_TEXT_MAX];
            (void)snprintf(address, sizeof(address), "203.0.113.%u/24", FIRST_VICTIM + i);
            (void)sim_host_join(&victim, INTERNET, address);
        }
    }
    meets(s);
    s->world.tap_syn = on_syn;
    s->world.tap_arg = x;
    for (unsigned i = 0; i < 60; i++) {
        lies(s, (uint16_t)(10000 + i), i % 3 ? 0 : i * 7);
        sim_nat_story_wait(s, SEC(3 + i % 9));
    }
    for (unsigned i = 0; i < (refuse ? REFUSING : VICTIMS); i++) {
        most = x->syns[i] > most ? x->syns[i] : most;
        touched += x->syns[i] > 0;
    }
    print_message("%u SYNs at most to any one of %u addresses\n", most, touched);
    assert_in_range(most, 15, 20);
    a_call_ends_well(s, 1 << 16);
    s->world.tap_syn = NULL;
    if (refuse)
        sim_host_deinit(&victim);
}

static void who_names_addresses_that_refuse_brings_twenty_syns_to_one(void **state)
{
    lies_for_minutes(*state, true);
}

static void who_names_addresses_that_are_silent_brings_twenty_syns_to_one(void **state)
{
    lies_for_minutes(*state, false);
}

int main(void)
{
#define STORY(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        STORY(it_begins_where_udp_is_blocked_on_the_side_that_dials),
        STORY(it_begins_where_udp_is_blocked_on_the_side_that_answers),
        STORY(it_begins_where_udp_is_blocked_on_both),
        STORY(it_begins_when_udp_is_lost_on_the_way_between),
        STORY(where_udp_works_it_does_not),
        STORY(udp_is_gone_back_to_when_it_works_after_all),
        STORY(it_is_done_again_after_the_way_was_interrupted),
        STORY(nats_that_change_ports_but_keep_to_one_are_met),
        STORY(routers_that_refuse_what_they_do_not_expect_are_met),
        STORY(a_public_host_is_reached_from_behind_any_nat),
        STORY(symmetric_nats_stay_on_the_relay),
        STORY(a_relays_plain_tcp_port_tells_it_too),
        STORY(a_configured_stun_server_tells_it),
        STORY(without_anybody_to_tell_it_they_stay_on_the_relay),
        STORY(the_port_where_one_is_met_is_shut_for_others),
        STORY(who_names_addresses_that_refuse_brings_twenty_syns_to_one),
        STORY(who_names_addresses_that_are_silent_brings_twenty_syns_to_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
