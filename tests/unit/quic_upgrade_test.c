/* A long transfer whose path goes from a relay to a straight one, back when that is cut, and up
 * again; and other ways that paths end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/two_ways.h"

#define MEASURED SEC(2)
#define AFTER    SEC(5)

static struct two_ways w;

/* Bytes/s from some seconds on after now. */
static double throughput(instant after)
{
    ways_run(&w, after);
    uint64_t before = w.received;
    ways_run(&w, MEASURED);
    return (double)(w.received - before) / ((double)MEASURED / (double)SEC(1));
}

static bool both_on(enum path_kind kind)
{
    return w.side[0].kind == kind && w.side[1].kind == kind;
}

/* Returns how long it took. */
static instant wait_for(enum path_kind kind, instant limit)
{
    instant start = w.now;
    while (!both_on(kind) && w.now < start + limit)
        ways_run(&w, MSEC(1));
    assert_true(both_on(kind));
    return w.now - start;
}

static double fresh(int sender, struct ways_line direct)
{
    ways_begin(&w, sender, DIRECT, (struct ways_line){1, MSEC(100)}, direct);
    double rate = throughput(AFTER);
    ways_end(&w);
    return rate;
}

static void say(const char *what, double rate, double fresh_rate)
{
    printf("    %s: %.1f Mbit/s, %.0f %% of a fresh connection's\n", what, rate / MBIT,
           100 * rate / fresh_rate);
}

static void go_up_down_and_up(int sender, struct ways_line relay, struct ways_line direct)
{
    double whole = fresh(sender, direct);
    printf("  %s sends; relay %u Mbit/s %u ms, direct %u Mbit/s %u ms\n",
           sender == DIALLER ? "dialler" : "acceptor", relay.mbit,
           (unsigned)(relay.round_trip / MSEC(1)), direct.mbit,
           (unsigned)(direct.round_trip / MSEC(1)));
    ways_begin(&w, sender, RELAY, relay, direct);
    ways_run(&w, SEC(5));
    struct path path = ways_path(&w, DIALLER, DIRECT);
    w.silence = 0;
    quic_conn_add_path(w.side[DIALLER].conn, &path);
    instant took = wait_for(PATH_UDP, SEC(2));
    printf("    up after %u ms\n", (unsigned)(took / MSEC(1)));
    double up = throughput(AFTER);
    say("up", up, whole);
    printf("    longest stall %u ms\n", (unsigned)(w.silence / MSEC(1)));

    w.silence = 0;
    w.way[DIRECT].cut = true;
    took = wait_for(PATH_RELAY, SEC(5));
    double down = throughput(AFTER);
    printf("    down after %u ms, longest stall %u ms, then %.1f Mbit/s\n",
           (unsigned)(took / MSEC(1)), (unsigned)(w.silence / MSEC(1)), down / MBIT);
    instant stall = w.silence;

    w.silence = 0;
    w.way[DIRECT].cut = false;
    took = wait_for(PATH_UDP, SEC(15));
    double again = throughput(AFTER);
    say("up again", again, whole);
    printf("    after %u ms, longest stall %u ms\n", (unsigned)(took / MSEC(1)),
           (unsigned)(w.silence / MSEC(1)));
    ways_end(&w);
    assert_true(stall < SEC(3));
    assert_true(w.silence < SEC(1));
    assert_true(up > 0.9 * whole);
    assert_true(again > 0.9 * whole);
    assert_true(down > 0.8 * (double)(relay.mbit * MBIT));
    assert_int_equal(w.side[0].moved, 3);
    assert_int_equal(w.side[1].moved, 3);
}

static void a_transfer_goes_up_down_and_up_again(void **state)
{
    (void)state;
    for (int sender = 0; sender < 2; sender++) {
        go_up_down_and_up(sender, (struct ways_line){20, MSEC(60)},
                          (struct ways_line){100, MSEC(20)});
        go_up_down_and_up(sender, (struct ways_line){4, MSEC(100)},
                          (struct ways_line){60, MSEC(60)});
    }
}

static const struct ways_line RELAYED = {20, MSEC(60)}, STRAIGHT = {50, MSEC(20)};

/* A transfer over the second way, with the first as a spare. */
static void begin_upgraded(int sender)
{
    ways_begin(&w, sender, RELAY, RELAYED, STRAIGHT);
    ways_run(&w, SEC(1));
    const struct path path = ways_path(&w, DIALLER, DIRECT);
    quic_conn_add_path(w.side[DIALLER].conn, &path);
    ways_run(&w, SEC(3));
    assert_true(w.side[0].kind == w.way[DIRECT].kind && w.side[1].kind == w.way[DIRECT].kind);
    w.silence = 0;
}

