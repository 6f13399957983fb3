/* Two gateways that cannot reach one another, and relays that both can reach. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/members.h"
#include "gateway/wire/relay_frame.h"
#include "tests/sim/sim_gateway.h"
#include "tests/sim/sim_nat_story.h"
#include "tests/sim/sim_program.h"

#define LINE      MSEC(5)  /* each way of each host: 20 ms there and back between two of them */
#define RELAY_RTT MSEC(40) /* alice and bob, there and back through a relay */

/* alice shares an echo and is reached through `home` and `spare`, which relay for anybody; bob
 * knows her by id and by home's address; nothing passes between the two of them directly. */
struct stage {
    struct sim_world world;
    struct sim_gateway alice, bob, mallory, home, spare;
    struct sim_echo echo;
    struct sim_caller caller;
    bool together; /* alice and bob do reach one another */
    unsigned between, elsewhere;
};

static bool is_of(const struct sim_gateway *g, const struct addr *a)
{
    return sim_interface_of(&g->host, a) != NULL;
}

static bool cut(void *arg, const struct addr *from, const struct addr *to)
{
    struct stage *s = arg;
    bool is_between = (is_of(&s->alice, from) && is_of(&s->bob, to)) ||
                      (is_of(&s->bob, from) && is_of(&s->alice, to));
    s->between += is_between;
    return is_between && !s->together;
}

static const char *text_of(const struct sim_gateway *relay, const char *host)
{
    static char text[PEER_RELAY_MAX + 1];
    char id[PEER_ID_TEXT_LEN + 1];
    (void)snprintf(text, sizeof(text), "%s@%s:4433", peer_id_print(&relay->keys.id, id), host);
    return text;
}

static void uses(struct sim_gateway *g, unsigned at, const struct sim_gateway *relay,
                 const char *host)
{
    (void)snprintf(g->options.relay_use[at], sizeof(g->options.relay_use[at]), "%s",
                   text_of(relay, host));
}

/* As `overlay peer add --relay`. */
static void knows_by(struct sim_gateway *g, const struct sim_gateway *other, unsigned at,
                     const struct sim_gateway *relay, const char *host)
{
    struct known_peer *p = registry_peer(g->registry, &other->keys.id);
    assert_non_null(p);
    (void)snprintf(p->relay[at], sizeof(p->relay[at]), "%s", text_of(relay, host));
}

static void add(struct stage *s, struct sim_gateway *g, const char *name, uint8_t number,
                const char *address)
{
    const struct sim_link line = {.delay = LINE};
    sim_gateway_init(g, &s->world, name, number, INTERNET, address);
    sim_host_links(&g->host, &line);
}

static int begin(void **state)
{
    static struct stage stage;
    struct stage *s = &stage;
    memset(s, 0, sizeof(*s));
    sim_world_init(&s->world, 0);
    s->world.cut = cut;
    s->world.cut_arg = s;
    add(s, &s->alice, "alice", 1, "192.0.2.1/24");
    add(s, &s->bob, "bob", 2, "198.51.100.2/24");
    add(s, &s->mallory, "mallory", 3, "203.0.113.3/24");
    add(s, &s->home, "home", 4, "203.0.113.4/24");
    add(s, &s->spare, "spare", 5, "203.0.113.5/24");
    fake_names_add(&s->world.names, "home.example", "203.0.113.4");
    fake_names_add(&s->world.names, "spare.example", "203.0.113.5");
    s->home.options.relay_serve = s->spare.options.relay_serve = RELAY_SERVE_OPEN;
    uses(&s->alice, 0, &s->home, "home.example");
    uses(&s->alice, 1, &s->spare, "spare.example");
    sim_echo_init(&s->echo, &s->alice.host.env, "127.0.0.1:7000");
    sim_gateway_start(&s->home);
    sim_gateway_start(&s->spare);
    sim_gateway_start(&s->alice);
    sim_gateway_start(&s->bob);
    sim_gateway_shares(&s->alice, "echo", SERVICE_BOTH, 7, "127.0.0.1:7000");
    sim_gateway_knows(&s->alice, &s->bob, "bob", NULL);
    sim_gateway_knows(&s->bob, &s->alice, "alice", NULL);
    knows_by(&s->bob, &s->alice, 0, &s->home, "home.example");
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct stage *s = *state;
    sim_caller_deinit(&s->caller);
    sim_echo_deinit(&s->echo);
    sim_gateway_deinit(&s->mallory);
    sim_gateway_deinit(&s->bob);
    sim_gateway_deinit(&s->alice);
    sim_gateway_deinit(&s->home);
    sim_gateway_deinit(&s->spare);
    sim_world_deinit(&s->world);
    return 0;
}

