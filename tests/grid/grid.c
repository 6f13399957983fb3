/* The grid of NATs in the simulator: plays every pair with several seeds, each cell in a process of
 * its own, and prints a table: rows are the dialler's NAT, columns the other's.
 *
 * usage: grid [SEEDS [DIALLER OTHER]]     SEEDS=N in the environment is the default; JOBS=N at once
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/sim_grid.h"

#define SEEDS_MAX  1000
#define JOBS_MAX   64
#define CELLS      (SIM_GRID_TYPES * SIM_GRID_TYPES)
#define FIRST_SEED 1

struct cell {
    pid_t player; /* 0: not playing */
    FILE *from;
    bool played;
    struct sim_grid_result *result; /* one a seed, `count` of them */
    unsigned count;
};

struct grid {
    struct cell cell[CELLS];
    unsigned seeds, jobs, running;
};

/* ---- playing ---- */

/* In a process of its own: an assertion that fails ends this cell alone. */
static void play(size_t dialler, size_t other, unsigned seeds, FILE *to)
{
    for (unsigned i = 0; i < seeds; i++) {
        struct sim_grid_result r;
        sim_grid_play(&r, dialler, other, FIRST_SEED + i);
        if (fwrite(&r, sizeof(r), 1, to) != 1 || fflush(to) != 0)
            exit(1);
    }
}

static void start(struct grid *g, size_t at)
{
    struct cell *c = &g->cell[at];
    int pipe_end[2];

    if (pipe(pipe_end) < 0 || fflush(stdout) != 0 || (c->player = fork()) < 0) {
        perror("grid");
        exit(1);
    }
    if (c->player == 0) {
        FILE *to = fdopen(pipe_end[1], "w");
        if (!to || !freopen("/dev/null", "w", stdout))
            exit(1);
        play(at / SIM_GRID_TYPES, at % SIM_GRID_TYPES, g->seeds, to);
        exit(0);
    }
    (void)close(pipe_end[1]);
    c->from = fdopen(pipe_end[0], "r");
    g->running++;
}

static void finish(struct grid *g, struct cell *c, int status)
{
    size_t got = c->from ? fread(c->result, sizeof(*c->result), g->seeds, c->from) : 0;

    c->count = (unsigned)got;
    c->played = true;
    c->player = 0;
    g->running--;
    if (c->from)
        (void)fclose(c->from);
    if (status != 0)
        fprintf(stderr, "grid: %s to %s broke with seed %u, status %d\n",
                SIM_GRID_TYPE[(size_t)(c - g->cell) / SIM_GRID_TYPES],
                SIM_GRID_TYPE[(size_t)(c - g->cell) % SIM_GRID_TYPES], FIRST_SEED + c->count,
                status);
}

static void wait_for_one(struct grid *g)
{
    int status;
    pid_t pid = wait(&status);

    for (size_t i = 0; i < CELLS; i++)
        if (pid > 0 && g->cell[i].player == pid)
            finish(g, &g->cell[i], status);
}

static void play_all(struct grid *g)
{
    for (size_t i = 0; i < CELLS; i++) {
        while (g->running >= g->jobs)
            wait_for_one(g);
        start(g, i);
    }
    while (g->running > 0)
        wait_for_one(g);
}

/* ---- judging ---- */

static int by_size(const void *a, const void *b)
{
    instant x = *(const instant *)a, y = *(const instant *)b;
    return x < y ? -1 : x > y;
}

