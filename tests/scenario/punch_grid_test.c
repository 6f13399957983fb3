/* The reference grid: eight kinds of NAT against eight, with perfect knowledge of what they do,
 * 10 ms links and the two sides 100 ms apart. Prints how many of the seeds became direct, and the
 * median time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/punch_pair.h"

#define SEEDS 20

struct cell {
    unsigned direct, heard;
    instant median;  /* of those that became direct */
    unsigned probes; /* median, both sides */
};

static int by_time(const void *a, const void *b)
{
    instant x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x < y ? -1 : x > y;
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

static unsigned run_grid(const char *title, const struct pair_options *options,
                         struct cell out[NAT_GRID][NAT_GRID])
{
    unsigned direct = 0;
    printf("%s: of %u seeds, median ms, median probes\n%-19s", title, SEEDS, "");
    for (unsigned j = 0; j < NAT_GRID; j++)
        printf("%-15.14s", nat_preset_at(j)->name);
    for (unsigned i = 0; i < NAT_GRID; i++) {
        printf("\n%-19s", nat_preset_at(i)->name);
        for (unsigned j = 0; j < NAT_GRID; j++) {
            struct pair_options o = *options;
            o.left = nat_preset_at(i);
            o.right = nat_preset_at(j);
            out[i][j] = run_cell(&o);
            direct += out[i][j].direct >= SEEDS - 1;
            printf("%2u %5u %4u   ", out[i][j].direct, (unsigned)(out[i][j].median / MSEC(1)),
                   out[i][j].probes);
        }
    }
    printf("\n%s: direct %u/64 (at least %u of %u seeds)\n\n", title, direct, SEEDS - 1, SEEDS);
    return direct;
}

static void fifty_six_of_sixty_four_pairs_become_direct(void **state)
{
    (void)state;
    static struct cell grid[NAT_GRID][NAT_GRID];
    const struct pair_options o = {.latency = MSEC(10), .skew = MSEC(100), .opener_ttl = 4};
    assert_true(run_grid("grid", &o, grid) >= 56);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fifty_six_of_sixty_four_pairs_become_direct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