static void passes(struct stage *s, instant span)
{
    (void)sim_world_run(&s->world, span, NULL, NULL);
}

static void connects(struct stage *s)
{
    passes(s, SEC(2)); /* alice registers */
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
}

static void calls(struct stage *s, uint64_t bytes)
{
    struct addr port = sim_gateway_opens(&s->bob, &s->alice, "echo", SERVICE_TCP);
    sim_caller_start(&s->caller, &s->bob.host.env, &port, bytes);
}

static void call_ends_well(struct stage *s, instant span)
{
    const struct sim_caller *c = &s->caller;
    if (!sim_world_run(&s->world, span, sim_caller_over, &s->caller))
        fail_msg("the call hangs: sent %llu, came back %llu of %llu", (unsigned long long)c->sent,
                 (unsigned long long)c->received, (unsigned long long)c->total);
    if (c->error < 0)
        fail_msg("the call broke: %s after %llu bytes", strerror(-c->error),
                 (unsigned long long)c->received);
    assert_true(sim_caller_is_right(c));
}

static void begins_a_long_call(struct stage *s)
{
    const struct sim_link line = {.delay = LINE, .bandwidth = 1250000, .queue = 125000};
    sim_host_links(&s->alice.host, &line);
    sim_host_links(&s->bob.host, &line);
    calls(s, 10 << 20);
    passes(s, SEC(2));
    assert_false(sim_caller_over(&s->caller));
    assert_true(s->caller.received > 0);
}

/* The relay that bob's session goes through now, by the last byte of its address. */
static unsigned relay_in_use(struct stage *s)
{
    struct peer_view view = sim_gateway_view(&s->bob, &s->alice);
    size_t len;
    assert_int_equal(view.state, PEER_RELAYED);
    assert_string_equal(view.path.kind, "relay");
    assert_int_equal(addr_port(&view.path.remote), SIM_GATEWAY_PORT);
    return addr_ip(&view.path.remote, &len)[3];
}

static struct sim_gateway *gateway_in_use(struct stage *s)
{
    return relay_in_use(s) == 4 ? &s->home : &s->spare;
}

static void expect_failure(struct stage *s, const char *words)
{
    sim_gateway_connect(&s->bob, &s->alice);
    assert_true(sim_world_run(&s->world, SEC(10), sim_gateway_connected, &s->bob));
    assert_true(s->bob.wait_err < 0);
    if (!strstr(s->bob.wait_why, words))
        fail_msg("'%s' says nothing of '%s'", s->bob.wait_why, words);
}

static void starts_anew(struct sim_gateway *g)
{
    sim_gateway_stop(g);
    sim_gateway_start(g);
}

/* ---- the sentences ---- */

static void two_that_cannot_reach_one_another_meet_at_a_relay(void **state)
{
    struct stage *s = *state;
    connects(s);
    calls(s, 1 << 20);
    call_ends_well(s, SEC(30));
    assert_int_equal(relay_in_use(s), 4);
    assert_int_equal(sim_gateway_view(&s->alice, &s->bob).state, PEER_RELAYED);
    assert_non_null(sim_gateway_view(&s->bob, &s->alice).why_not_direct);
}

static void once_the_relay_is_known_it_takes_two_round_trips(void **state)
{
    struct stage *s = *state;
    sim_gateway_knows(&s->bob, &s->home, "home", "203.0.113.4:4433");
    sim_gateway_must_connect(&s->bob, &s->home, SEC(2));
    passes(s, SEC(2));
    instant begun = s->world.now;
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(2));
    assert_true(s->world.now - begun <= 2 * RELAY_RTT + MSEC(1));
}

