/* Sessions begin over a relay and go direct, through NATs, while they are used. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/members.h"
#include "tests/sim/sim_nat_story.h"

static struct sim_nat_story story;

static struct sim_nat_story *begin(const char *alice_home, const char *bob_home)
{
    memset(&story, 0, sizeof(story));
    sim_nat_story_begin(&story, alice_home, bob_home);
    return &story;
}

static struct sim_nat_story *begin_relayed(const char *alice_home, const char *bob_home)
{
    struct sim_nat_story *s = begin(alice_home, bob_home);
    sim_nat_story_start(s);
    sim_nat_story_connect(s);
    return s;
}

static int end(void **state)
{
    (void)state;
    sim_nat_story_end(&story);
    return 0;
}

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static void goes_direct_within_half_a_second_of_connecting(void **state)
{
    (void)state;
    struct sim_nat_story *s = begin_relayed("port_restricted", "port_restricted");
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_RELAYED);
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, MSEC(500)));
    assert_null(sim_gateway_view(&s->bob, &s->alice).why_not_direct);
    sim_nat_story_call(s, 100000);
    sim_nat_story_call_ends_well(s, SEC(10));
    const struct round_view round = sim_gateway_view(&s->bob, &s->alice).round;
    assert_string_equal(round.result, "direct");
    assert_in_range(round.probes, 1, 40);
    assert_in_range(round.answers, 1, 40);
    assert_int_equal(round.guesses, 0);
    assert_int_equal(round.lost, 0);
}

static void an_idle_session_is_direct_again_soon_after_it_is_used(void **state)
{
    (void)state;
    struct sim_nat_story *s = begin_relayed("port_restricted", "port_restricted");
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, MSEC(500)));
    sim_nat_story_wait(s, SEC(1800));
    sim_nat_story_call(s, 1000);
    sim_nat_story_call_ends_well(s, SEC(1));
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(2)));
}

static void the_dialled_side_may_be_the_one_without_a_nat(void **state)
{
    (void)state;
    struct sim_nat_story *s = begin_relayed("public", "sym_random");
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(2)));
}

static void the_dialling_side_may_be_the_one_without_a_nat(void **state)
{
    (void)state;
    struct sim_nat_story *s = begin_relayed("sym_random", "public");
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(2)));
}

static void routers_that_take_a_stray_packet_amiss_are_opened_first(void **state)
{
    (void)state;
    struct sim_nat_story *s = begin_relayed("poisonable", "poisonable");
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(2)));
}

static void a_call_goes_on_while_its_path_becomes_direct(void **state)
{
    const struct sim_link line = {.delay = MSEC(5), .bandwidth = 1250000, .queue = 125000};
    (void)state;
    struct sim_nat_story *s = begin("port_restricted", "address_restricted");
    sim_host_links(&s->alice.host, &line);
    sim_host_links(&s->bob.host, &line);
    s->alice.options.no_punching = true; /* not yet */
    sim_nat_story_start(s);
    sim_nat_story_connect(s);
    sim_nat_story_call(s, 8 << 20);
    sim_nat_story_wait(s, SEC(2));
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_RELAYED);
    assert_string_equal(sim_gateway_view(&s->alice, &s->bob).why_not_direct,
                        "punching is switched off ([punch] mode = off)");
    s->alice.node->options.no_punching = false;
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(31)));
    assert_false(sim_caller_over(&s->caller));
    sim_nat_story_call_ends_well(s, SEC(60));
    assert_true(s->caller.silence < SEC(2));
}

static void neighbours_find_the_short_way_through_their_lan(void **state)
{
    (void)state;
    struct sim_nat_story *s = begin_relayed("port_restricted", NULL); /* no hairpin */
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(2)));
    struct addr remote = sim_gateway_view(&s->bob, &s->alice).path.remote;
    const struct addr alice = at("192.168.1.2:4433");
    assert_true(addr_equal(&remote, &alice));
}

static void a_peer_that_does_not_want_it_is_left_alone(void **state)
{
    (void)state;
    struct sim_nat_story *s = begin("port_restricted", "port_restricted");
    s->alice.options.no_punching = true;
    sim_nat_story_start(s);
    sim_nat_story_connect(s);
    sim_nat_story_wait(s, SEC(1));
    const char *why = sim_gateway_view(&s->bob, &s->alice).why_not_direct;
    assert_string_equal(why, "punching is switched off at the peer; next try in 5 s");
}

