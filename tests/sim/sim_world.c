#include "tests/sim/sim_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/base/log.h"
#include "tests/support/random.h"

#define START          SEC(3600)
#define DEFAULT_SEED   20260101
#define EVENTS_AT_ONCE 1000000
#define INTERNET_HOPS  6

static instant log_now(void *arg)
{
    return ((struct sim_world *)arg)->now;
}

static void log_line(void *arg, const struct log_entry *e)
{
    double seconds = (double)(log_now(arg) - START) / 1e9;
    printf("%10.6f %-5s %-7s %s\n", seconds, log_level_name(e->level), log_topic_name(e->topic),
           e->line);
}

void sim_world_init(struct sim_world *w, uint64_t seed)
{
    const char *wish = getenv("SIM_SEED");
    if (wish)
        seed = strtoull(wish, NULL, 0);
    if (seed == 0)
        seed = DEFAULT_SEED;
    printf("SIM_SEED=%llu\n", (unsigned long long)seed);
    *w = (struct sim_world){
        .now = START,
        .wall_us = SIM_EPOCH_US,
        .seed = seed,
        .chance = seed,
        .hops = INTERNET_HOPS,
    };
    w->deferred_end = &w->deferred;
    list_init(&w->hosts);
    list_init(&w->routers);
    list_init(&w->flying);
    if (getenv("SIM_LOG"))
        log_set_sink(&(struct log_sink){LOG_LEVEL_DEBUG, log_line, log_now, w});
}

void sim_world_deinit(struct sim_world *w)
{
    log_set_sink(NULL);
    assert_true(list_is_empty(&w->hosts));
    assert_true(list_is_empty(&w->routers));
    assert_null(w->deferred);
    assert_int_equal(w->events.count, 0);
    heap_deinit(&w->events);
    sim_mail_free(w);
}

void sim_set_timer(struct sim_world *w, struct timer *timer, instant due)
{
    assert_int_equal(heap_set(&w->events, timer, due), 0);
}

void sim_stop_timer(struct sim_world *w, struct timer *timer)
{
    heap_remove(&w->events, timer);
}

void sim_defer(struct sim_world *w, struct deferred *work)
{
    if (work->queued)
        return;
    work->queued = true;
    work->next = NULL;
    *w->deferred_end = work;
    w->deferred_end = &work->next;
}

void sim_undefer(struct sim_world *w, struct deferred *work)
{
    struct deferred **at = &w->deferred;
    if (!work->queued)
        return;
    while (*at != work)
        at = &(*at)->next;
    *at = work->next;
    if (w->deferred_end == &work->next)
        w->deferred_end = at;
    work->queued = false;
}

uint64_t sim_chance(struct sim_world *w, uint64_t limit)
{
    return random_below(&w->chance, limit);
}

bool sim_happens(struct sim_world *w, unsigned per_mille)
{
    /* No draw for what cannot happen, so that a fault switched off leaves the rest as it was. */
    return per_mille > 0 && sim_chance(w, 1000) < per_mille;
}

void sim_world_note(struct sim_world *w, uint64_t what)
{
    uint64_t mixed = w->trace ^ what;
    w->trace = random_next(&mixed);
}

/* One event, or one piece of deferred work: what is due now comes first, as in a real loop. */
static bool step(struct sim_world *w, instant until)
{
    struct timer *timer = heap_take_due(&w->events, w->now);
    if (timer) {
        timer->fire(timer);
        return true;
    }
    if (w->deferred) {
        struct deferred *work = w->deferred;
        sim_undefer(w, work);
        work->run(work);
        return true;
    }
    if (heap_due(&w->events) > until)
        return false;
    w->now = heap_due(&w->events);
    return true;
}

bool sim_world_run(struct sim_world *w, instant span, bool (*done)(void *arg), void *arg)
{
    instant until = w->now + span, at = w->now;
    for (unsigned events = 0; !done || !done(arg); events++) {
        if (w->now != at) {
            at = w->now;
            events = 0;
        }
        assert_true(events < EVENTS_AT_ONCE);
        if (!step(w, until)) {
            w->now = until;
            return done && done(arg);
        }
    }
    return true;
}