static void datagrams_pass_too(void **state)
{
    struct stage *s = *state;
    connects(s);
    s->together = false;
    calls(s, 1000);
    call_ends_well(s, SEC(5));
    assert_int_equal(s->echo.accepted, 1);
    assert_true(sim_gateway_view(&s->alice, &s->bob).rx_bytes > 1000);
}

static void a_peer_tells_its_relays_and_they_are_remembered(void **state)
{
    struct stage *s = *state;
    connects(s);
    passes(s, SEC(1));
    const struct known_peer *p = registry_peer(s->bob.registry, &s->alice.keys.id);
    assert_string_equal(p->its_relay[0], text_of(&s->home, "home.example"));
    assert_string_equal(p->its_relay[1], text_of(&s->spare, "spare.example"));
    sim_gateway_stop(&s->bob);
    registry_free(s->bob.registry);
    char why[256];
    assert_int_equal(registry_open(&s->bob.registry, &s->bob.host.env, why, sizeof(why)), 0);
    memset(registry_peer(s->bob.registry, &s->alice.keys.id)->relay, 0,
           sizeof(p->relay)); /* what a person said is forgotten */
    sim_gateway_start(&s->bob);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_RELAYED);
}

static void a_call_survives_the_death_of_its_relay(void **state)
{
    struct stage *s = *state;
    connects(s);
    passes(s, SEC(10)); /* the spare is known by now */
    begins_a_long_call(s);
    unsigned before = relay_in_use(s);
    sim_gateway_crash(gateway_in_use(s));
    call_ends_well(s, SEC(120));
    assert_int_equal(relay_in_use(s), before ^ 1);
    assert_in_range(s->caller.silence, MSEC(10), SEC(5));
}

static void a_call_survives_the_end_of_its_relay_and_hardly_notices(void **state)
{
    struct stage *s = *state;
    connects(s);
    passes(s, SEC(10));
    begins_a_long_call(s);
    sim_gateway_stop(gateway_in_use(s));
    call_ends_well(s, SEC(120));
    assert_in_range(s->caller.silence, 0, SEC(2));
}

static void a_relay_that_is_back_is_used_again(void **state)
{
    struct stage *s = *state;
    connects(s);
    passes(s, SEC(10));
    begins_a_long_call(s);
    struct sim_gateway *first = gateway_in_use(s);
    sim_gateway_crash(first);
    passes(s, SEC(20));
    sim_gateway_start(first);
    passes(s, SEC(80)); /* the pause between two tries is one minute at most */
    struct sim_gateway *second = gateway_in_use(s);
    assert_ptr_not_equal(first, second);
    call_ends_well(s, SEC(120));
    sim_caller_deinit(&s->caller);
    begins_a_long_call(s);
    sim_gateway_crash(second);
    call_ends_well(s, SEC(120));
    assert_in_range(s->caller.silence, MSEC(10), SEC(5));
    assert_ptr_equal(gateway_in_use(s), first);
}

static void a_relay_that_restarts_alone_is_no_end_either(void **state)
{
    struct stage *s = *state;
    sim_gateway_stop(&s->spare);
    connects(s);
    begins_a_long_call(s);
    starts_anew(&s->home);
    call_ends_well(s, SEC(120));
    assert_in_range(s->caller.silence, 0, SEC(15));
}

static void who_was_called_may_restart(void **state)
{
    struct stage *s = *state;
    connects(s);
    sim_gateway_crash(&s->alice);
    passes(s, SEC(1));
    sim_gateway_start(&s->alice);
    passes(s, SEC(20));
    calls(s, 1000);
    call_ends_well(s, SEC(20));
}

static void who_called_may_restart(void **state)
{
    struct stage *s = *state;
    connects(s);
    sim_gateway_crash(&s->bob);
    passes(s, SEC(1));
    sim_gateway_start(&s->bob);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    calls(s, 1000);
    call_ends_well(s, SEC(20));
}

