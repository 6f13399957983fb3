/* Where UDP is blocked, gateways meet over TCP: through a relay's TLS port, or straight. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/wire/stream_frame.h"
#include "gateway/wire/stun.h"
#include "tests/sim/sim_nat_story.h"

#define TLS_LISTEN "198.51.100.9:443"

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

/* Bob's router lets no UDP through. */
static int begin(void **state)
{
    static struct sim_nat_story story;
    story = (struct sim_nat_story){.seed = 0};
    sim_nat_story_begin(&story, "port_restricted", "udp_blocked");
    sim_gateway_stop(&story.relay);
    story.relay.host.uid = 0; /* port 443 is root's */
    story.relay.options.tls_listen[0] = at(TLS_LISTEN);
    sim_gateway_start(&story.relay);
    /* Or they would soon do without it. */
    story.alice.options.no_punching = story.bob.options.no_punching = true;
    *state = &story;
    return 0;
}

static int end(void **state)
{
    sim_nat_story_end(*state);
    return 0;
}

static void let_udp_through(struct sim_nat_story *s, bool through)
{
    s->homes[1].router[0].nat.config.udp_blocked = !through;
}

static void meets(struct sim_nat_story *s)
{
    sim_nat_story_start(s);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(8));
}

static void assert_over_tls(struct sim_nat_story *s)
{
    const struct peer_view view = sim_gateway_view(&s->bob, &s->alice);
    const struct addr relay = at(TLS_LISTEN);
    assert_int_equal(view.state, PEER_RELAYED);
    assert_string_equal(view.path.kind, "relay");
    assert_string_equal(view.path.over, "tcp");
    assert_true(addr_equal(&view.path.remote, &relay));
}

static void a_relay_is_reached_over_tls(void **state)
{
    struct sim_nat_story *s = *state;
    sim_nat_story_start(s);
    instant start = s->world.now;
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(8));
    assert_in_range(s->world.now - start, SEC(3), SEC(5));
    assert_over_tls(s);
    /* Alice need not know. */
    assert_string_equal(sim_gateway_view(&s->alice, &s->bob).path.over, "udp");
    sim_nat_story_call(s, 1 << 20);
    sim_nat_story_call_ends_well(s, SEC(60));
}

/* Bob's session with the relay. */
static bool is_over(struct sim_nat_story *s, const char *over)
{
    const struct peer_view view = sim_gateway_view(&s->bob, &s->relay);
    return view.path.present && strcmp(view.path.kind, over) == 0;
}

static bool relay_over_udp(void *arg)
{
    return is_over(arg, "udp");
}

static bool relay_over_tcp(void *arg)
{
    return is_over(arg, "tcp");
}

static void when_udp_works_again_the_session_goes_there(void **state)
{
    struct sim_nat_story *s = *state;
    meets(s);
    assert_true(relay_over_tcp(s));
    let_udp_through(s, true);
    node_network_changed(s->bob.node);
    assert_true(sim_world_run(&s->world, SEC(30), relay_over_udp, s));
}

static void when_udp_stops_the_session_goes_over_tls(void **state)
{
    struct sim_nat_story *s = *state;
    let_udp_through(s, true);
    sim_nat_story_start(s);
    sim_nat_story_connect(s);
    assert_true(relay_over_udp(s));
    let_udp_through(s, false);
    instant start = s->world.now;
    sim_nat_story_call(s, 1 << 16);
    sim_nat_story_call_ends_well(s, SEC(60));
    assert_in_range(s->world.now - start, 0, SEC(10));
    assert_over_tls(s);
}

static void a_relay_that_was_restarted_is_reached_again(void **state)
{
    struct sim_nat_story *s = *state;
    meets(s);
    sim_gateway_crash(&s->relay);
    sim_nat_story_wait(s, SEC(2));
    sim_gateway_start(&s->relay);
    instant start = s->world.now;
    sim_nat_story_call(s, 1 << 16);
    sim_nat_story_call_ends_well(s, SEC(60));
    assert_in_range(s->world.now - start, 0, SEC(15));
    assert_over_tls(s);
}

