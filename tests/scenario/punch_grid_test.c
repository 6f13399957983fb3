/* The reference grid: eight kinds of NAT against eight, with perfect knowledge of what they do,
 * 10 ms links and the two sides 100 ms apart. A pair counts as direct when nearly all seeds are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/punch_pair.h"

#define SEEDS 20

#define NEARLY_ALL (SEEDS - 2) /* 98 of 100 birthday searches find */

struct cell {
    unsigned direct;
    unsigned probes; /* of both sides, median */
    bool guessed;
    instant median; /* of those that became direct */
};

static int by_time(const void *a, const void *b)
{
    instant x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x < y ? -1 : x > y;
}

static bool has_guessed(const struct pair *p)
{
    for (unsigned i = 0; i < 2; i++) {
        unsigned probes, guesses;
        punch_counts(p->side[i].punch, &probes, &guesses);
        if (guesses > 0)
            return true;
    }
    return false;
}

static struct cell run_cell(const struct pair_options *options)
{
    struct cell cell = {0};
    instant times[SEEDS], probes[SEEDS];

    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        struct pair_options o = *options;
        o.seed = seed;
        struct pair *p = pair_new(&o);
        bool direct = pair_run(p);
        probes[seed - 1] = p->side[0].sent + p->side[1].sent;
        cell.guessed |= has_guessed(p);
        if (direct)
            times[cell.direct++] = pair_direct_at(p);
        pair_free(p);
    }
    qsort(times, cell.direct, sizeof(times[0]), by_time);
    qsort(probes, SEEDS, sizeof(probes[0]), by_time);
    cell.median = cell.direct > 0 ? times[cell.direct / 2] : 0;
    cell.probes = (unsigned)probes[SEEDS / 2];
    return cell;
}

/* Returns how many cells are direct, each in the time that it may take. */
static unsigned run_grid(const char *title, const struct pair_options *options)
{
    unsigned direct = 0;
    printf("%s: direct of %u, median ms, median probes\n%-18s", title, SEEDS, "");
    for (unsigned j = 0; j < NAT_GRID; j++)
        printf("  %-13.13s", nat_preset_at(j)->name);
    for (unsigned i = 0; i < NAT_GRID; i++) {
        printf("\n%-18s", nat_preset_at(i)->name);
        for (unsigned j = 0; j < NAT_GRID; j++) {
            struct pair_options o = *options;
            o.left = nat_preset_at(i);
            o.right = nat_preset_at(j);
            const struct cell cell = run_cell(&o);
            direct += cell.direct >= NEARLY_ALL;
            printf("  %2u %5u %4u", cell.direct, (unsigned)(cell.median / MSEC(1)), cell.probes);
            assert_true(cell.median <= (cell.guessed ? SEC(20) : SEC(2)));
        }
    }
    printf("\n%s: direct %u/64\n\n", title, direct);
    return direct;
}

static void fifty_six_of_sixty_four_pairs_become_direct(void **state)
{
    (void)state;
    const struct pair_options o = {.latency = MSEC(10), .skew = MSEC(100), .opener_ttl = 4};
    assert_true(run_grid("10 ms links, 100 ms apart", &o) >= 56);
}

static void as_many_when_the_round_trip_is_known_to_be_long(void **state)
{
    (void)state;
    const struct pair_options o = {
        .latency = MSEC(100), .skew = MSEC(400), .rtt = MSEC(800), .opener_ttl = 4};
    assert_true(run_grid("100 ms links, 400 ms apart", &o) >= 56);
}

static void losses_take_none_of_them_but_some_birthdays(void **state)
{
    (void)state;
    const struct pair_options o = {
        .latency = MSEC(10), .skew = MSEC(100), .loss = 50, .opener_ttl = 4};
    assert_true(run_grid("10 ms links that lose 5 of 100", &o) >= 52);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fifty_six_of_sixty_four_pairs_become_direct),
        cmocka_unit_test(as_many_when_the_round_trip_is_known_to_be_long),
        cmocka_unit_test(losses_take_none_of_them_but_some_birthdays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