static void a_call_survives_a_new_address_of_either(void **state)
{
    struct stage *s = *state;
    connects(s);
    begins_a_long_call(s);
    sim_host_move(&s->alice.host, &s->alice.host.interface[2], "192.0.2.77/24");
    node_network_changed(s->alice.node);
    passes(s, SEC(5));
    assert_false(sim_caller_over(&s->caller));
    sim_host_move(&s->bob.host, &s->bob.host.interface[2], "198.51.100.77/24");
    node_network_changed(s->bob.node);
    call_ends_well(s, SEC(120));
    assert_in_range(s->caller.silence, 0, SEC(3));
}

static void becomes_direct_when_that_is_possible(void **state)
{
    struct stage *s = *state;
    struct addr a;
    connects(s);
    s->together = true;
    assert_int_equal(addr_parse(&a, "192.0.2.1:4433"), 0);
    registry_peer(s->bob.registry, &s->alice.keys.id)->address[0] = a;
    sim_gateway_crash(&s->bob);
    sim_gateway_start(&s->bob);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    passes(s, SEC(15));
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_DIRECT);
}

static void a_direct_session_falls_back_to_the_relay(void **state)
{
    struct stage *s = *state;
    struct addr a;
    s->together = true;
    assert_int_equal(addr_parse(&a, "192.0.2.1:4433"), 0);
    registry_peer(s->bob.registry, &s->alice.keys.id)->address[0] = a;
    connects(s);
    passes(s, SEC(15));
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_DIRECT);
    begins_a_long_call(s);
    s->together = false;
    call_ends_well(s, SEC(120));
    assert_in_range(s->caller.silence, MSEC(10), SEC(8));
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_RELAYED);
}

/* Nobody tells the gateways: their relays see frames from where nobody is registered. */
static void router_forgets(unsigned whose, bool has_spare)
{
    static struct sim_nat_story story;
    struct sim_nat_story *s = &story;
    memset(s, 0, sizeof(*s));
    s->has_spare = has_spare;
    sim_nat_story_begin(s, "sym_random", "sym_random");
    s->alice.options.no_punching = s->bob.options.no_punching = true;
    sim_nat_story_start(s);
    sim_nat_story_connect(s);
    sim_nat_story_wait(s, SEC(10));
    const struct sim_link line = {.delay = LINE, .bandwidth = 1250000, .queue = 125000};
    sim_host_links(&s->alice.host, &line);
    sim_host_links(&s->bob.host, &line);
    sim_nat_story_call(s, 10 << 20);
    sim_nat_story_wait(s, SEC(2));
    sim_router_reboot(&s->homes[whose].router[0], "203.0.113.77");
    sim_nat_story_call_ends_well(s, SEC(120));
    assert_in_range(s->caller.silence, MSEC(10), SEC(5));
    assert_int_equal(s->echo.accepted, 1);
    sim_nat_story_end(s);
}

static void a_call_survives_a_router_that_forgets_its_mappings(void **state)
{
    (void)state;
    router_forgets(0, true);
    router_forgets(1, true);
    router_forgets(0, false);
    router_forgets(1, false);
}

/* ---- who may ---- */

static void a_gateway_that_does_not_relay_says_so(void **state)
{
    struct stage *s = *state;
    s->home.options.relay_serve = s->spare.options.relay_serve = RELAY_SERVE_OFF;
    starts_anew(&s->spare);
    starts_anew(&s->home);
    sim_gateway_knows(&s->home, &s->alice, "alice", NULL);
    sim_gateway_knows(&s->home, &s->bob, "bob", NULL);
    passes(s, SEC(5));
    expect_failure(s, "home.example:4433: the relay does not serve us");
}

static void a_stranger_to_a_gateway_that_does_not_relay_is_refused(void **state)
{
    struct stage *s = *state;
    s->home.options.relay_serve = RELAY_SERVE_OFF;
    starts_anew(&s->home);
    passes(s, SEC(5));
    expect_failure(s, "home.example:4433: ");
    assert_non_null(strstr(s->bob.wait_why, "refused: it does not know us"));
}

static void for_friends_it_takes_no_others(void **state)
{
    struct stage *s = *state;
    s->home.options.relay_serve = s->spare.options.relay_serve = RELAY_SERVE_FRIENDS;
    starts_anew(&s->home);
    starts_anew(&s->spare);
    passes(s, SEC(70));
    expect_failure(s, "the peer is not at that relay");
    sim_gateway_knows(&s->home, &s->alice, "alice", NULL);
    passes(s, SEC(70));
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10)); /* its friend's friend may call */
}

