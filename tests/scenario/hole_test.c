/* Holes for programs: a socket of its own, through both NATs, with a secret that both sides know.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/members.h"
#include "gateway/wire/hole_message.h"
#include "tests/sim/sim_nat_story.h"

/* Bob asks, alice has a program that waits. */
static struct stage {
    struct sim_nat_story story;
    struct node_hole_wait wait;
    struct node_hole_taker taker;
    struct node_hole bobs, alices;
    unsigned given; /* to alice */
    bool over, ended;
    int err;
    char why[160];
} stage;

static void on_done(struct node_hole_wait *w, int err, const char *why, struct node_hole *hole)
{
    struct stage *s = container_of(w, struct stage, wait);

    s->over = true;
    s->err = err;
    (void)snprintf(s->why, sizeof(s->why), "%s", why);
    assert_true((err == 0) == (hole != NULL));
    if (hole) {
        s->bobs = *hole;
        hole->udp = NULL;
        hole->tcp = NULL;
    }
}

static void on_take(struct node_hole_taker *t, struct node_hole *hole)
{
    struct stage *s = container_of(t, struct stage, taker);

    node_hole_drop(&s->story.alice.host.env, &s->alices);
    s->given++;
    s->alices = *hole;
    hole->udp = NULL;
    hole->tcp = NULL;
}

static void on_taker_ended(struct node_hole_taker *t)
{
    struct stage *s = container_of(t, struct stage, taker);
    s->ended = true;
}

static struct stage *begin(const char *alice_home, const char *bob_home)
{
    struct stage *s = &stage;

    memset(s, 0, sizeof(*s));
    sim_nat_story_begin(&s->story, alice_home, bob_home);
    sim_nat_story_start(&s->story);
    sim_nat_story_connect(&s->story);
    return s;
}

static void wait_for_peers(struct stage *s, bool tcp)
{
    s->taker = (struct node_hole_taker){.tcp = tcp, .take = on_take, .ended = on_taker_ended};
    assert_int_equal(node_hole_accept(s->story.alice.node, &s->taker), 0);
}

static bool is_over(void *arg)
{
    const struct stage *s = arg;
    return s->over;
}

static int ask(struct stage *s, bool tcp)
{
    node_hole_drop(&s->story.bob.host.env, &s->bobs);
    s->over = false;
    s->wait = (struct node_hole_wait){.done = on_done};
    assert_int_equal(node_hole_ask(s->story.bob.node, &s->story.alice.keys.id, tcp, &s->wait), 0);
    assert_true(sim_world_run(&s->story.world, SEC(60), is_over, s));
    return s->err;
}

static void is_one_hole(const struct stage *s)
{
    static const uint8_t ZERO[NODE_HOLE_SECRET];

    assert_memory_equal(s->bobs.secret, s->alices.secret, NODE_HOLE_SECRET);
    assert_memory_not_equal(s->bobs.secret, ZERO, NODE_HOLE_SECRET);
    assert_true(s->bobs.asked);
    assert_false(s->alices.asked);
    assert_true(addr_equal(&s->bobs.remote, &s->alices.outer));
    assert_true(addr_equal(&s->alices.remote, &s->bobs.outer));
    assert_true(peer_id_equal(&s->bobs.peer, &s->story.alice.keys.id));
    assert_true(peer_id_equal(&s->alices.peer, &s->story.bob.keys.id));
}

static int end(void **state)
{
    struct stage *s = &stage;
    (void)state;

    node_hole_drop(&s->story.bob.host.env, &s->bobs);
    node_hole_drop(&s->story.alice.host.env, &s->alices);
    sim_nat_story_end(&s->story);
    assert_true(s->ended || !s->taker.take);
    return 0;
}

static void both_sides_get_a_socket_and_one_secret(void **state)
{
    struct stage *s = begin("port_restricted", "port_restricted");
    uint8_t first[NODE_HOLE_SECRET];
    (void)state;

    wait_for_peers(s, false);
    assert_int_equal(ask(s, false), 0);
    is_one_hole(s);
    assert_non_null(s->bobs.udp);
    assert_non_null(s->alices.udp);
    assert_int_equal(addr_port(&s->bobs.inner) == SIM_GATEWAY_PORT, 0);
    memcpy(first, s->bobs.secret, sizeof(first));

    /* Again and again, each with its own. */
    assert_int_equal(ask(s, false), 0);
    is_one_hole(s);
    assert_int_equal(s->given, 2);
    assert_memory_not_equal(s->bobs.secret, first, sizeof(first));
}

