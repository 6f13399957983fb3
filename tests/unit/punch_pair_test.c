/* Two sides of a round joined through two routers, where something is wrong: clocks apart, wrong
 * hop limits, losses. What is right: tests/scenario/punch_grid_test.c. */
#include "tests/support/punch_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SEEDS 20

static struct pair_options between(const char *left, const char *right)
{
    return (struct pair_options){.left = nat_preset_find(left),
                                 .right = nat_preset_find(right),
                                 .latency = MSEC(10),
                                 .skew = MSEC(100),
                                 .opener_ttl = 4};
}

/* How many of the seeds become direct, and the slowest of them. */
static unsigned direct(const struct pair_options *options, instant *slowest)
{
    unsigned count = 0;
    *slowest = 0;
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        struct pair_options o = *options;
        o.seed = seed;
        struct pair *p = pair_new(&o);
        if (pair_run(p)) {
            count++;
            *slowest = pair_direct_at(p) > *slowest ? pair_direct_at(p) : *slowest;
        }
        pair_free(p);
    }
    return count;
}

static void openers_keep_a_router_from_being_poisoned(void **state)
{
    (void)state;
    instant slowest;
    struct pair_options o = between("port_restricted", "poisonable");
    assert_int_equal(direct(&o, &slowest), SEEDS);
    assert_true(slowest < SEC(1));
}

static void a_router_that_was_poisoned_is_cured_by_a_fresh_socket(void **state)
{
    (void)state;
    instant slowest;
    struct pair_options o = between("poisonable", "poisonable");
    o.skew = MSEC(400); /* nobody knows */
    assert_int_equal(direct(&o, &slowest), SEEDS);
    assert_true(slowest > SEC(4) && slowest < SEC(7));
}

static void openers_that_go_too_far_are_cured_by_a_fresh_socket(void **state)
{
    (void)state;
    instant slowest;
    struct pair_options o = between("poisonable", "poisonable");
    o.opener_ttl = 16;
    assert_int_equal(direct(&o, &slowest), SEEDS);
    assert_true(slowest < SEC(7));
}

static void skew_that_the_round_trip_explains_does_no_harm(void **state)
{
    (void)state;
    instant slowest;
    struct pair_options o = between("poisonable", "poisonable");
    o.skew = MSEC(400);
    o.rtt = MSEC(800);
    assert_int_equal(direct(&o, &slowest), SEEDS);
    assert_true(slowest < SEC(1));
}

static void losses_are_made_up_for(void **state)
{
    (void)state;
    static const char *const names[] = {"port_restricted", "sym_seq", "sym_block512"};
    instant slowest;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct pair_options o = between("port_restricted", names[i]);
        o.loss = 200;
        assert_true(direct(&o, &slowest) >= SEEDS - 1);
    }
}

static void nobody_needs_to_know_more_than_addresses_unless_ports_are_random(void **state)
{
    (void)state;
    static const char *const names[] = {"public", "full_cone", "address_restricted"};
    instant slowest;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct pair_options o = between(names[i], "sym_random");
        o.ignorant = true;
        assert_int_equal(direct(&o, &slowest), SEEDS);
        assert_true(slowest < SEC(1));
    }
}

static void two_random_nats_are_left_alone_soon(void **state)
{
    (void)state;
    struct pair_options o = between("sym_random", "sym_random");
    struct pair *p = pair_new(&o);
    assert_false(pair_run(p));
    assert_true(p->now < SEC(6));
    assert_true(p->side[0].sent < 20 && p->side[1].sent < 20);
    assert_string_equal(punch_why(p->side[0].punch),
                        "both NATs are symmetric, with ports that cannot be guessed");
    pair_free(p);
}

static void the_same_seed_gives_the_same_round(void **state)
{
    (void)state;
    struct pair_options o = between("port_restricted", "sym_random");
    o.seed = 7;
    struct pair *a = pair_new(&o), *b = pair_new(&o);
    assert_int_equal(pair_run(a), pair_run(b));
    assert_int_equal(a->now, b->now);
    assert_int_equal(a->side[0].sent, b->side[0].sent);
    pair_free(a);
    pair_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openers_keep_a_router_from_being_poisoned),
        cmocka_unit_test(a_router_that_was_poisoned_is_cured_by_a_fresh_socket),
        cmocka_unit_test(openers_that_go_too_far_are_cured_by_a_fresh_socket),
        cmocka_unit_test(skew_that_the_round_trip_explains_does_no_harm),
        cmocka_unit_test(losses_are_made_up_for),
        cmocka_unit_test(nobody_needs_to_know_more_than_addresses_unless_ports_are_random),
        cmocka_unit_test(two_random_nats_are_left_alone_soon),
        cmocka_unit_test(the_same_seed_gives_the_same_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
