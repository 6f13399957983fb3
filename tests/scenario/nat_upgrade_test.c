/* Behind NATs: a large transfer goes on while its path changes: relay, direct, relay when the
 * direct way is cut, direct again. Not a byte is lost, it hardly stops, and each time it is soon as
 * fast as a connection that was direct from the beginning. Prints its figures. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_nat_story.h"

#define SIZE   (UINT64_C(64) << 20)
#define LINE   UINT64_C(1250000) /* bytes/s of each line: 10 Mbit/s */
#define SETTLE SEC(5)            /* after a change, before the throughput is measured */
#define SPAN   SEC(4)            /* over which it is */

struct transfer {
    struct sim_nat_story story;
    bool cut; /* the internet loses what the two routers send one another */
    uint64_t fresh;
};

static bool is_cut(void *arg, const struct addr *from, const struct addr *to)
{
    const struct transfer *t = arg;
    const struct addr *a = &t->story.homes[0].router[0].nat.public;
    const struct addr *b = &t->story.homes[1].router[0].nat.public;
    return t->cut && ((addr_same_ip(from, a) && addr_same_ip(to, b)) ||
                      (addr_same_ip(from, b) && addr_same_ip(to, a)));
}

static void begin(struct transfer *t)
{
    const struct sim_link line = {.delay = MSEC(10), .bandwidth = LINE};
    struct sim_nat_story *s = &t->story;

    memset(s, 0, sizeof(*s));
    s->both_use = true;
    sim_nat_story_begin(s, "port_restricted", "port_restricted");
    sim_host_links(&s->alice.host, &line);
    sim_host_links(&s->bob.host, &line);
    s->world.cut = is_cut;
    s->world.cut_arg = t;
    sim_nat_story_start(s);
    sim_nat_story_wait(s, SEC(3));
}

static void end(struct transfer *t)
{
    sim_nat_story_end(&t->story);
}

/* Bytes/s that come back from now on. */
static uint64_t measure(struct transfer *t)
{
    uint64_t before = t->story.caller.received;
    sim_nat_story_wait(&t->story, SPAN);
    assert_false(sim_caller_over(&t->story.caller));
    return (t->story.caller.received - before) / (SPAN / SEC(1));
}

static instant silence_since(struct transfer *t)
{
    struct sim_caller *c = &t->story.caller;
    instant now = t->story.world.now - c->heard;
    return now > c->silence ? now : c->silence;
}

static bool has_stalled_for_3_s(void *arg)
{
    return silence_since(arg) > SEC(3);
}

/* Lets time go on until both are in a state, without a stall. Returns how long it took. */
static instant becomes(struct transfer *t, enum peer_state state, instant within)
{
    instant began = t->story.world.now;
    if (!sim_nat_story_both_become(&t->story, state, within))
        fail_msg("not %s after %u s: %s", peer_state_text(state), (unsigned)(within / SEC(1)),
                 sim_gateway_view(&t->story.bob, &t->story.alice).why_not_direct);
    assert_false(has_stalled_for_3_s(t));
    return t->story.world.now - began;
}

static void say(const struct transfer *t, const char *what, uint64_t rate)
{
    print_message("%-38s %7.0f kB/s, %3.0f %% of a fresh direct connection\n", what,
                  (double)rate / 1e3, 100.0 * (double)rate / (double)t->fresh);
}

/* What a connection reaches that is direct before the transfer begins. */
static void measure_fresh(struct transfer *t)
{
    begin(t);
    sim_nat_story_connect(&t->story);
    assert_true(sim_nat_story_both_become(&t->story, PEER_DIRECT, SEC(10)));
    sim_nat_story_call(&t->story, SIZE);
    sim_nat_story_wait(&t->story, SETTLE);
    t->fresh = measure(t);
    end(t);
    say(t, "fresh", t->fresh);
}

static void direct_again(struct transfer *t, const char *what)
{
    t->cut = false;
    instant took = becomes(t, PEER_DIRECT, SEC(60));
    print_message("%-38s %7.2f s after it was possible\n", what, (double)took / 1e9);
    sim_nat_story_wait(&t->story, SETTLE);
    uint64_t rate = measure(t);
    say(t, "  5 s later", rate);
    assert_false(has_stalled_for_3_s(t));
    assert_in_range(rate, t->fresh * 9 / 10, UINT64_MAX);
}

static void a_transfer_goes_from_relay_to_direct_and_back_and_direct_again(void **state)
{
    static struct transfer t;
    (void)state;
    measure_fresh(&t);
    t.cut = true;
    begin(&t);
    sim_nat_story_connect(&t.story);
    sim_nat_story_call(&t.story, SIZE);
    sim_nat_story_wait(&t.story, SEC(3));
    assert_int_equal(sim_gateway_view(&t.story.bob, &t.story.alice).state, PEER_RELAYED);
    say(&t, "relay", measure(&t));
    direct_again(&t, "direct");
    t.story.caller.silence = 0;
    t.cut = true;
    instant took = becomes(&t, PEER_RELAYED, SEC(10));
    sim_nat_story_wait(&t.story, SEC(2));
    print_message("%-38s %7.2f s after the cut, silence %.2f s\n", "relay", (double)took / 1e9,
                  (double)silence_since(&t) / 1e9);
    say(&t, "  2 s later", measure(&t));
    direct_again(&t, "direct again");
    sim_nat_story_call_ends_well(&t.story, SEC(120));
    print_message("longest silence since the cut %.2f s\n", (double)t.story.caller.silence / 1e9);
    assert_true(t.story.caller.silence <= SEC(3));
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transfer_goes_from_relay_to_direct_and_back_and_direct_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