static void a_dead_relay_is_left_for_its_spare_within_two_seconds(void **state)
{
    (void)state;
    for (int sender = 0; sender < 2; sender++) {
        ways_begin(&w, sender, RELAY, RELAYED, STRAIGHT);
        ways_set(&w, DIRECT, PATH_TURN, RELAYED);
        const struct path path = ways_path(&w, DIALLER, DIRECT);
        quic_conn_add_path(w.side[DIALLER].conn, &path);
        ways_run(&w, SEC(5));
        assert_true(both_on(PATH_RELAY));
        w.silence = 0;
        w.way[RELAY].cut = true;
        (void)wait_for(PATH_TURN, SEC(2));
        ways_run(&w, SEC(1));
        assert_true(w.silence < SEC(2));
        ways_end(&w);
    }
}

static void a_path_that_takes_no_large_packets_any_more_is_left(void **state)
{
    (void)state;
    for (int sender = 0; sender < 2; sender++) {
        begin_upgraded(sender);
        w.way[DIRECT].mtu = 1100;
        (void)wait_for(PATH_RELAY, SEC(3));
        double rate = throughput(AFTER);
        assert_true(w.silence < SEC(3));
        assert_true(rate > 0.8 * 20 * (double)MBIT);
        ways_run(&w, SEC(120));
        assert_true(both_on(PATH_RELAY));
        ways_end(&w);
    }
}

static void a_path_whose_carrier_ends_is_left_in_a_round_trip(void **state)
{
    (void)state;
    for (int sender = 0; sender < 2; sender++) {
        begin_upgraded(sender);
        const struct path path = ways_path(&w, ACCEPTOR, DIRECT);
        w.way[DIRECT].cut = true;
        quic_conn_path_gone(w.side[ACCEPTOR].conn, &path);
        instant took = wait_for(PATH_RELAY, SEC(3));
        assert_true(took <= RELAYED.round_trip);
        ways_run(&w, SEC(1));
        assert_true(w.silence < SEC(1));
        ways_end(&w);
    }
}

static void a_lossy_path_is_kept_during_a_transfer(void **state)
{
    (void)state;
    for (int sender = 0; sender < 2; sender++) {
        begin_upgraded(sender);
        w.way[DIRECT].loss = 300;
        ways_run(&w, SEC(120));
        assert_true(both_on(PATH_UDP));
        assert_int_equal(w.side[0].moved + w.side[1].moved, 2);
        ways_end(&w);
    }
}

static void an_idle_session_rests_on_the_relay_until_there_is_data(void **state)
{
    struct quic_conn_info info;
    (void)state;
    begin_upgraded(DIALLER);
    w.limit = w.written;
    ways_run(&w, SEC(100));
    uint64_t before = w.sent;
    ways_run(&w, SEC(180));
    assert_true(both_on(PATH_UDP));
    assert_in_range(w.sent - before, 2 * 180 / 28, 3 * 180 / 25); /* a PING, and its answer */
    ways_run(&w, SEC(40));
    assert_true(both_on(PATH_RELAY));
    before = w.sent;
    ways_run(&w, SEC(3600));
    assert_in_range(w.sent - before, 2 * 3600 / 28, 3 * 3600 / 25);
    for (int i = 0; i < 2; i++) {
        quic_conn_info(w.side[i].conn, &info);
        assert_true(info.resting);
        assert_int_equal(w.side[i].woken, 0);
    }
    w.limit = UINT64_MAX;
    ways_write(&w.side[DIALLER]);
    (void)wait_for(PATH_UDP, MSEC(200));
    assert_int_equal(w.side[0].woken, 1);
    assert_int_equal(w.side[1].woken, 1);
    ways_end(&w);
}

static void data_of_quiet_streams_wakes_nobody_and_being_used_does(void **state)
{
    (void)state;
    begin_upgraded(DIALLER);
    w.limit = w.written;
    ways_run(&w, SEC(400));
    assert_true(both_on(PATH_RELAY));
    quic_stream_set_quiet(w.side[0].pipe);
    quic_stream_set_quiet(w.side[1].pipe);
    w.limit += 10000;
    ways_write(&w.side[DIALLER]);
    ways_run(&w, SEC(10));
    assert_int_equal(w.received, w.limit);
    assert_true(both_on(PATH_RELAY));
    assert_int_equal(w.side[0].woken, 0);
    quic_conn_use(w.side[0].conn);
    quic_conn_use(w.side[1].conn);
    (void)wait_for(PATH_UDP, MSEC(200));
    ways_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transfer_goes_up_down_and_up_again),
        cmocka_unit_test(a_dead_relay_is_left_for_its_spare_within_two_seconds),
        cmocka_unit_test(a_path_that_takes_no_large_packets_any_more_is_left),
        cmocka_unit_test(a_path_whose_carrier_ends_is_left_in_a_round_trip),
        cmocka_unit_test(a_lossy_path_is_kept_during_a_transfer),
        cmocka_unit_test(an_idle_session_rests_on_the_relay_until_there_is_data),
        cmocka_unit_test(data_of_quiet_streams_wakes_nobody_and_being_used_does),
    };
    return cmocka_run_group_tests_name("quic_upgrade", tests, NULL, NULL);
}