static void another_key_at_the_relays_address_is_named(void **state)
{
    struct stage *s = *state;
    knows_by(&s->bob, &s->alice, 0, &s->home, "spare.example");
    passes(s, SEC(2));
    expect_failure(s, "relay spare.example:4433: ");
    assert_non_null(strstr(s->bob.wait_why, "peer id mismatch"));
}

static void a_relay_without_address_is_named(void **state)
{
    struct stage *s = *state;
    knows_by(&s->bob, &s->alice, 0, &s->home, "nowhere.example");
    passes(s, SEC(2));
    expect_failure(s, "nowhere.example:4433: no such host");
}

static void sees_no_relay_elsewhere(void *arg, const struct addr *from, const struct addr *to,
                                    const uint8_t *data, size_t len)
{
    struct stage *s = arg;
    (void)data;
    (void)len;
    if (is_of(&s->bob, from) && !is_of(&s->home, to) && !is_of(&s->spare, to))
        s->elsewhere++;
}

static void a_relay_that_a_peer_names_in_somebodys_network_is_not_dialled(void **state)
{
    static const char *const PLACES[] = {
        "127.0.0.1:4433",    "192.168.7.1:4433",    "10.0.0.1:4433",     "100.64.0.9:4433",
        "198.51.100.2:4433", "198.51.100.255:4433", "192.0.2.66:53",     "255.255.255.255:4433",
        "[::1]:4433",        "[fd00::1]:4433",      "[64:ff9b::1]:4433", "evil.example:4433"};
    struct stage *s = *state;
    struct known_peer *p = registry_peer(s->bob.registry, &s->alice.keys.id);
    char id[PEER_ID_TEXT_LEN + 1];

    fake_names_add(&s->world.names, "evil.example", "127.0.0.1");
    fake_names_add(&s->world.names, "evil.example", "240.0.0.1");
    s->world.tap = sees_no_relay_elsewhere;
    s->world.tap_arg = s;
    memset(p->relay, 0, sizeof(p->relay));
    for (size_t i = 0; i < sizeof(PLACES) / sizeof(PLACES[0]); i++) {
        (void)snprintf(p->its_relay[0], sizeof(p->its_relay[0]), "%s@%s",
                       peer_id_print(&s->home.keys.id, id), PLACES[i]);
        expect_failure(s, "no address that a peer may name");
        passes(s, SEC(1));
    }
    assert_int_equal(s->elsewhere, 0);
    (void)snprintf(p->its_relay[0], sizeof(p->its_relay[0]), "%s",
                   text_of(&s->home, "home.example"));
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
}

static void a_dead_relay_is_named_within_10_s(void **state)
{
    struct stage *s = *state;
    sim_gateway_crash(&s->home);
    instant begun = s->world.now;
    expect_failure(s, "relay home.example:4433");
    assert_true(s->world.now - begun <= SEC(10));
}

static void strangers_at_an_open_relay_get_nothing_else(void **state)
{
    struct stage *s = *state;
    const struct preamble what = {.kind = PREAMBLE_TCP, .name = "secret"};
    struct pipe *pipe;
    struct preamble_answer answer = {0};
    struct service secret = {
        .name = "secret", .target = "127.0.0.1:9", .port = 9, .proto = SERVICE_TCP};
    assert_int_equal(registry_service_put(s->home.registry, &secret), 0);
    node_registry_changed(s->home.node);
    sim_gateway_start(&s->mallory);
    sim_gateway_knows(&s->mallory, &s->home, "home", "203.0.113.4:4433");
    sim_gateway_must_connect(&s->mallory, &s->home, SEC(5));
    assert_int_equal(sim_gateway_view(&s->mallory, &s->home).service_count, 0);
    assert_int_equal(node_open_stream(s->mallory.node, &s->home.keys.id, &what, &pipe), 0);
    passes(s, SEC(1));
    assert_int_equal(node_take_answer(pipe, &answer), 0);
    assert_int_not_equal(answer.status, PREAMBLE_OK);
    pipe->ops->close(pipe);
}

