/* A long transfer whose session goes from a relay to a straight path, back when that is cut, and up
 * again: every byte arrives, nothing stalls for long, and soon it is as fast as a new session.
 * UPGRADE_MIB=1024 in the environment makes it a longer one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_gateway.h"
#include "tests/sim/sim_program.h"

#define LINE      MSEC(5)
#define BANDWIDTH 6250000 /* bytes/s of each line: 50 Mbit/s, and each way of the relay 12 */
#define SETTLED   SEC(5)
#define MEASURED  SEC(2)

/* alice shares an echo and is reached through `relay`; bob calls. Datagrams between the two of them
 * pass while they are `together`. */
struct stage {
    struct sim_world world;
    struct sim_gateway alice, bob, relay;
    struct sim_echo echo;
    struct sim_caller caller;
    bool together;
};

static bool is_of(const struct sim_gateway *g, const struct addr *a)
{
    return sim_interface_of(&g->host, a) != NULL;
}

static bool cut(void *arg, const struct addr *from, const struct addr *to)
{
    struct stage *s = arg;
    return !s->together && ((is_of(&s->alice, from) && is_of(&s->bob, to)) ||
                            (is_of(&s->bob, from) && is_of(&s->alice, to)));
}

static void add(struct stage *s, struct sim_gateway *g, const char *name, uint8_t number,
                const char *address, uint64_t bandwidth)
{
    const struct sim_link line = {.delay = LINE, .bandwidth = bandwidth};
    sim_gateway_init(g, &s->world, name, number, INTERNET, address);
    sim_host_links(&g->host, &line);
}

static int begin(void **state)
{
    static struct stage stage;
    struct stage *s = &stage;
    char id[PEER_ID_TEXT_LEN + 1], relay[PEER_RELAY_MAX + 1];

    memset(s, 0, sizeof(*s));
    sim_world_init(&s->world, 0);
    s->world.cut = cut;
    s->world.cut_arg = s;
    add(s, &s->alice, "alice", 1, "192.0.2.1/24", BANDWIDTH);
    add(s, &s->bob, "bob", 2, "198.51.100.2/24", BANDWIDTH);
    add(s, &s->relay, "relay", 4, "203.0.113.4/24", BANDWIDTH / 2); /* for both directions */
    s->relay.options.relay_serve = RELAY_SERVE_OPEN;
    (void)snprintf(relay, sizeof(relay), "%s@203.0.113.4:4433",
                   peer_id_print(&s->relay.keys.id, id));
    (void)snprintf(s->alice.options.relay_use[0], sizeof(s->alice.options.relay_use[0]), "%s",
                   relay);
    sim_echo_init(&s->echo, &s->alice.host.env, "127.0.0.1:7000");
    sim_gateway_start(&s->relay);
    sim_gateway_start(&s->alice);
    sim_gateway_start(&s->bob);
    sim_gateway_shares(&s->alice, "echo", SERVICE_BOTH, 7, "127.0.0.1:7000");
    sim_gateway_knows(&s->alice, &s->bob, "bob", NULL);
    sim_gateway_knows(&s->bob, &s->alice, "alice", NULL);
    struct known_peer *p = registry_peer(s->bob.registry, &s->alice.keys.id);
    (void)snprintf(p->relay[0], sizeof(p->relay[0]), "%s", relay);
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct stage *s = *state;
    sim_caller_deinit(&s->caller);
    sim_echo_deinit(&s->echo);
    sim_gateway_deinit(&s->bob);
    sim_gateway_deinit(&s->alice);
    sim_gateway_deinit(&s->relay);
    sim_world_deinit(&s->world);
    return 0;
}

static void passes(struct stage *s, instant span)
{
    (void)sim_world_run(&s->world, span, NULL, NULL);
}

static void calls(struct stage *s, uint64_t bytes)
{
    struct addr port = sim_gateway_opens(&s->bob, &s->alice, "echo", SERVICE_TCP);
    sim_caller_start(&s->caller, &s->bob.host.env, &port, bytes);
}

/* Bytes a second that come back to bob, from some seconds on. */
static double throughput(struct stage *s)
{
    passes(s, SETTLED);
    uint64_t before = s->caller.received;
    passes(s, MEASURED);
    assert_false(sim_caller_over(&s->caller));
    return (double)(s->caller.received - before) / ((double)MEASURED / (double)SEC(1));
}

static bool both_are(struct stage *s, enum peer_state state)
{
    return sim_gateway_view(&s->bob, &s->alice).state == state &&
           sim_gateway_view(&s->alice, &s->bob).state == state;
}

static instant until(struct stage *s, enum peer_state state, instant limit)
{
    instant begun = s->world.now;
    while (!both_are(s, state) && s->world.now < begun + limit)
        passes(s, MSEC(10));
    assert_true(both_are(s, state));
    return s->world.now - begun;
}

static double fresh(void)
{
    void *state;
    begin(&state);
    struct stage *s = state;
    s->together = true;
    passes(s, SEC(2));
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    (void)until(s, PEER_DIRECT, SEC(20));
    calls(s, UINT64_C(1) << 40);
    double rate = throughput(s);
    end(&state);
    return rate;
}

static uint64_t size(void)
{
    const char *mib = getenv("UPGRADE_MIB");
    return (mib ? strtoull(mib, NULL, 10) : 150) << 20;
}

/* The direct path is cut; how long nothing comes. */
static instant stall_at_cut(struct stage *s)
{
    s->caller.silence = 0;
    s->together = false;
    instant took = until(s, PEER_RELAYED, SEC(10));
    passes(s, SEC(5));
    printf("    relayed after %llu ms, stalled for %llu ms\n", (unsigned long long)(took / MSEC(1)),
           (unsigned long long)(s->caller.silence / MSEC(1)));
    return s->caller.silence;
}

/* They can reach one another again; how fast it is then. */
static double rate_after_upgrade(struct stage *s, double whole)
{
    s->caller.silence = 0;
    s->together = true;
    instant took = until(s, PEER_DIRECT, SEC(90));
    instant silence = s->caller.silence;
    double rate = throughput(s);
    printf("    direct after %llu ms, stalled for %llu ms; then %.1f Mbit/s, %.0f %% of a fresh "
           "session's\n",
           (unsigned long long)(took / MSEC(1)), (unsigned long long)(silence / MSEC(1)),
           rate * 8e-6, 100 * rate / whole);
    assert_true(s->caller.silence < SEC(3));
    return rate;
}

static void a_transfer_goes_up_down_and_up_again(void **state)
{
    double whole = fresh();
    begin(state);
    struct stage *s = *state;
    passes(s, SEC(2));
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    (void)until(s, PEER_RELAYED, SEC(1));
    calls(s, size());
    passes(s, SEC(3));
    assert_true(s->caller.received > 0);

    assert_true(rate_after_upgrade(s, whole) > 0.9 * whole);
    assert_true(stall_at_cut(s) < SEC(3));
    assert_true(rate_after_upgrade(s, whole) > 0.9 * whole);
    if (!sim_world_run(&s->world, SEC(2000), sim_caller_over, &s->caller))
        fail_msg("the call hangs");
    assert_int_equal(s->caller.error, 0);
    assert_true(sim_caller_is_right(&s->caller));
    assert_int_equal(s->echo.accepted, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_transfer_goes_up_down_and_up_again, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
