/* The limit on a session's rate, in virtual time: how much passes, how soon, and who goes first. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/quic_link.h"

#define RATE     1000000
#define TRANSFER (4 * RATE)

static struct quic_link link;
static uint8_t bytes[QUIC_DATAGRAM_MAX];

static int teardown(void **state)
{
    (void)state;
    link_deinit(&link);
    return 0;
}

/* Two sides with limits of their own; 0 is none. */
static void start_with(uint64_t rate0, uint64_t rate1)
{
    const struct quic_options mine = {.rate = rate0}, theirs = {.rate = rate1};
    link_init(&link, 1, &mine);
    link_stop(&link, 1);
    link_start(&link, 1, &theirs);
    link_connect(&link);
}

static struct link_stream *theirs(unsigned i)
{
    return &link.side[1].stream[i];
}

/* How long until a stream of the transfer's size has gone from side 0 to side 1, in ms. */
static uint64_t transfer_ms(void)
{
    instant begun = link.now;
    unsigned first = link.side[1].streams;
    struct link_stream *s = link_open(&link, 0, TRANSFER, true);
    while (link.now < begun + SEC(60)) {
        link_run(&link, MSEC(10));
        if (link.side[1].streams > first && theirs(first)->ended)
            break;
    }
    assert_int_equal(theirs(first)->received, TRANSFER);
    assert_false(theirs(first)->wrong);
    assert_int_equal(s->reset, -1);
    return (link.now - begun) / MSEC(1);
}

/* ---- streams ---- */

static void four_seconds_worth_take_four_seconds(void **state)
{
    (void)state;
    static const struct {
        uint64_t mine, theirs;
    } limits[] = {{RATE, RATE}, {RATE, 0}, {0, RATE}, {100 * RATE, RATE}};
    for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        start_with(limits[i].mine, limits[i].theirs);
        assert_in_range(transfer_ms(), 3600, 4400);
        /* And after a silence, when everything is full again. */
        link_run(&link, SEC(20));
        assert_in_range(transfer_ms(), 3600, 4400);
        link_deinit(&link);
    }
    start_with(0, 0);
    assert_in_range(transfer_ms(), 1, 2000);
}

static void both_directions_have_the_rate_at_the_same_time(void **state)
{
    (void)state;
    start_with(RATE, 0);
    link.side[1].mode = LINK_ECHO;
    instant begun = link.now;
    struct link_stream *s = link_open(&link, 0, TRANSFER, true);
    while (!s->ended && link.now < begun + SEC(60))
        link_run(&link, MSEC(10));
    assert_int_equal(s->received, TRANSFER);
    assert_in_range(link.now - begun, MSEC(3600), MSEC(4400));
}

static void the_rate_holds_on_lines_of_every_length(void **state)
{
    (void)state;
    for (instant delay = MSEC(1); delay <= MSEC(300); delay += MSEC(1) + delay) {
        start_with(0, RATE);
        link.delay = delay;
        (void)transfer_ms(); /* the window finds its size */
        assert_in_range(transfer_ms(), 3200, 4800);
        link_deinit(&link);
    }
    start_with(0, 0);
}

static void limits_from_slow_to_fast_are_kept(void **state)
{
    (void)state;
    for (uint64_t rate = 64000; rate <= 8000000; rate *= 10) {
        for (int side = 0; side < 2; side++) {
            start_with(side ? 0 : rate, side ? rate : 0);
            link.side[1].mode = LINK_READ;
            (void)link_open(&link, 0, 40 * rate, false);
            link_run(&link, SEC(2));
            uint64_t before = theirs(0)->received;
            link_run(&link, SEC(4));
            assert_in_range(theirs(0)->received - before, 36 * rate / 10, 42 * rate / 10);
            link_deinit(&link);
        }
    }
    start_with(0, 0);
}

static void no_burst_exceeds_a_second_or_a_quarter_megabyte(void **state)
{
    (void)state;
    for (uint64_t rate = 16000; rate <= 16000000; rate *= 10) {
        uint64_t most = rate > (256 << 10) ? rate : (256 << 10);
        for (int side = 0; side < 2; side++) {
            start_with(side ? 0 : rate, side ? rate : 0);
            (void)link_open(&link, 0, 1, false);
            link_run(&link, SEC(60));
            (void)link_open(&link, 0, 40 * rate + (4 << 20), false);
            link_run(&link, SEC(1));
            assert_in_range(theirs(1)->received, rate / 2, rate + most);
            link_deinit(&link);
        }
    }
    start_with(0, 0);
}