static void who_may_not_connect_to_her_reaches_alice_through_no_relay(void **state)
{
    struct stage *s = *state;
    registry_service(s->alice.registry, "echo")->public = false;
    node_registry_changed(s->alice.node);
    sim_gateway_start(&s->mallory);
    sim_gateway_knows(&s->mallory, &s->alice, "alice", NULL);
    knows_by(&s->mallory, &s->alice, 0, &s->home, "home.example");
    passes(s, SEC(2));
    sim_gateway_connect(&s->mallory, &s->alice);
    assert_true(sim_world_run(&s->world, SEC(10), sim_gateway_connected, &s->mallory));
    assert_true(s->mallory.wait_err < 0);
    assert_int_equal(sim_gateway_view(&s->alice, &s->mallory).state, PEER_IDLE);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
}

static void the_blocked_are_not_relayed(void **state)
{
    struct stage *s = *state;
    connects(s);
    assert_int_equal(registry_block(s->home.registry, &s->bob.keys.id, true), 0);
    assert_int_equal(registry_block(s->spare.registry, &s->bob.keys.id, true), 0);
    node_registry_changed(s->home.node);
    node_registry_changed(s->spare.node);
    passes(s, SEC(40));
    expect_failure(s, "relay home.example:4433: ");
}

/* ---- limits ---- */

static void the_rate_of_a_relay_slows_a_call_down_and_breaks_nothing(void **state)
{
    struct stage *s = *state;
    s->home.options.relay_rate = 1 << 20;
    starts_anew(&s->home);
    sim_gateway_stop(&s->spare);
    passes(s, SEC(5));
    connects(s);
    calls(s, 4 << 20); /* there and back: 8 MiB through the relay */
    instant begun = s->world.now;
    call_ends_well(s, SEC(60));
    assert_in_range(s->world.now - begun, SEC(7), SEC(24));
}

static void a_day_that_is_used_up_ends_what_is_relayed(void **state)
{
    struct stage *s = *state;
    s->home.options.relay_daily = 1 << 20;
    starts_anew(&s->home);
    sim_gateway_stop(&s->spare);
    passes(s, SEC(5));
    connects(s);
    calls(s, 4 << 20);
    assert_true(sim_world_run(&s->world, SEC(120), sim_caller_over, &s->caller));
    assert_true(s->caller.error < 0);
    assert_in_range(s->caller.received, 1, 1 << 20);
}

static void ignore(void *arg, const struct udp_rx *rx)
{
    (void)arg;
    (void)rx;
}

/* Right numbers, wrong tags, from an address that is not registered. */
static void a_flood_of_forged_frames_goes_nowhere(void **state)
{
    struct stage *s = *state;
    static const struct udp_handler deaf = {.on_datagrams = ignore};
    struct udp_socket *socket;
    struct addr from, to;
    uint8_t data[50 * 1216];
    struct relay_view before, after;

    connects(s);
    calls(s, 1 << 20);
    assert_int_equal(addr_parse(&from, "0.0.0.0:9999"), 0);
    assert_int_equal(addr_parse(&to, "203.0.113.4:4433"), 0);
    assert_int_equal(udp_open(&s->mallory.host.env, &socket, &from, UDP_BULK, &deaf, NULL), 0);
    node_relay(s->home.node, &before);
    uint64_t heard = s->alice.host.received;
    for (unsigned i = 0; i < 200; i++) {
        const struct relay_frame f = {.circuit = 1 + i % 4, .tag = {(uint8_t)i}};
        memset(data, 0, sizeof(data));
        for (size_t at = 0; at < sizeof(data); at += 1216)
            relay_frame_write(&f, data + at);
        const struct udp_tx tx = {.to = &to, .data = data, .len = sizeof(data), .segment = 1216};
        assert_int_equal(udp_send(&s->mallory.host.env, socket, &tx), 0);
    }
    call_ends_well(s, SEC(30));
    node_relay(s->home.node, &after);
    assert_true(after.datagrams - before.datagrams < 200 * 50);
    assert_true(s->alice.host.received - heard < 200 * 50);
    udp_close(&s->mallory.host.env, socket);
}