static void a_nat_with_random_ports_is_met_by_one_that_filters_by_address(void **state)
{
    struct stage *s = begin("sym_random", "address_restricted");
    (void)state;

    wait_for_peers(s, false);
    assert_int_equal(ask(s, false), 0);
    is_one_hole(s);
}

/* With two servers to ask it is known what kind of NAT there is. */
static struct stage *begin_measured(const char *alice_home, const char *bob_home)
{
    struct stage *s = &stage;

    memset(s, 0, sizeof(*s));
    s->story.has_spare = s->story.both_use = true;
    sim_nat_story_begin(&s->story, alice_home, bob_home);
    sim_nat_story_start(&s->story);
    sim_nat_story_wait(&s->story, SEC(5));
    sim_nat_story_connect(&s->story);
    sim_nat_story_wait(&s->story, SEC(60)); /* the session's own rounds are over */
    wait_for_peers(s, false);
    return s;
}

static void ports_of_two_nats_that_count_are_foreseen(void **state)
{
    struct stage *s = begin_measured("sym_seq", "sym_seq");
    (void)state;

    assert_int_equal(ask(s, false), 0);
    is_one_hole(s);
}

static void ports_of_a_random_nat_are_searched_for(void **state)
{
    struct stage *s = begin_measured("port_restricted", "sym_random");
    (void)state;

    assert_int_equal(ask(s, false), 0);
    is_one_hole(s);
}

static void neighbours_meet_on_their_own_network(void **state)
{
    struct stage *s = begin("port_restricted", NULL);
    (void)state;

    wait_for_peers(s, false);
    assert_int_equal(ask(s, false), 0);
    is_one_hole(s);
    assert_true(addr_is_private(&s->bobs.remote));
}

static void two_random_nats_are_not_met_and_the_reason_is_said(void **state)
{
    struct stage *s = begin("sym_random", "sym_random");
    (void)state;

    wait_for_peers(s, false);
    assert_int_equal(ask(s, false), -EHOSTUNREACH);
    assert_string_equal(s->why, "nothing of theirs came through");
    assert_int_equal(s->given, 0);
    sim_nat_story_wait(&s->story, SEC(1));
    assert_int_equal(s->story.alice.node->holes.count, 0);
    assert_int_equal(s->story.bob.node->holes.count, 0);
}

static void a_tcp_connection_is_made_by_both_at_once(void **state)
{
    struct stage *s = begin("port_restricted", "port_restricted");
    (void)state;

    wait_for_peers(s, true);
    assert_int_equal(ask(s, true), 0);
    is_one_hole(s);
    assert_non_null(s->bobs.tcp);
    assert_non_null(s->alices.tcp);
}

/* It may be on its way before the one who asked has taken its socket. */
static void what_a_program_says_at_once_waits_for_the_other(void **state)
{
    struct stage *s = begin("port_restricted", "port_restricted");
    struct env *alice = &s->story.alice.host.env, *bob = &s->story.bob.host.env;
    const struct iovec area = {(void *)(uintptr_t) "hello", 5};
    uint8_t in[16];
    const struct iovec room = {in, sizeof(in)};
    (void)state;

    wait_for_peers(s, false);
    assert_int_equal(ask(s, false), 0);
    const struct udp_tx tx = {.to = &s->alices.remote, .data = area.iov_base, .len = area.iov_len};
    assert_int_equal(udp_send(alice, s->alices.udp, &tx), 0);
    (void)sim_world_run(&s->story.world, SEC(1), NULL, NULL);
    assert_int_equal(sim_udp_waiting(s->bobs.udp), 5);
    node_hole_unaccept(s->story.alice.node, &s->taker);

    wait_for_peers(s, true);
    assert_int_equal(ask(s, true), 0);
    assert_int_equal(sock_writev(alice, s->alices.tcp, &area, 1), 5);
    (void)sim_world_run(&s->story.world, SEC(1), NULL, NULL);
    assert_int_equal(sock_readv(bob, s->bobs.tcp, &room, 1), 5);
}

