/* Hole punching where one relay is all that there is to ask: how a NAT maps cannot be told then,
 * and what may be has to be tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_nat_story.h"

#define SEEDS 3

/* When both are direct, after bob asked; 0: not within 20 s. */
static instant play(const char *alice_home, const char *bob_home, uint64_t seed)
{
    struct sim_nat_story s = {.seed = seed, .both_use = true};
    instant took = 0;

    sim_nat_story_begin(&s, alice_home, bob_home);
    sim_nat_story_start(&s);
    sim_nat_story_wait(&s, SEC(5));
    instant began = s.world.now;
    sim_nat_story_connect(&s);
    if (sim_nat_story_both_become(&s, PEER_DIRECT, SEC(20)))
        took = s.world.now - began;
    if (took == 0)
        print_message("%s\n", sim_gateway_view(&s.bob, &s.alice).why_not_direct);
    sim_nat_story_end(&s);
    return took;
}

static void must_become_direct(const char *a, const char *b)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        instant there = play(a, b, seed), back = play(b, a, seed);
        print_message("%s, %s: %u ms, %u ms\n", a, b, (unsigned)(there / MSEC(1)),
                      (unsigned)(back / MSEC(1)));
        assert_true(there > 0 && back > 0);
    }
}

static void a_symmetric_nat_is_found_out_by_trying(void **state)
{
    static const char *const EASY[] = {"port_restricted", "poisonable"};
    static const char *const HARD[] = {"sym_seq", "sym_block512", "sym_random"};
    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 3; k++)
            must_become_direct(EASY[i], HARD[k]);
}

static void so_are_two_that_count(void **state)
{
    (void)state;
    must_become_direct("sym_seq", "sym_seq");
}

static void the_plain_punch_comes_first(void **state)
{
    (void)state;
    assert_in_range(play("port_restricted", "port_restricted", 1), 1, SEC(1));
    assert_in_range(play("cgnat", "port_restricted", 1), 1, SEC(1));
    assert_in_range(play("cgnat", "cgnat", 1), 1, SEC(1));
}

/* To one relay both look the same, though only one is symmetric. With half of the guesses for each,
 * one of ten is not found. */
static void of_two_that_change_ports_either_may_be_the_symmetric_one(void **state)
{
    unsigned found = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        found += play("cgnat", "sym_random", seed) > 0;
        found += play("sym_random", "cgnat", seed) > 0;
    }
    print_message("%u of 20 found\n", found);
    assert_true(found >= 15);
}

/* While the gateways still measure their NATs, which makes mappings, or have not begun to. */
static void two_that_count_meet_however_soon_they_are_asked_to(void **state)
{
    (void)state;
    for (unsigned spare = 0; spare < 2; spare++)
        for (instant wait = 0; wait <= SEC(2); wait += MSEC(100)) {
            struct sim_nat_story s = {.seed = 1, .has_spare = spare == 1, .both_use = true};
            sim_nat_story_begin(&s, "sym_seq", "sym_seq");
            sim_nat_story_launch(&s);
            sim_nat_story_wait(&s, wait);
            sim_nat_story_connect(&s);
            if (!sim_nat_story_both_become(&s, PEER_DIRECT, SEC(4)))
                fail_msg("not direct when asked after %u ms", (unsigned)(wait / MSEC(1)));
            sim_nat_story_end(&s);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_symmetric_nat_is_found_out_by_trying),
        cmocka_unit_test(so_are_two_that_count),
        cmocka_unit_test(two_that_count_meet_however_soon_they_are_asked_to),
        cmocka_unit_test(the_plain_punch_comes_first),
        cmocka_unit_test(of_two_that_change_ports_either_may_be_the_symmetric_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