static void many_streams_share_one_limit(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        start_with(side ? 0 : RATE, side ? RATE : 0);
        uint64_t least = UINT64_MAX, sum = 0;
        for (int i = 0; i < 20; i++)
            (void)link_open(&link, 0, TRANSFER, false);
        link_run(&link, SEC(4));
        for (unsigned i = 0; i < 20; i++) {
            sum += theirs(i)->received;
            least = theirs(i)->received < least ? theirs(i)->received : least;
        }
        assert_in_range(sum, 36 * RATE / 10, 44 * RATE / 10);
        assert_true(least > sum / 40);
        link_deinit(&link);
    }
    start_with(0, 0);
}

/* The longest of so many round trips of a few bytes, beside what else goes on. */
static instant slowest_ping(unsigned count)
{
    instant worst = 0;
    link.side[1].mode = LINK_ECHO;
    for (unsigned i = 0; i < count; i++) {
        instant sent = link.now;
        struct link_stream *s = link_open(&link, 0, 100, true);
        while (!s->ended && link.now < sent + SEC(5))
            link_run(&link, MSEC(1));
        assert_int_equal(s->received, 100);
        worst = link.now - sent > worst ? link.now - sent : worst;
        s->pipe->ops->close(s->pipe);
        s->pipe = NULL;
        link_run(&link, MSEC(37));
    }
    return worst;
}

static void a_small_stream_need_not_wait_for_the_large_ones(void **state)
{
    (void)state;
    for (int side = 0; side < 3; side++) {
        start_with(side == 1 ? 0 : RATE, side == 0 ? 0 : RATE);
        for (int i = 0; i < 3; i++)
            (void)link_open(&link, 0, 100 * RATE, false);
        link_run(&link, SEC(1));
        assert_in_range(slowest_ping(50), MSEC(20), MSEC(45));
        link_deinit(&link);
    }
    start_with(0, 0);
}

static void streams_nobody_reads_hold_up_no_others(void **state)
{
    (void)state;
    start_with(0, RATE);
    link.side[1].mode = LINK_HOLD;
    for (int i = 0; i < 4; i++)
        (void)link_open(&link, 0, 100 * RATE, false);
    link_run(&link, SEC(30));
    assert_true(theirs(0)->readable > 0 && theirs(0)->received == 0);
    link.side[1].mode = LINK_READ;
    assert_in_range(transfer_ms(), 3600, 4400);
}

static void unread_data_stays_within_the_window_that_memory_allows(void **state)
{
    (void)state;
    const struct quic_options o = {.rate = 10 * RATE, .connection_window = 1 << 20};
    link_init(&link, 1, &o);
    link.side[1].mode = LINK_HOLD;
    link_connect(&link);
    for (int i = 0; i < 4; i++)
        (void)link_open(&link, 0, TRANSFER, false);
    link_run(&link, SEC(10));
    assert_in_range(link.side[0].sent_bytes, 1 << 20, 5 << 18);
    /* Room made is room given. */
    for (unsigned i = 0; i < 4; i++) {
        theirs(i)->mode = LINK_READ;
        link_read(theirs(i));
    }
    link_run(&link, SEC(10));
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(theirs(i)->received, TRANSFER);
}

/* How often side 0 sent, whatever the number of packets. */
static unsigned departures;
static instant last_departure;
static bool count_departures(struct quic_link *l, int from, uint8_t *data, size_t *len)
{
    (void)data;
    (void)len;
    if (from == 0 && l->now != last_departure) {
        departures++;
        last_departure = l->now;
    }
    return true;
}

static void packets_that_wait_leave_together(void **state)
{
    (void)state;
    start_with(RATE, 0);
    departures = 0;
    link.filter = count_departures;
    assert_in_range(transfer_ms(), 3600, 4400);
    assert_in_range(departures, 100, 1200); /* of some 3700 packets */
}

static void lost_packets_cost_nothing_of_the_limit(void **state)
{
    (void)state;
    start_with(RATE, RATE);
    link.loss = 10;
    link.delay = MSEC(5);
    assert_in_range(transfer_ms(), 3600, 5000);
}

static void a_limit_that_nobody_reaches_changes_nothing(void **state)
{
    (void)state;
    start_with(UINT64_MAX, UINT64_MAX);
    assert_in_range(transfer_ms(), 1, 2000);
    assert_in_range(slowest_ping(5), MSEC(20), MSEC(22));
}