static void without_a_program_there_is_none(void **state)
{
    struct stage *s = begin("port_restricted", "port_restricted");
    (void)state;

    assert_int_equal(ask(s, false), -ENOENT);
    wait_for_peers(s, true);
    assert_int_equal(ask(s, false), -ENOENT); /* it waits for TCP */
    s->taker.tcp = false;
    s->taker.only_count = 1; /* nobody's id */
    assert_int_equal(ask(s, false), -ENOENT);
    s->taker.only[0] = s->story.bob.keys.id;
    assert_int_equal(ask(s, false), 0);
}

static void a_stranger_is_refused(void **state)
{
    struct stage *s = begin("port_restricted", "port_restricted");
    (void)state;

    sim_gateway_shares(&s->story.alice, "open", SERVICE_TCP, 7403, "127.0.0.1:7403");
    assert_int_equal(registry_unname(s->story.alice.registry, "bob"), 0);
    wait_for_peers(s, false);
    assert_int_equal(ask(s, false), -EACCES);
}

static void a_peer_gets_six_a_minute(void **state)
{
    struct stage *s = begin("public", "public");
    (void)state;

    wait_for_peers(s, false);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(ask(s, false), 0);
    assert_int_equal(ask(s, false), -EBUSY);
    sim_nat_story_wait(&s->story, SEC(11));
    assert_int_equal(ask(s, false), 0);
}

static void a_lost_session_ends_what_was_begun(void **state)
{
    struct stage *s = begin("port_restricted", "port_restricted");
    (void)state;

    assert_true(sim_nat_story_both_become(&s->story, PEER_DIRECT, SEC(2)));
    wait_for_peers(s, false);
    s->wait = (struct node_hole_wait){.done = on_done};
    assert_int_equal(node_hole_ask(s->story.bob.node, &s->story.alice.keys.id, false, &s->wait), 0);
    sim_gateway_stop(&s->story.alice);
    assert_true(sim_world_run(&s->story.world, SEC(60), is_over, s));
    assert_int_equal(s->err, -ECONNRESET);
}

static void who_asked_may_go_away(void **state)
{
    struct stage *s = begin("port_restricted", "port_restricted");
    (void)state;

    wait_for_peers(s, false);
    s->wait = (struct node_hole_wait){.done = on_done};
    assert_int_equal(node_hole_ask(s->story.bob.node, &s->story.alice.keys.id, false, &s->wait), 0);
    sim_nat_story_wait(&s->story, MSEC(250));
    node_hole_cancel(s->story.bob.node, &s->wait);
    sim_nat_story_wait(&s->story, SEC(1));
    assert_int_equal(s->story.alice.node->holes.count, 0);
    assert_int_equal(s->given, 0);
    assert_false(s->over);
}

/* ---- a peer that lies ---- */

struct victim {
    struct sim_host host;
    struct udp_socket *udp;
    unsigned heard;
};

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static void on_datagrams(void *arg, const struct udp_rx *rx)
{
    struct victim *v = arg;
    v->heard += (unsigned)((rx->len + rx->segment - 1) / rx->segment);
}

static const struct udp_handler VICTIM = {on_datagrams, NULL};

static void begin_victim(struct victim *v, struct stage *s, unsigned network, const char *address,
                         const char *local)
{
    const struct addr a = at(local);

    sim_host_init(&v->host, &s->story.world, "victim");
    (void)sim_host_join(&v->host, network, address);
    assert_int_equal(udp_open(&v->host.env, &v->udp, &a, 0, &VICTIM, v), 0);
}

static void end_victim(struct victim *v)
{
    udp_close(&v->host.env, v->udp);
    sim_host_deinit(&v->host);
}

