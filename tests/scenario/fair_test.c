/* A narrow uplink: who gets how much of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/members.h"
#include "tests/sim/sim_relay_story.h"
#include "tests/sim/sim_story.h"

#define UPLINK 1000000 /* bytes a second */
#define MUCH   (UINT64_C(1) << 30)
#define CALLS  8

struct callers {
    struct sim_caller at[CALLS];
    unsigned count;
};

static void call(struct callers *c, struct sim_gateway *g, const struct sim_gateway *to,
                 unsigned count)
{
    struct addr port = sim_gateway_opens(g, to, "echo", SERVICE_TCP);

    c->count = count;
    for (unsigned i = 0; i < count; i++)
        sim_caller_start(&c->at[i], &g->host.env, &port, MUCH);
}

static uint64_t received(const struct callers *c)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < c->count; i++)
        sum += c->at[i].received;
    return sum;
}

static void hang_up(struct callers *c)
{
    for (unsigned i = 0; i < c->count; i++)
        sim_caller_deinit(&c->at[i]);
}

static void two_peers_share(struct sim_story *s)
{
    static struct callers many, one;
    uint64_t before[2];

    sim_gateway_start(&s->mallory); /* behaves well for once */
    sim_gateway_knows(&s->mallory, &s->alice, "alice", ALICE_ADDRESS);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    sim_gateway_must_connect(&s->mallory, &s->alice, SEC(10));
    call(&many, &s->bob, &s->alice, CALLS);
    call(&one, &s->mallory, &s->alice, 1);
    sim_story_wait(s, SEC(10)); /* until they have found their windows */
    before[0] = received(&many);
    before[1] = received(&one);
    sim_story_wait(s, SEC(60));
    uint64_t got[2] = {received(&many) - before[0], received(&one) - before[1]};
    print_message("with 8 streams %llu, with one %llu\n", (unsigned long long)got[0],
                  (unsigned long long)got[1]);
    assert_in_range(got[0] + got[1], 50 * UPLINK, 60 * UPLINK);
    assert_in_range(100 * got[1] / (got[0] + got[1]), 35, 65);
    hang_up(&many);
    hang_up(&one);
}

static void eight_streams_of_one_peer_get_no_more_than_one_of_another(void **state)
{
    struct sim_story *s = *state;
    sim_story_line(s, MSEC(40), 0);
    s->mallory.host.up.delay = s->mallory.host.down.delay = MSEC(10);
    s->alice.host.up.bandwidth = UPLINK;
    two_peers_share(s);
}

/* The queue is ours, the way to one of them is four times as long, and she comes late. */
static void with_a_limit_on_the_uplink_as_well(void **state)
{
    struct sim_story *s = *state;
    sim_gateway_stop(&s->alice);
    sim_story_wait(s, MSEC(100));
    s->alice.options.uplink = UPLINK;
    sim_gateway_start(&s->alice);
    sim_story_line(s, MSEC(40), 0);
    s->mallory.host.up.delay = s->mallory.host.down.delay = MSEC(70);
    two_peers_share(s);
}

/* Home has a service of its own, too, which mallory uses while home relays for bob and alice. */
static void what_is_relayed_yields_to_what_is_ours(void **state)
{
    struct sim_relay_story *s = *state;
    static struct callers relayed, own;
    static struct sim_echo echo;
    uint64_t before[2];

    sim_gateway_stop(&s->spare);
    s->home.options.uplink = UPLINK;
    sim_relay_restart(&s->home);
    sim_echo_init(&echo, &s->home.host.env, "127.0.0.1:7007");
    sim_gateway_shares(&s->home, "echo", SERVICE_TCP, 7, "127.0.0.1:7007");
    sim_gateway_start(&s->mallory);
    sim_gateway_knows(&s->mallory, &s->home, "home", "203.0.113.4:4433");
    sim_relay_story_wait(s, SEC(60));
    sim_relay_story_connect(s);
    call(&relayed, &s->bob, &s->alice, 1);
    sim_relay_story_wait(s, SEC(20));
    assert_true(received(&relayed) > 5 * UPLINK); /* alone it has all, there and back */
    call(&own, &s->mallory, &s->home, 1);
    sim_relay_story_wait(s, SEC(10));
    before[0] = received(&relayed);
    before[1] = received(&own);
    sim_relay_story_wait(s, SEC(60));
    uint64_t got[2] = {received(&relayed) - before[0], received(&own) - before[1]};
    print_message("relayed %llu, own %llu\n", (unsigned long long)got[0],
                  (unsigned long long)got[1]);
    assert_true(got[1] > 45 * UPLINK);
    assert_true(got[0] > UPLINK / 4); /* and is not starved */
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_RELAYED);
    hang_up(&own);
    before[0] = received(&relayed);
    sim_relay_story_wait(s, SEC(30));
    assert_true(received(&relayed) - before[0] > 5 * UPLINK); /* and comes back */
    hang_up(&relayed);
    sim_echo_deinit(&echo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_STORY(eight_streams_of_one_peer_get_no_more_than_one_of_another),
        SIM_STORY(with_a_limit_on_the_uplink_as_well),
        SIM_RELAY_STORY(what_is_relayed_yields_to_what_is_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