static void another_key_behind_the_port_is_refused(void **state)
{
    struct sim_nat_story *s = *state;
    struct sim_gateway *other = &s->spare;
    char id[PEER_ID_TEXT_LEN + 1];
    int err;

    sim_gateway_init(other, &s->world, "other", 20, INTERNET, "192.0.2.20/24");
    sim_nat_story_start(s);
    struct known_peer *p = registry_peer_add(s->bob.registry, &s->alice.keys.id, &err);
    (void)snprintf(p->relay[0], sizeof(p->relay[0]), "%s@%s", peer_id_print(&other->keys.id, id),
                   RELAY_ADDRESS);
    sim_gateway_connect(&s->bob, &s->alice);
    assert_true(sim_world_run(&s->world, SEC(12), sim_gateway_connected, &s->bob));
    assert_int_equal(s->bob.wait_err, -EHOSTUNREACH);
    assert_non_null(strstr(s->bob.wait_why, "198.51.100.9:443: peer id mismatch"));
    assert_int_equal(sim_gateway_view(&s->bob, other).path.present, false);
    sim_gateway_deinit(other);
}

static void a_peer_that_takes_tcp_is_reached_straight(void **state)
{
    struct sim_nat_story *s = *state;
    s->relay.options.tcp = true;
    sim_gateway_stop(&s->relay);
    sim_gateway_start(&s->relay);
    sim_gateway_start(&s->bob);
    sim_gateway_shares(&s->relay, "echo", SERVICE_TCP, 7, "127.0.0.1:7000");
    sim_gateway_knows(&s->bob, &s->relay, "relay", RELAY_ADDRESS);
    sim_gateway_must_connect(&s->bob, &s->relay, SEC(8));
    const struct peer_view view = sim_gateway_view(&s->bob, &s->relay);
    assert_int_equal(view.state, PEER_DIRECT);
    assert_string_equal(view.path.kind, "tcp");
    assert_null(view.path.over);
}

static void two_behind_nats_meet_half_way(void **state)
{
    struct sim_nat_story *s = *state;
    s->alice.options.no_punching = s->bob.options.no_punching = false;
    meets(s);
    assert_over_tls(s);
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(10)));
    assert_string_equal(sim_gateway_view(&s->bob, &s->alice).path.kind, "tcp");
    assert_string_equal(sim_gateway_view(&s->alice, &s->bob).path.kind, "tcp");
    sim_nat_story_call(s, 1 << 20);
    sim_nat_story_call_ends_well(s, SEC(60));
}

static void who_must_not_punch_stays_on_the_relay(void **state)
{
    struct sim_nat_story *s = *state;
    meets(s);
    sim_nat_story_wait(s, SEC(30));
    assert_over_tls(s);
}

/* ---- strangers ---- */

struct stranger {
    struct sock *sock;
    struct env *env;
    bool connected, gone;
    size_t heard;
};

static void on_connect(void *arg, int err)
{
    struct stranger *x = arg;
    x->connected = err == 0;
    x->gone = err < 0;
}

static void on_ready(void *arg)
{
    struct stranger *x = arg;
    uint8_t bytes[64];
    const struct iovec area = {bytes, sizeof(bytes)};
    ssize_t n;

    while ((n = sock_readv(x->env, x->sock, &area, 1)) > 0)
        x->heard += (size_t)n;
    x->gone = x->gone || n != -EAGAIN;
}

static void call(struct stranger *x, struct env *env)
{
    static const struct sock_handler HANDLER = {on_connect, on_ready};
    const struct addr to = at(TLS_LISTEN);
    *x = (struct stranger){.env = env};
    assert_int_equal(sock_connect(env, &x->sock, &to, &HANDLER, x), 0);
}

static unsigned still_there(const struct stranger *x, unsigned count)
{
    unsigned there = 0;
    for (unsigned i = 0; i < count; i++)
        there += x[i].connected && !x[i].gone;
    return there;
}

static void strangers_who_say_nothing_are_few_and_go_after_10_s(void **state)
{
    struct sim_nat_story *s = *state;
    struct stranger x[12];
    const unsigned count = sizeof(x) / sizeof(x[0]);
    struct env *env = &s->alice.host.env;

    for (unsigned i = 0; i < count; i++)
        call(&x[i], env);
    sim_nat_story_wait(s, SEC(2));
    assert_int_equal(still_there(x, count), 8);
    /* From elsewhere there is room. */
    meets(s);
    assert_over_tls(s);
    sim_nat_story_wait(s, SEC(14));
    assert_int_equal(still_there(x, count), 0);
    for (unsigned i = 0; i < count; i++)
        sock_close(env, x[i].sock);
}

