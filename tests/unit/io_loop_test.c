/* The loop with real descriptors and a real clock; waits are a few milliseconds. */
#include "gateway/io/loop.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/eventfd.h>

#include <cmocka.h>

#include "tests/support/spin.h"

struct bell {
    struct io_watch watch;
    struct io_loop *loop;
    struct bell *closes;        /* closed when this one rings */
    unsigned rang, again, soon; /* and asks so often */
};

static char order[64];

static void on_bell(struct io_watch *w, uint32_t events)
{
    struct bell *b = container_of(w, struct bell, watch);
    (void)events;
    b->rang++;
    if (b->again > 0) {
        b->again--;
        io_watch_again(b->loop, w);
    }
    if (b->soon > 0) {
        b->soon--;
        io_watch_soon(b->loop, w);
    }
    if (b->closes && b->closes->watch.fd >= 0)
        io_watch_close(b->loop, &b->closes->watch);
}

static struct bell bell(struct io_loop *l)
{
    return (struct bell){.watch = {.ready = on_bell, .fd = -1}, .loop = l};
}

static void hang(struct bell *b, unsigned initially)
{
    int fd = eventfd(initially, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(fd >= 0);
    assert_int_equal(io_watch_start(b->loop, &b->watch, fd, EPOLLIN), 0);
}

static void ring(struct bell *b)
{
    uint64_t one = 1;
    assert_int_equal(write(b->watch.fd, &one, sizeof(one)), sizeof(one));
}

static int build(void **state)
{
    struct io_loop *l;
    assert_int_equal(io_loop_new(&l), 0);
    memset(order, 0, sizeof(order));
    *state = l;
    return 0;
}

static int end(void **state)
{
    return io_loop_free(*state);
}

static void tells_an_edge_once(void **state)
{
    struct io_loop *l = *state;
    struct bell b = bell(l);

    hang(&b, 1);
    assert_true(spin_until(l, &b.rang, 1));
    spin_for(l, MSEC(5));
    assert_int_equal(b.rang, 1);
    ring(&b);
    assert_true(spin_until(l, &b.rang, 2));
    io_watch_close(l, &b.watch);
}

static void gives_another_turn_to_who_asks(void **state)
{
    struct io_loop *l = *state;
    struct bell b = bell(l);

    hang(&b, 1);
    b.again = 3;
    assert_true(spin_until(l, &b.rang, 4));
    spin_for(l, MSEC(2));
    assert_int_equal(b.rang, 4);
    io_watch_close(l, &b.watch);
}

static void tells_who_wants_it_soon_in_the_same_turn_but_once(void **state)
{
    struct io_loop *l = *state;
    struct bell b = bell(l);

    hang(&b, 1);
    b.soon = 2;
    io_loop_turn(l, INSTANT_NEVER);
    assert_int_equal(b.rang, 2);
    io_loop_turn(l, INSTANT_NEVER);
    assert_int_equal(b.rang, 3);
    io_watch_close(l, &b.watch);
}

static void forgets_one_that_closes_before_it_is_told_soon(void **state)
{
    struct io_loop *l = *state;
    struct bell a = bell(l), b = bell(l);

    hang(&a, 1);
    hang(&b, 1);
    a.soon = b.soon = 1;
    a.closes = &b;
    b.closes = &a;
    spin_for(l, MSEC(2));
    assert_int_equal(a.rang + b.rang, 2);
    io_watch_close(l, a.watch.fd >= 0 ? &a.watch : &b.watch);
}

static void tells_nothing_to_one_closed_in_the_same_turn(void **state)
{
    struct io_loop *l = *state;
    struct bell a = bell(l), b = bell(l);

    hang(&a, 1);
    hang(&b, 1);
    a.closes = &b;
    b.closes = &a;
    spin_for(l, MSEC(2));
    assert_int_equal(a.rang + b.rang, 1);
    assert_true((a.watch.fd < 0) != (b.watch.fd < 0));
    io_watch_close(l, a.watch.fd < 0 ? &b.watch : &a.watch);
}

static void tells_nothing_to_one_that_waited_for_another_turn_and_closed(void **state)
{
    struct io_loop *l = *state;
    struct bell b = bell(l);

    hang(&b, 1);
    b.again = 1;
    assert_true(spin_until(l, &b.rang, 1));
    io_watch_close(l, &b.watch);
    spin_for(l, MSEC(2));
    assert_int_equal(b.rang, 1);
}

static void tells_nothing_to_one_closed_by_one_that_asked_for_this_turn(void **state)
{
    struct io_loop *l = *state;
    struct bell a = bell(l), b = bell(l);

    hang(&a, 1);
    hang(&b, 0);
    a.again = 1;
    assert_true(spin_until(l, &a.rang, 1));
    ring(&b); /* comes with the turn in which `a` is told again */
    a.closes = &b;
    spin_for(l, MSEC(2));
    assert_int_equal(a.rang, 2);
    assert_int_equal(b.rang, 0);
    io_watch_close(l, &a.watch);
}

static void may_close_itself(void **state)
{
    struct io_loop *l = *state;
    struct bell b = bell(l);

    hang(&b, 1);
    b.closes = &b;
    assert_true(spin_until(l, &b.rang, 1));
    assert_int_equal(b.watch.fd, -1);
}

static void refuses_a_plain_file(void **state)
{
    struct io_loop *l = *state;
    struct bell b = bell(l);
    FILE *f = tmpfile();

    assert_non_null(f);
    assert_int_equal(io_watch_start(l, &b.watch, fileno(f), EPOLLIN), -EPERM);
    (void)fclose(f);
}

/* ---- timers ---- */

struct alarm_clock {
    struct timer timer;
    struct io_loop *loop;
    char letter;
    unsigned fired;
    unsigned repeat;
    struct alarm_clock *stops;
};

static void on_alarm(struct timer *t)
{
    struct alarm_clock *a = container_of(t, struct alarm_clock, timer);
    a->fired++;
    strncat(order, &a->letter, 1);
    if (a->stops)
        io_loop_timer_stop(a->loop, &a->stops->timer);
    if (a->repeat > 0) {
        a->repeat--;
        io_loop_timer_set(a->loop, t, 0); /* long due */
    }
}

static struct alarm_clock alarm_clock(struct io_loop *l, char letter)
{
    return (struct alarm_clock){.timer.fire = on_alarm, .loop = l, .letter = letter};
}

static void fires_timers_in_order_and_not_early(void **state)
{
    struct io_loop *l = *state;
    struct alarm_clock a = alarm_clock(l, 'a'), b = alarm_clock(l, 'b'), c = alarm_clock(l, 'c');
    instant start = io_loop_now(l);

    io_loop_timer_set(l, &a.timer, start + MSEC(6));
    io_loop_timer_set(l, &b.timer, start + MSEC(2));
    io_loop_timer_set(l, &c.timer, start + MSEC(4));
    assert_true(spin_until(l, &a.fired, 1));
    assert_string_equal(order, "bca");
    assert_true(io_loop_now(l) >= start + MSEC(6));
    assert_true(io_loop_now(l) < start + SEC(1));
}

static void moves_and_stops_timers(void **state)
{
    struct io_loop *l = *state;
    struct alarm_clock a = alarm_clock(l, 'a'), b = alarm_clock(l, 'b'), c = alarm_clock(l, 'c');
    instant start = io_loop_now(l);

    io_loop_timer_set(l, &a.timer, start + SEC(100));
    io_loop_timer_set(l, &b.timer, start + MSEC(1));
    io_loop_timer_set(l, &c.timer, start + MSEC(1));
    io_loop_turn(l, start);
    io_loop_timer_set(l, &a.timer, start + MSEC(2)); /* earlier than the timerfd was armed for */
    b.stops = &c;
    c.stops = &b;
    assert_true(spin_until(l, &a.fired, 1));
    assert_int_equal(b.fired + c.fired, 1);
    io_loop_timer_stop(l, &a.timer);
}

static void looks_at_sockets_between_timers_that_never_end(void **state)
{
    struct io_loop *l = *state;
    struct alarm_clock a = alarm_clock(l, 'a');
    struct bell b = bell(l);

    a.letter = '\0';
    a.repeat = UINT32_MAX;
    io_loop_timer_set(l, &a.timer, io_loop_now(l));
    hang(&b, 1);
    assert_true(spin_until(l, &b.rang, 1));
    io_loop_timer_stop(l, &a.timer);
    io_watch_close(l, &b.watch);
}

static void never_goes_back_in_time(void **state)
{
    struct io_loop *l = *state;
    instant last = io_loop_now(l);
    for (unsigned i = 0; i < 10000; i++) {
        instant now = io_loop_now(l);
        assert_true(now >= last);
        last = now;
    }
}

/* ---- deferred work ---- */

struct chore {
    struct deferred work;
    struct io_loop *loop;
    char letter;
    unsigned ran;
    unsigned repeat;
    struct chore *queues, *drops;
};

static void run_chore(struct deferred *work)
{
    struct chore *c = container_of(work, struct chore, work);
    c->ran++;
    strncat(order, &c->letter, 1);
    if (c->queues)
        io_loop_defer(c->loop, &c->queues->work);
    if (c->drops)
        io_loop_undefer(c->loop, &c->drops->work);
    if (c->repeat > 0) {
        c->repeat--;
        io_loop_defer(c->loop, work);
    }
}

static struct chore chore(struct io_loop *l, char letter)
{
    return (struct chore){.work.run = run_chore, .loop = l, .letter = letter};
}

static void runs_work_once_in_order_and_what_it_queues_too(void **state)
{
    struct io_loop *l = *state;
    struct chore a = chore(l, 'a'), b = chore(l, 'b'), c = chore(l, 'c');

    a.queues = &c;
    io_loop_defer(l, &a.work);
    io_loop_defer(l, &b.work);
    io_loop_defer(l, &a.work);
    assert_string_equal(order, "");
    io_loop_turn(l, 0);
    assert_string_equal(order, "abc");
}

static void drops_work_that_was_taken_back(void **state)
{
    struct io_loop *l = *state;
    struct chore a = chore(l, 'a'), b = chore(l, 'b'), c = chore(l, 'c'), d = chore(l, 'd');

    io_loop_defer(l, &a.work);
    io_loop_defer(l, &b.work);
    io_loop_defer(l, &c.work);
    io_loop_defer(l, &d.work);
    a.drops = &b;
    c.drops = &d;
    io_loop_undefer(l, &d.work);
    io_loop_turn(l, 0);
    assert_string_equal(order, "ac");
    io_loop_defer(l, &d.work); /* the end of the queue is where it should be */
    io_loop_turn(l, 0);
    assert_string_equal(order, "acd");
}

static void looks_at_sockets_between_work_that_never_ends(void **state)
{
    struct io_loop *l = *state;
    struct chore a = chore(l, '\0');
    struct bell b = bell(l);

    a.repeat = UINT32_MAX;
    io_loop_defer(l, &a.work);
    hang(&b, 1);
    assert_true(spin_until(l, &b.rang, 1));
    assert_true(a.ran < 100);
    io_loop_undefer(l, &a.work);
    io_watch_close(l, &b.watch);
}

/* ---- libuv beside it ---- */

static unsigned uv_events;

static void on_uv_timer(uv_timer_t *t)
{
    uv_events++;
    uv_close((uv_handle_t *)t, NULL);
}

static void on_uv_signal(uv_signal_t *s, int number)
{
    (void)number;
    uv_events++;
    uv_close((uv_handle_t *)s, NULL);
}

static void on_worker(uv_work_t *w)
{
    (void)w;
}

static void after_worker(uv_work_t *w, int status)
{
    (void)w;
    assert_int_equal(status, 0);
    uv_events++;
}

static void start_worker(struct deferred *work)
{
    static uv_work_t request;
    struct chore *c = container_of(work, struct chore, work);
    assert_int_equal(uv_queue_work(io_loop_uv(c->loop), &request, on_worker, after_worker), 0);
}

static void serves_libuv_timers_signals_and_threads(void **state)
{
    struct io_loop *l = *state;
    uv_timer_t timer;
    uv_signal_t sig;
    struct chore c = chore(l, '\0');

    uv_events = 0;
    assert_int_equal(uv_timer_init(io_loop_uv(l), &timer), 0);
    assert_int_equal(uv_timer_start(&timer, on_uv_timer, 3, 0), 0);
    assert_int_equal(uv_signal_init(io_loop_uv(l), &sig), 0);
    assert_int_equal(uv_signal_start(&sig, on_uv_signal, SIGUSR1), 0);
    assert_int_equal(raise(SIGUSR1), 0);
    c.work.run = start_worker;
    io_loop_defer(l, &c.work);
    assert_true(spin_until(l, &uv_events, 3));
    spin_for(l, MSEC(1)); /* the close callbacks */
}

/* libuv keeps its own time, which stands still while only our sockets and timers are busy. */
static void fires_libuv_timers_in_time_while_ours_are_busy(void **state)
{
    struct io_loop *l = *state;
    struct alarm_clock a = alarm_clock(l, '\0');
    uv_timer_t timer;
    instant start = io_loop_now(l);

    uv_events = 0;
    io_loop_turn(l, 0);
    spin_for(l, MSEC(20));
    assert_int_equal(uv_timer_init(io_loop_uv(l), &timer), 0);
    assert_int_equal(uv_timer_start(&timer, on_uv_timer, 40, 0), 0);
    while (uv_events == 0 && io_loop_now(l) < start + SEC(1)) {
        io_loop_timer_set(l, &a.timer, io_loop_now(l) + MSEC(3));
        io_loop_turn(l, INSTANT_NEVER);
    }
    assert_in_range(io_loop_now(l) - start, MSEC(39), MSEC(200));
    io_loop_timer_stop(l, &a.timer);
    spin_for(l, MSEC(1));
}

static void stop_loop(struct timer *t)
{
    io_loop_stop(container_of(t, struct alarm_clock, timer)->loop);
}

static void runs_until_it_is_stopped(void **state)
{
    struct io_loop *l = *state;
    struct alarm_clock a = alarm_clock(l, 'a');

    a.timer.fire = stop_loop;
    io_loop_timer_set(l, &a.timer, io_loop_now(l) + MSEC(2));
    io_loop_run(l);
    io_loop_timer_set(l, &a.timer, io_loop_now(l) + MSEC(2));
    io_loop_run(l);
    assert_false(a.timer.slot > 0);
}

/* A loop that waits uses no processor: an idle gateway must not. */
static void sleeps_when_there_is_nothing_to_do(void **state)
{
    struct io_loop *l = *state;
    struct alarm_clock a = alarm_clock(l, 'a');
    unsigned turns = 0;

    io_loop_timer_set(l, &a.timer, io_loop_now(l) + MSEC(30));
    while (a.fired == 0) {
        io_loop_turn(l, INSTANT_NEVER);
        turns++;
    }
    /* A busy loop takes tens of thousands. A few turns are the kernel's: it interrupts a wait to
     * tidy up the io_uring (libuv has one since 1.45) of each loop that was closed before. */
    assert_true(turns <= 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells_an_edge_once, build, end),
        cmocka_unit_test_setup_teardown(gives_another_turn_to_who_asks, build, end),
        cmocka_unit_test_setup_teardown(tells_who_wants_it_soon_in_the_same_turn_but_once, build,
                                        end),
        cmocka_unit_test_setup_teardown(forgets_one_that_closes_before_it_is_told_soon, build, end),
        cmocka_unit_test_setup_teardown(tells_nothing_to_one_closed_in_the_same_turn, build, end),
        cmocka_unit_test_setup_teardown(
            tells_nothing_to_one_that_waited_for_another_turn_and_closed, build, end),
        cmocka_unit_test_setup_teardown(tells_nothing_to_one_closed_by_one_that_asked_for_this_turn,
                                        build, end),
        cmocka_unit_test_setup_teardown(may_close_itself, build, end),
        cmocka_unit_test_setup_teardown(refuses_a_plain_file, build, end),
        cmocka_unit_test_setup_teardown(fires_timers_in_order_and_not_early, build, end),
        cmocka_unit_test_setup_teardown(moves_and_stops_timers, build, end),
        cmocka_unit_test_setup_teardown(looks_at_sockets_between_timers_that_never_end, build, end),
        cmocka_unit_test_setup_teardown(never_goes_back_in_time, build, end),
        cmocka_unit_test_setup_teardown(runs_work_once_in_order_and_what_it_queues_too, build, end),
        cmocka_unit_test_setup_teardown(drops_work_that_was_taken_back, build, end),
        cmocka_unit_test_setup_teardown(looks_at_sockets_between_work_that_never_ends, build, end),
        cmocka_unit_test_setup_teardown(serves_libuv_timers_signals_and_threads, build, end),
        cmocka_unit_test_setup_teardown(fires_libuv_timers_in_time_while_ours_are_busy, build, end),
        cmocka_unit_test_setup_teardown(runs_until_it_is_stopped, build, end),
        cmocka_unit_test_setup_teardown(sleeps_when_there_is_nothing_to_do, build, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
