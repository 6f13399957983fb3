/* The timer heap against a plain search, and through the fake environment that runs it. */
#include "gateway/base/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fake_env.h"

#define TIMERS 200

static instant earliest(const struct timer *timer, size_t count)
{
    instant due = INSTANT_NEVER;
    for (size_t i = 0; i < count; i++)
        if (timer[i].slot != 0 && timer[i].due < due)
            due = timer[i].due;
    return due;
}

static void always_knows_the_earliest(void **state)
{
    struct timer timer[TIMERS] = {0};
    struct heap h = {0};
    unsigned seed = 7;
    (void)state;

    for (int turn = 0; turn < 20000; turn++) {
        struct timer *t = &timer[(unsigned)rand_r(&seed) % TIMERS];
        if (rand_r(&seed) % 3 == 0)
            heap_remove(&h, t);
        else
            assert_int_equal(heap_set(&h, t, (instant)rand_r(&seed) % 1000), 0);
        assert_int_equal(heap_due(&h), earliest(timer, TIMERS));
    }
    heap_deinit(&h);
    for (int i = 0; i < TIMERS; i++)
        assert_int_equal(timer[i].slot, 0);
}

static void gives_timers_out_in_order_until_none_is_due(void **state)
{
    struct timer timer[5] = {0};
    struct heap h = {0};
    (void)state;

    for (int i = 0; i < 5; i++)
        assert_int_equal(heap_set(&h, &timer[i], MSEC(5 - i)), 0);
    assert_null(heap_take_due(&h, MSEC(1) - 1));
    for (int i = 4; i >= 1; i--)
        assert_ptr_equal(heap_take_due(&h, MSEC(4)), &timer[i]);
    assert_null(heap_take_due(&h, MSEC(4)));
    assert_ptr_equal(heap_first(&h), &timer[0]);
    heap_deinit(&h);
}

static void takes_never_for_a_stop(void **state)
{
    struct timer timer = {0};
    struct heap h = {0};
    (void)state;

    heap_remove(&h, &timer);
    assert_int_equal(heap_set(&h, &timer, 5), 0);
    assert_int_equal(heap_set(&h, &timer, INSTANT_NEVER), 0);
    assert_int_equal(timer.slot, 0);
    assert_int_equal(heap_due(&h), INSTANT_NEVER);
    heap_deinit(&h);
}

struct ticker {
    struct timer timer;
    struct env *env;
    unsigned ticks;
    instant last;
};

static void on_tick(struct timer *timer)
{
    struct ticker *t = (struct ticker *)(void *)timer;
    t->ticks++;
    t->last = env_now(t->env);
    timer_set(t->env, timer, t->last + SEC(1));
}

static void runs_a_minute_of_ticks_each_at_its_own_time(void **state)
{
    struct fake_env f;
    (void)state;
    fake_env_init(&f);
    struct ticker t = {.timer.fire = on_tick, .env = &f.env};
    instant start = f.now;

    timer_set(&f.env, &t.timer, start + SEC(1));
    fake_env_advance(&f, SEC(60) + MSEC(500));
    assert_int_equal(t.ticks, 60);
    assert_int_equal(t.last, start + SEC(60));
    timer_stop(&f.env, &t.timer);
    fake_env_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(always_knows_the_earliest),
        cmocka_unit_test(gives_timers_out_in_order_until_none_is_due),
        cmocka_unit_test(takes_never_for_a_stop),
        cmocka_unit_test(runs_a_minute_of_ticks_each_at_its_own_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