static void a_crowd_of_strangers_keeps_nobody_out(void **state)
{
    struct sim_nat_story *s = *state;
    static struct sim_host crowd[20];
    static struct stranger x[20][8];

    for (unsigned i = 0; i < 20; i++) {
        char address[ADDR_TEXT_MAX];
        (void)snprintf(address, sizeof(address), "192.0.2.%u/24", 100 + i);
        sim_host_init(&crowd[i], &s->world, "crowd");
        (void)sim_host_join(&crowd[i], INTERNET, address);
        for (unsigned k = 0; k < 8; k++)
            call(&x[i][k], &crowd[i].env);
    }
    sim_nat_story_wait(s, SEC(1));
    meets(s);
    assert_over_tls(s);
    for (unsigned i = 0; i < 20; i++) {
        for (unsigned k = 0; k < 8; k++)
            sock_close(&crowd[i].env, x[i][k].sock);
        sim_nat_story_wait(s, SEC(1));
        sim_host_deinit(&crowd[i]);
    }
}

/* Each of them would be a handshake. */
static void who_calls_again_and_again_is_answered_some_times_a_second(void **state)
{
    struct sim_nat_story *s = *state;
    struct stranger x[4];
    unsigned answered = 0;

    for (unsigned round = 0; round < 100; round++) {
        for (unsigned i = 0; i < 4; i++)
            call(&x[i], &s->alice.host.env);
        sim_nat_story_wait(s, MSEC(100));
        answered += still_there(x, 4);
        for (unsigned i = 0; i < 4; i++)
            sock_close(x[i].env, x[i].sock);
    }
    assert_in_range(answered, 64, 64 + 10 * 10 + 4);
    meets(s); /* from elsewhere */
    assert_over_tls(s);
}

static void connections_of_no_use_are_closed_after_a_minute(void **state)
{
    struct sim_nat_story *s = *state;
    const unsigned before = s->relay.host.sockets;
    meets(s);
    assert_int_equal(s->relay.host.sockets, before + 1);
    sim_gateway_crash(&s->bob);
    sim_nat_story_wait(s, SEC(120));
    assert_int_equal(s->relay.host.sockets, before);
    sim_gateway_start(&s->bob);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(8));
    assert_over_tls(s);
}

/* ---- callers who prove themselves ---- */

enum { CROWD = 12, SHARE = 8 };

static void begin_at_the_relay(struct sim_nat_story *s, struct sim_gateway *g)
{
    char id[PEER_ID_TEXT_LEN + 1];
    (void)snprintf(g->options.relay_use[0], sizeof(g->options.relay_use[0]), "%s@%s",
                   peer_id_print(&s->relay.keys.id, id), RELAY_ADDRESS);
    sim_gateway_start(g);
}

static void begin_one(struct sim_nat_story *s, struct sim_gateway *g, uint8_t number)
{
    char address[ADDR_TEXT_MAX];
    (void)snprintf(address, sizeof(address), "192.168.1.%u/24", number);
    sim_gateway_init_at_home(g, &s->world, "crowd", number, &s->homes[1], address, MSEC(5));
    begin_at_the_relay(s, g);
}

/* How many of the crowd have a session with the relay; `one` is one of them. */
static unsigned connected(struct sim_nat_story *s, struct sim_gateway crowd[CROWD],
                          struct sim_gateway **one)
{
    unsigned count = 0;
    for (unsigned i = 0; i < CROWD; i++)
        if (crowd[i].node && sim_gateway_view(&crowd[i], &s->relay).path.present) {
            *one = &crowd[i];
            count++;
        }
    return count;
}