/* Bob's home and alice's are both behind one carrier's NAT, which turns packets round. */
static void neighbours_behind_one_carrier_meet_at_its_router(void **state)
{
    (void)state;
    const struct nat_preset *preset = nat_preset_find("cgnat");
    struct sim_nat_story *s = &story;
    struct sim_router carrier;
    memset(s, 0, sizeof(*s));
    sim_nat_story_begin(s, "port_restricted", "port_restricted");
    sim_router_init(&carrier, &s->world, 50, INTERNET, "203.0.113.50", &preset->router[1]);
    for (size_t i = 0; i < 2; i++) {
        static const char *const INSIDE[] = {"100.64.0.2", "100.64.0.3"};
        s->homes[i].router[0].outside = 50;
        assert_int_equal(addr_parse_ip(&s->homes[i].router[0].nat.public, INSIDE[i], 0), 0);
    }
    sim_nat_story_start(s);
    sim_nat_story_connect(s);
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(5)));
    sim_nat_story_call(s, 100000);
    sim_nat_story_call_ends_well(s, SEC(10));
    sim_gateway_stop(&s->bob);
    sim_gateway_stop(&s->alice);
    sim_router_deinit(&carrier);
}

/* ---- changes ---- */

static void is_direct_again_after_a_router_forgot_its_mappings(void **state)
{
    (void)state;
    struct sim_nat_story *s = begin_relayed("port_restricted", "port_restricted");
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(2)));
    sim_nat_story_call(s, 1000);
    s->caller.hold = true;
    sim_nat_story_wait(s, SEC(10));
    sim_router_reboot(&s->homes[1].router[0], "203.0.113.77");
    sim_caller_go(&s->caller);
    sim_nat_story_call_ends_well(s, SEC(30));
    sim_nat_story_wait(s, SEC(30));
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(60)));
}

/* A path that was found by a search goes by a socket of its own. */
static void is_found_again_when_the_path_of_an_extra_socket_dies(void **state)
{
    (void)state;
    struct sim_nat_story *s = &story;
    memset(s, 0, sizeof(*s));
    s->has_spare = s->both_use = true;
    sim_nat_story_begin(s, "port_restricted", "sym_random");
    sim_nat_story_start(s);
    sim_nat_story_wait(s, SEC(5)); /* STUN tells what the NATs are */
    sim_nat_story_connect(s);
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(20)));
    assert_true(s->bob.node->hub.extra_count > 0 || s->alice.node->hub.extra_count > 0);
    sim_nat_story_wait(s, SEC(30));
    assert_in_range(s->bob.node->hub.extra_count + s->alice.node->hub.extra_count, 1, 4);
    sim_router_reboot(&s->homes[1].router[0], "203.0.113.77");
    sim_nat_story_call(s, 100000);
    sim_nat_story_call_ends_well(s, SEC(10));
    s->caller.hold = true;
    assert_true(sim_nat_story_both_become(s, PEER_RELAYED, SEC(10)) ||
                sim_nat_story_both_become(s, PEER_DIRECT, 0));
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(120)));
}

static bool is_cut(void *arg, const struct addr *from, const struct addr *to)
{
    const struct addr alice = at("203.0.113.1:1"), bob = at("203.0.113.2:1");
    return *(bool *)arg && ((addr_same_ip(from, &alice) && addr_same_ip(to, &bob)) ||
                            (addr_same_ip(from, &bob) && addr_same_ip(to, &alice)));
}

/* Two NATs that count have mappings left from the round that was lost. */
static void the_next_round_finds_what_the_first_did_not(void **state)
{
    bool cut = true;
    (void)state;
    struct sim_nat_story *s = &story;
    memset(s, 0, sizeof(*s));
    s->has_spare = s->both_use = true;
    sim_nat_story_begin(s, "sym_seq", "sym_seq");
    s->world.cut = is_cut;
    s->world.cut_arg = &cut;
    sim_nat_story_start(s);
    sim_nat_story_wait(s, SEC(5));
    sim_nat_story_connect(s);
    sim_nat_story_wait(s, SEC(8));
    const char *why = sim_gateway_view(&s->bob, &s->alice).why_not_direct;
    assert_non_null(strstr(why, "next try in"));
    cut = false;
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(10)));
    s->world.cut = NULL;
}