/* Of those above 0; 0 if there are none. */
static instant median(const instant *of, size_t count)
{
    static instant sorted[CELLS * SEEDS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (of[i] > 0)
            sorted[n++] = of[i];
    qsort(sorted, n, sizeof(sorted[0]), by_size);
    return n > 0 ? sorted[n / 2] : 0;
}

static unsigned connected_runs(const struct cell *c)
{
    unsigned n = 0;
    for (unsigned i = 0; i < c->count; i++)
        n += sim_grid_is_connected(&c->result[i]);
    return n;
}

static unsigned direct_runs(const struct cell *c)
{
    unsigned n = 0;
    for (unsigned i = 0; i < c->count; i++)
        n += c->result[i].direct > 0 && !c->result[i].lost;
    return n;
}

static bool is_connected(const struct grid *g, const struct cell *c)
{
    return connected_runs(c) == g->seeds;
}

/* With chance in play: in nine of ten runs, and in one at least. */
static bool is_direct(const struct grid *g, const struct cell *c)
{
    unsigned want = g->seeds * 9 / 10;
    return direct_runs(c) >= (want > 0 ? want : 1);
}

static void collect(const struct cell *c, instant *out, size_t *n)
{
    for (unsigned i = 0; i < c->count; i++)
        out[(*n)++] = c->result[i].direct;
}

/* ---- printing ---- */

static const char *short_name(size_t type)
{
    static const char *const name[SIM_GRID_TYPES] = {"public",     "full",    "addr",    "port",
                                                     "poisonable", "sym_seq", "sym_rnd", "sym_blk"};
    return name[type];
}

static void print_cell(const struct grid *g, const struct cell *c)
{
    instant times[SEEDS_MAX];
    char text[32];
    size_t n = 0;
    unsigned direct = direct_runs(c);

    collect(c, times, &n);
    if (!is_connected(g, c))
        (void)snprintf(text, sizeof(text), "NO %u/%u", connected_runs(c), g->seeds);
    else if (direct == 0)
        (void)snprintf(text, sizeof(text), "relay");
    else if (direct == g->seeds)
        (void)snprintf(text, sizeof(text), "%.2f", (double)median(times, n) / 1e9);
    else
        (void)snprintf(text, sizeof(text), "%.2f %u/%u", (double)median(times, n) / 1e9, direct,
                       g->seeds);
    printf(" %11s", text);
}

static void print_table(const struct grid *g)
{
    printf("%-11s", "");
    for (size_t i = 0; i < SIM_GRID_TYPES; i++)
        printf(" %11s", short_name(i));
    for (size_t i = 0; i < CELLS; i++) {
        if (i % SIM_GRID_TYPES == 0)
            printf("\n%-11s", short_name(i / SIM_GRID_TYPES));
        print_cell(g, &g->cell[i]);
    }
    printf("\n");
}

static void print_medians(const struct grid *g)
{
    static instant plain[CELLS * SEEDS_MAX], guessed[CELLS * SEEDS_MAX], echo[CELLS * SEEDS_MAX];
    size_t plains = 0, guesses = 0, echoes = 0;
    instant slowest = 0;

    for (size_t i = 0; i < CELLS; i++) {
        const struct cell *c = &g->cell[i];
        if (sim_grid_guesses(i / SIM_GRID_TYPES, i % SIM_GRID_TYPES))
            collect(c, guessed, &guesses);
        else
            collect(c, plain, &plains);
        for (unsigned k = 0; k < c->count; k++) {
            echo[echoes++] = c->result[k].echoed;
            slowest = c->result[k].echoed > slowest ? c->result[k].echoed : slowest;
        }
    }
    printf(
        "median: first byte %.0f ms (slowest %.0f), direct without guessing %.2f s, with %.2f s\n",
        (double)median(echo, echoes) / 1e6, (double)slowest / 1e6,
        (double)median(plain, plains) / 1e9, (double)median(guessed, guesses) / 1e9);
}

static void print_sums(const struct grid *g)
{
    unsigned connected = 0, direct = 0, runs = 0;

    for (size_t i = 0; i < CELLS; i++) {
        connected += is_connected(g, &g->cell[i]);
        direct += is_direct(g, &g->cell[i]);
        runs += direct_runs(&g->cell[i]);
    }
    printf("direct in %u of %u runs\n", runs, CELLS * g->seeds);
    printf("connected %u/%u direct %u/%u\n", connected, CELLS, direct, CELLS);
}

/* ---- */

static void print_run(unsigned seed, const struct sim_grid_result *r)
{
    printf("seed %u: first byte %.0f ms, direct %.3f s, silence %.0f ms%s %s\n", seed,
           (double)r->echoed / 1e6, (double)r->direct / 1e9, (double)r->silence / 1e6,
           r->lost ? ", STREAM LOST" : "", r->why);
}

static size_t type_of(const char *name)
{
    for (size_t i = 0; i < SIM_GRID_TYPES; i++)
        if (strcmp(SIM_GRID_TYPE[i], name) == 0)
            return i;
    fprintf(stderr, "grid: no NAT is called %s\n", name);
    exit(2);
}

/* One cell, in this process: for a debugger, and with SIM_LOG=1 and SIM_SEED=N. */
static int play_one(unsigned seeds, const char *dialler, const char *other)
{
    size_t row = type_of(dialler), column = type_of(other);

    for (unsigned i = 0; i < seeds; i++) {
        struct sim_grid_result r;
        sim_grid_play(&r, row, column, FIRST_SEED + i);
        print_run(FIRST_SEED + i, &r);
    }
    return 0;
}

static unsigned number_of(const char *text, unsigned standard, unsigned max)
{
    unsigned long n = text ? strtoul(text, NULL, 10) : standard;
    return n < 1 ? 1 : (n > max ? max : (unsigned)n);
}

int main(int argc, char **argv)
{
    static struct grid g;

    g.seeds = number_of(argc > 1 ? argv[1] : getenv("SEEDS"), 20, SEEDS_MAX);
    g.jobs = number_of(getenv("JOBS"), (unsigned)sysconf(_SC_NPROCESSORS_ONLN), JOBS_MAX);
    if (argc == 4)
        return play_one(g.seeds, argv[2], argv[3]);
    for (size_t i = 0; i < CELLS; i++)
        if (!(g.cell[i].result = calloc(g.seeds, sizeof(*g.cell[i].result))))
            return 1;
    time_t began = time(NULL);
    printf(
        "In the simulator, %u seeds: median seconds until direct; the dialler's NAT at the left\n",
        g.seeds);
    play_all(&g);
    print_table(&g);
    print_medians(&g);
    print_sums(&g);
    printf("took %ld s\n", (long)(time(NULL) - began));
    return 0;
}