/* Bob names addresses of others as his own, one time after the other. */
static void a_peer_that_lies_has_us_bother_nobody(void **state)
{
    static const char *const LIES[] = {"127.0.0.1:7777",  "[::1]:7777",      "224.0.0.1:5353",
                                       "192.0.2.81:53",   "172.16.0.9:4433", "192.0.2.80:5000",
                                       "169.254.9.9:4000"};
    struct stage *s = begin("port_restricted", "port_restricted");
    struct victim outside = {.heard = 0}, low = {.heard = 0}, neighbour = {.heard = 0};
    struct hole_message m = {.type = HOLE_ASK};
    uint8_t out[HOLE_MESSAGE_MAX];
    (void)state;

    begin_victim(&outside, s, INTERNET, "192.0.2.80/24", "0.0.0.0:5000");
    begin_victim(&low, s, INTERNET, "192.0.2.81/24", "0.0.0.0:53");
    begin_victim(&neighbour, s, 11, "172.16.0.9/24", "0.0.0.0:4433");
    wait_for_peers(s, false);
    for (size_t i = 0; i < sizeof(LIES) / sizeof(LIES[0]); i++)
        m.candidate[m.candidates++] = (struct candidate){CANDIDATE_REFLEXIVE, at(LIES[i])};
    for (m.id = 1; m.id <= 20; m.id++) {
        const struct message_part part = hole_message_write(&m, out);
        struct member *alice = member_find(s->story.bob.node, &s->story.alice.keys.id);
        peer_tell_part(peer_conn(&alice->peer), &part);
        sim_nat_story_wait(&s->story, SEC(15));
    }
    assert_in_range(outside.heard, 1, PUNCH_BUDGET_PROBES);
    assert_int_equal(low.heard, 0);
    assert_int_equal(neighbour.heard, 0);
    assert_int_equal(s->given, 0);
    end_victim(&outside);
    end_victim(&low);
    end_victim(&neighbour);
}

static unsigned syns; /* to the one address that bob names for TCP */

static void on_syn(void *arg, const struct addr *from, const struct addr *to)
{
    const struct addr silent = at("203.0.113.99:5000"), alice = at("203.0.113.1:1");
    (void)arg;
    syns += addr_equal(to, &silent) && addr_same_ip(from, &alice);
}

static void nor_by_tcp(void **state)
{
    struct stage *s = begin("port_restricted", "port_restricted");
    struct hole_message m = {.type = HOLE_ASK, .flags = HOLE_TCP};
    uint8_t out[HOLE_MESSAGE_MAX];
    (void)state;

    wait_for_peers(s, true);
    syns = 0;
    s->story.world.tap_syn = on_syn;
    m.candidate[m.candidates++] = (struct candidate){CANDIDATE_TCP, at("203.0.113.99:5000")};
    for (m.id = 1; m.id <= 20; m.id++) {
        const struct message_part part = hole_message_write(&m, out);
        struct member *alice = member_find(s->story.bob.node, &s->story.alice.keys.id);
        peer_tell_part(peer_conn(&alice->peer), &part);
        sim_nat_story_wait(&s->story, SEC(30));
    }
    s->story.world.tap_syn = NULL;
    assert_in_range(syns, 1, PUNCH_BUDGET_PROBES);
    assert_int_equal(s->given, 0);
}

#define STORY(test) cmocka_unit_test_teardown(test, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(both_sides_get_a_socket_and_one_secret),
        STORY(a_nat_with_random_ports_is_met_by_one_that_filters_by_address),
        STORY(ports_of_two_nats_that_count_are_foreseen),
        STORY(ports_of_a_random_nat_are_searched_for),
        STORY(neighbours_meet_on_their_own_network),
        STORY(two_random_nats_are_not_met_and_the_reason_is_said),
        STORY(a_tcp_connection_is_made_by_both_at_once),
        STORY(what_a_program_says_at_once_waits_for_the_other),
        STORY(without_a_program_there_is_none),
        STORY(a_stranger_is_refused),
        STORY(a_peer_gets_six_a_minute),
        STORY(a_lost_session_ends_what_was_begun),
        STORY(who_asked_may_go_away),
        STORY(a_peer_that_lies_has_us_bother_nobody),
        STORY(nor_by_tcp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