static void relays_and_circuits_of_no_use_are_left(void **state)
{
    struct stage *s = *state;
    struct relay_view view;
    connects(s);
    node_relay(s->home.node, &view);
    assert_int_equal(view.registered, 1);
    assert_int_equal(view.circuits, 1);
    assert_int_equal(view.clients, 2);
    sim_gateway_stop(&s->bob);
    passes(s, SEC(1));
    node_relay(s->home.node, &view);
    assert_int_equal(view.circuits, 0);
    assert_int_equal(view.clients, 1);
    sim_gateway_start(&s->bob);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    assert_int_equal(registry_block(s->bob.registry, &s->alice.keys.id, true), 0);
    node_registry_changed(s->bob.node);
    passes(s, SEC(120));
    node_relay(s->home.node, &view);
    assert_int_equal(view.circuits, 0);
    assert_int_equal(view.clients, 1);
    node_relay(s->alice.node, &view);
    assert_string_equal(view.home, text_of(&s->home, "home.example"));
    assert_false(view.serving);
}

static void nobody_wakes_up_for_relays_that_are_there(void **state)
{
    struct stage *s = *state;
    passes(s, SEC(10));
    assert_true(s->alice.node->relay.look == INSTANT_NEVER);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    passes(s, SEC(10));
    assert_true(s->alice.node->relay.look < INSTANT_NEVER); /* for the circuits */
    sim_gateway_stop(&s->bob);
    passes(s, SEC(60));
    assert_true(s->alice.node->relay.look == INSTANT_NEVER);
    sim_gateway_crash(&s->home);
    passes(s, SEC(60));
    assert_true(s->alice.node->relay.look < INSTANT_NEVER);
}

static void home_and_spare_are_both_kept_for_a_day(void **state)
{
    struct stage *s = *state;
    struct relay_view view;
    passes(s, SEC(86400));
    node_relay(s->home.node, &view);
    assert_int_equal(view.registered, 1);
    node_relay(s->spare.node, &view);
    assert_int_equal(view.registered, 1);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
}

int main(void)
{
#define STORY(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        STORY(two_that_cannot_reach_one_another_meet_at_a_relay),
        STORY(once_the_relay_is_known_it_takes_two_round_trips),
        STORY(datagrams_pass_too),
        STORY(a_peer_tells_its_relays_and_they_are_remembered),
        STORY(a_call_survives_the_death_of_its_relay),
        STORY(a_call_survives_the_end_of_its_relay_and_hardly_notices),
        STORY(a_relay_that_is_back_is_used_again),
        STORY(a_relay_that_restarts_alone_is_no_end_either),
        STORY(who_was_called_may_restart),
        STORY(who_called_may_restart),
        STORY(a_call_survives_a_new_address_of_either),
        cmocka_unit_test(a_call_survives_a_router_that_forgets_its_mappings),
        STORY(becomes_direct_when_that_is_possible),
        STORY(a_direct_session_falls_back_to_the_relay),
        STORY(a_gateway_that_does_not_relay_says_so),
        STORY(a_stranger_to_a_gateway_that_does_not_relay_is_refused),
        STORY(for_friends_it_takes_no_others),
        STORY(another_key_at_the_relays_address_is_named),
        STORY(a_relay_without_address_is_named),
        STORY(a_relay_that_a_peer_names_in_somebodys_network_is_not_dialled),
        STORY(a_dead_relay_is_named_within_10_s),
        STORY(strangers_at_an_open_relay_get_nothing_else),
        STORY(who_may_not_connect_to_her_reaches_alice_through_no_relay),
        STORY(the_blocked_are_not_relayed),
        STORY(the_rate_of_a_relay_slows_a_call_down_and_breaks_nothing),
        STORY(a_day_that_is_used_up_ends_what_is_relayed),
        STORY(a_flood_of_forged_frames_goes_nowhere),
        STORY(relays_and_circuits_of_no_use_are_left),
        STORY(nobody_wakes_up_for_relays_that_are_there),
        STORY(home_and_spare_are_both_kept_for_a_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