static void is_direct_again_after_the_dialler_changed_its_network(void **state)
{
    (void)state;
    struct sim_nat_story *s = begin_relayed("port_restricted", "port_restricted");
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(2)));
    struct sim_access mobile;
    sim_access_init(&mobile, &s->world, "port_restricted", 13, "203.0.113.13");
    sim_host_roam(&s->bob.host, &s->bob.host.interface[2], 13, "10.64.0.5/24");
    node_network_changed(s->bob.node);
    sim_nat_story_call(s, 1000);
    sim_nat_story_call_ends_well(s, SEC(10));
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(30)));
    sim_nat_story_wait(s, SEC(30));
    assert_true(sim_nat_story_both_become(s, PEER_DIRECT, SEC(1)));
    sim_gateway_stop(&s->bob);
    sim_access_deinit(&mobile);
}

/* ---- a peer that lies ---- */

/* ---- a peer that lies ---- */

struct victim {
    struct sim_host host;
    struct udp_socket *udp;
    unsigned heard;
};

static void on_datagrams(void *arg, const struct udp_rx *rx)
{
    ((struct victim *)arg)->heard += (unsigned)((rx->len + rx->segment - 1) / rx->segment);
}

static const struct udp_handler VICTIM = {on_datagrams, NULL};

static void begin_victim(struct victim *v, struct sim_nat_story *s, unsigned network,
                         const char *address, const char *local)
{
    const struct addr a = at(local);
    sim_host_init(&v->host, &s->world, "victim");
    (void)sim_host_join(&v->host, network, address);
    assert_int_equal(udp_open(&v->host.env, &v->udp, &a, 0, &VICTIM, v), 0);
}

static void end_victim(struct victim *v)
{
    udp_close(&v->host.env, v->udp);
    sim_host_deinit(&v->host);
}

/* Bob names addresses of others as his own, in one round after the other. */
static void a_peer_that_lies_has_us_bother_nobody(void **state)
{
    struct victim outside = {0}, low = {0}, neighbour = {0};
    (void)state;
    struct sim_nat_story *s = begin("port_restricted", "sym_random");
    s->bob.options.no_birthday = true;
    begin_victim(&outside, s, INTERNET, "192.0.2.80/24", "0.0.0.0:5000");
    begin_victim(&low, s, INTERNET, "192.0.2.81/24", "0.0.0.0:53");
    begin_victim(&neighbour, s, 11, "172.16.0.9/24", "0.0.0.0:4433");
    sim_nat_story_start(s);
    struct gather *g = &s->bob.node->punch.gather;
    static const char *const LIES[] = {
        /* his true address will displace the first */
        "127.0.0.1:7777",         "[::1]:7777",    "224.0.0.1:5353",  "169.254.9.9:4000",
        "[::ffff:10.0.0.1]:4433", "192.0.2.81:53", "172.16.0.9:4433", "192.0.2.80:5000"};
    for (size_t i = 0; i < sizeof(LIES) / sizeof(LIES[0]); i++) {
        const struct addr lie = at(LIES[i]);
        gather_add(g, CANDIDATE_MAPPED, &lie);
    }
    sim_nat_story_connect(s);
    sim_nat_story_wait(s, SEC(250));
    assert_int_equal(sim_gateway_view(&s->alice, &s->bob).state, PEER_RELAYED);
    assert_in_range(outside.heard, 1, 20);
    assert_int_equal(low.heard, 0);
    assert_int_equal(neighbour.heard, 0);
    end_victim(&outside);
    end_victim(&low);
    end_victim(&neighbour);
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(goes_direct_within_half_a_second_of_connecting),
        TEST(an_idle_session_is_direct_again_soon_after_it_is_used),
        TEST(the_dialled_side_may_be_the_one_without_a_nat),
        TEST(the_dialling_side_may_be_the_one_without_a_nat),
        TEST(routers_that_take_a_stray_packet_amiss_are_opened_first),
        TEST(a_call_goes_on_while_its_path_becomes_direct),
        TEST(neighbours_find_the_short_way_through_their_lan),
        TEST(neighbours_behind_one_carrier_meet_at_its_router),
        TEST(a_peer_that_lies_has_us_bother_nobody),
        TEST(a_peer_that_does_not_want_it_is_left_alone),
        TEST(is_direct_again_after_a_router_forgot_its_mappings),
        TEST(is_found_again_when_the_path_of_an_extra_socket_dies),
        TEST(the_next_round_finds_what_the_first_did_not),
        TEST(is_direct_again_after_the_dialler_changed_its_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
