/* Every pair of NATs is connected at once through a relay, and goes direct where that can be done.
 * A few seeds of what `make grid` plays with many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/sim/sim_grid.h"

#define SEEDS      2
#define FIRST_SEED 101
#define CELLS      (SIM_GRID_TYPES * SIM_GRID_TYPES)

/* Runs that are known to become direct: all but a few where chance finds the port. */
#define PLAIN_DIRECT   (43 * SEEDS)
#define GUESSED_DIRECT (13 * SEEDS - 2)

static struct sim_grid_result results[SIM_GRID_TYPES][SIM_GRID_TYPES][SEEDS];

static int play(void **state)
{
    (void)state;
    for (size_t row = 0; row < SIM_GRID_TYPES; row++)
        for (size_t column = 0; column < SIM_GRID_TYPES; column++)
            for (unsigned i = 0; i < SEEDS; i++)
                sim_grid_play(&results[row][column][i], row, column, FIRST_SEED + i);
    return 0;
}

static void say(const char *what, size_t row, size_t column, unsigned seed)
{
    const struct sim_grid_result *r = &results[row][column][seed];
    printf("%s: %s to %s, seed %u: first byte %.0f ms, direct %.2f s, silence %.0f ms; %s\n", what,
           SIM_GRID_TYPE[row], SIM_GRID_TYPE[column], FIRST_SEED + seed, (double)r->echoed / 1e6,
           (double)r->direct / 1e9, (double)r->silence / 1e6, r->why);
}

/* In how many runs something is true, of those cells that guess or do not; names the others. */
static unsigned count(const char *what, bool (*is)(const struct sim_grid_result *r), bool guesses)
{
    unsigned n = 0;
    for (size_t i = 0; i < (size_t)CELLS * SEEDS; i++) {
        size_t row = i / SEEDS / SIM_GRID_TYPES, column = i / SEEDS % SIM_GRID_TYPES;
        if (sim_grid_guesses(row, column) != guesses || sim_grid_is_hopeless(row, column))
            continue;
        if (is(&results[row][column][i % SEEDS]))
            n++;
        else
            say(what, row, column, (unsigned)(i % SEEDS));
    }
    return n;
}

static bool is_direct(const struct sim_grid_result *r)
{
    return r->direct > 0;
}

static bool is_quiet_for_long(const struct sim_grid_result *r)
{
    return r->silence > SEC(1);
}

static void connects_every_pair_within_1_s_and_keeps_the_stream(void **state)
{
    unsigned failed = 0;
    (void)state;
    for (size_t i = 0; i < (size_t)CELLS * SEEDS; i++) {
        size_t row = i / SEEDS / SIM_GRID_TYPES, column = i / SEEDS % SIM_GRID_TYPES;
        if (sim_grid_is_connected(&results[row][column][i % SEEDS]))
            continue;
        failed++;
        say("not connected", row, column, (unsigned)(i % SEEDS));
    }
    assert_int_equal(failed, 0);
}

static void goes_direct_where_no_port_must_be_guessed(void **state)
{
    (void)state;
    assert_in_range(count("not direct", is_direct, false), PLAIN_DIRECT, CELLS * SEEDS);
}

static void goes_direct_where_ports_can_be_guessed(void **state)
{
    (void)state;
    assert_in_range(count("not direct", is_direct, true), GUESSED_DIRECT, CELLS * SEEDS);
}

static void is_never_quiet_for_1_s_after_going_direct(void **state)
{
    (void)state;
    for (size_t i = 0; i < (size_t)CELLS * SEEDS; i++) {
        size_t row = i / SEEDS / SIM_GRID_TYPES, column = i / SEEDS % SIM_GRID_TYPES;
        if (is_quiet_for_long(&results[row][column][i % SEEDS]))
            say("quiet", row, column, (unsigned)(i % SEEDS));
        assert_false(is_quiet_for_long(&results[row][column][i % SEEDS]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connects_every_pair_within_1_s_and_keeps_the_stream),
        cmocka_unit_test(goes_direct_where_no_port_must_be_guessed),
        cmocka_unit_test(goes_direct_where_ports_can_be_guessed),
        cmocka_unit_test(is_never_quiet_for_1_s_after_going_direct),
    };
    return cmocka_run_group_tests(tests, play, NULL);
}