static void an_idle_session_does_not_wake_up_for_its_limit(void **state)
{
    (void)state;
    start_with(RATE, RATE);
    (void)transfer_ms();
    link_run(&link, SEC(5));
    unsigned turns = 0;
    for (instant until = link.now + SEC(8); link.now < until; turns++) {
        instant due = quic_deadline(link.side[0].ep);
        if (due > until)
            break;
        link_run(&link, due > link.now ? due - link.now : 1);
    }
    assert_true(turns < 10);
}

/* ---- datagrams ---- */

/* Sends datagrams of 1000 bytes from side 0 at a rate, for so long; returns those that arrived. */
static unsigned datagrams(uint64_t a_second, unsigned seconds)
{
    unsigned before = link.side[1].datagrams;
    for (uint64_t i = 0; i < a_second * seconds; i++) {
        (void)!quic_send_datagram(link.side[0].conn, bytes, 1000);
        link_run(&link, SEC(1) / a_second);
    }
    link_run(&link, SEC(1));
    return link.side[1].datagrams - before;
}

static struct quic_dropped dropped(int side)
{
    struct quic_conn_info info;
    quic_conn_info(link.side[side].conn, &info);
    return info.dropped;
}

static void datagrams_are_sent_at_the_rate_and_no_faster(void **state)
{
    (void)state;
    start_with(RATE, 0);
    assert_int_equal(datagrams(900, 4), 3600);
    assert_int_equal(dropped(0).full, 0);
    assert_in_range(datagrams(3000, 4), 3900, 4500);
    assert_int_equal(dropped(1).over_rate, 0);
}

static void datagrams_beyond_the_rate_are_dropped_and_counted(void **state)
{
    (void)state;
    start_with(0, RATE);
    assert_int_equal(datagrams(900, 4), 3600);
    assert_int_equal(dropped(1).over_rate, 0);
    unsigned got = datagrams(3000, 4);
    assert_in_range(got, 3900, 4300);
    assert_int_equal(dropped(1).over_rate, 12000 - got);
    assert_int_equal(dropped(0).full, 0);
}

static void few_datagrams_are_not_lost_beside_a_transfer(void **state)
{
    (void)state;
    start_with(0, RATE);
    (void)link_open(&link, 0, 100 * RATE, false);
    assert_int_equal(datagrams(50, 10), 500);
    assert_int_equal(dropped(1).over_rate, 0);
}

static void many_datagrams_and_a_transfer_share_the_limit(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        start_with(side ? 0 : RATE, side ? RATE : 0);
        (void)link_open(&link, 0, 100 * RATE, false);
        link_run(&link, SEC(1));
        uint64_t before = theirs(0)->received;
        instant begun = link.now;
        uint64_t mine = 1000 * (uint64_t)datagrams(2000, 9);
        uint64_t streams = theirs(0)->received - before;
        uint64_t whole = RATE * ((link.now - begun) / SEC(1));
        assert_true(mine > whole / 3);
        assert_true(streams > whole / 3);
        assert_in_range(mine + streams, 90 * whole / 100, 110 * whole / 100);
        link_deinit(&link);
    }
    start_with(0, 0);
}

#define T(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(four_seconds_worth_take_four_seconds),
        T(both_directions_have_the_rate_at_the_same_time),
        T(the_rate_holds_on_lines_of_every_length),
        T(limits_from_slow_to_fast_are_kept),
        T(no_burst_exceeds_a_second_or_a_quarter_megabyte),
        T(many_streams_share_one_limit),
        T(a_small_stream_need_not_wait_for_the_large_ones),
        T(streams_nobody_reads_hold_up_no_others),
        T(unread_data_stays_within_the_window_that_memory_allows),
        T(packets_that_wait_leave_together),
        T(lost_packets_cost_nothing_of_the_limit),
        T(a_limit_that_nobody_reaches_changes_nothing),
        T(an_idle_session_does_not_wake_up_for_its_limit),
        T(datagrams_are_sent_at_the_rate_and_no_faster),
        T(datagrams_beyond_the_rate_are_dropped_and_counted),
        T(few_datagrams_are_not_lost_beside_a_transfer),
        T(many_datagrams_and_a_transfer_share_the_limit),
    };
    return cmocka_run_group_tests_name("quic_rate", tests, NULL, NULL);
}