/* However many peers it proves to be. */
static void one_address_has_its_share_of_connections_and_no_more(void **state)
{
    static struct sim_gateway crowd[CROWD];
    struct sim_nat_story *s = *state;
    struct sim_gateway *one = NULL;

    sim_gateway_stop(&s->relay);
    s->relay.options.max_peers = 8 * SHARE;
    sim_gateway_start(&s->relay);
    const unsigned before = s->relay.host.sockets;
    for (unsigned i = 0; i < CROWD; i++)
        begin_one(s, &crowd[i], (uint8_t)(30 + i));
    for (unsigned i = 0; i < 10; i++) {
        sim_nat_story_wait(s, SEC(6));
        assert_true(connected(s, crowd, &one) <= SHARE);
    }
    assert_int_equal(connected(s, crowd, &one), SHARE);
    assert_int_equal(s->relay.host.sockets, before + SHARE);
    /* From elsewhere there is room. */
    s->homes[0].router[0].nat.config.udp_blocked = true;
    begin_at_the_relay(s, &s->alice);
    sim_nat_story_wait(s, SEC(10));
    assert_true(sim_gateway_view(&s->alice, &s->relay).path.present);
    /* And when one goes, for another. */
    sim_gateway_stop(one);
    sim_nat_story_wait(s, SEC(400));
    assert_int_equal(connected(s, crowd, &one), SHARE);
    for (unsigned i = 0; i < CROWD; i++)
        sim_gateway_deinit(&crowd[i]);
}

static void there_are_no_more_connections_than_peers_are_allowed(void **state)
{
    static struct sim_gateway crowd[CROWD];
    struct sim_nat_story *s = *state;
    struct sim_gateway *one = NULL;

    sim_gateway_stop(&s->relay);
    s->relay.options.max_peers = 5;
    sim_gateway_start(&s->relay);
    const unsigned before = s->relay.host.sockets;
    for (unsigned i = 0; i < CROWD; i++)
        begin_one(s, &crowd[i], (uint8_t)(30 + i));
    for (unsigned i = 0; i < 60; i++) {
        sim_nat_story_wait(s, SEC(1));
        assert_true(s->relay.host.sockets <= before + 5);
    }
    assert_in_range(connected(s, crowd, &one), 1, 5);
    for (unsigned i = 0; i < CROWD; i++)
        sim_gateway_deinit(&crowd[i]);
}

/* Who asks where it is seen does not take the place of one who wants more. */
static void who_only_asks_by_stun_goes_when_others_call(void **state)
{
    struct sim_nat_story *s = *state;
    static const uint8_t ID[STUN_ID_LEN] = {9};
    struct stranger x[12], last;
    uint8_t question[64];
    struct stun_writer w;
    stun_begin(&w, question, sizeof(question), STUN_REQUEST, STUN_BINDING, ID);
    stun_put_text(&w, STUN_SOFTWARE, "twenty bytes at least");
    const struct iovec area = {question, stun_end(&w)};

    for (unsigned i = 0; i < 12; i++) {
        call(&x[i], &s->alice.host.env);
        sim_nat_story_wait(s, MSEC(200));
        assert_true(x[i].connected && !x[i].gone);
        assert_int_equal(sock_writev(x[i].env, x[i].sock, &area, 1), area.iov_len);
        sim_nat_story_wait(s, MSEC(200));
        assert_in_range(x[i].heard, 32, 64); /* bytes */
    }
    assert_int_equal(still_there(x, 12), 8);
    sim_nat_story_wait(s, SEC(30)); /* longer than who says nothing */
    assert_int_equal(still_there(x, 12), 8);
    call(&last, &s->alice.host.env);
    sim_nat_story_wait(s, SEC(1));
    assert_true(last.connected && !last.gone);
    assert_int_equal(still_there(x, 12), 7);
    sim_nat_story_wait(s, SEC(70));
    assert_int_equal(still_there(x, 12), 0);
    sock_close(last.env, last.sock);
    for (unsigned i = 0; i < 12; i++)
        sock_close(x[i].env, x[i].sock);
}

int main(void)
{
#define STORY(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        STORY(a_relay_is_reached_over_tls),
        STORY(when_udp_works_again_the_session_goes_there),
        STORY(when_udp_stops_the_session_goes_over_tls),
        STORY(a_relay_that_was_restarted_is_reached_again),
        STORY(another_key_behind_the_port_is_refused),
        STORY(a_peer_that_takes_tcp_is_reached_straight),
        STORY(two_behind_nats_meet_half_way),
        STORY(who_must_not_punch_stays_on_the_relay),
        STORY(strangers_who_say_nothing_are_few_and_go_after_10_s),
        STORY(a_crowd_of_strangers_keeps_nobody_out),
        STORY(who_calls_again_and_again_is_answered_some_times_a_second),
        STORY(connections_of_no_use_are_closed_after_a_minute),
        STORY(one_address_has_its_share_of_connections_and_no_more),
        STORY(there_are_no_more_connections_than_peers_are_allowed),
        STORY(who_only_asks_by_stun_goes_when_others_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
