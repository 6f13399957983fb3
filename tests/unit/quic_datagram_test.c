/* Application datagrams of a session, and the short queues they wait in. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/quic_link.h"

static struct quic_link link;
static uint8_t bytes[2000];

static int setup(void **state)
{
    (void)state;
    memset(bytes, 0x33, sizeof(bytes));
    link_init(&link, 1, NULL);
    link_connect(&link);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    link_deinit(&link);
    return 0;
}

static void datagrams_of_every_size_arrive_whole(void **state)
{
    (void)state;
    for (size_t len = 1; len <= QUIC_DATAGRAM_MAX; len += len < 1140 ? 17 : 1) {
        unsigned before = link.side[1].datagrams;
        assert_int_equal(quic_send_datagram(link.side[0].conn, bytes, len), 0);
        link_run(&link, MSEC(30));
        assert_int_equal(link.side[1].datagrams, before + 1);
        assert_int_equal(link.side[1].datagram_len, len);
    }
    assert_memory_equal(link.side[1].datagram, bytes, QUIC_DATAGRAM_MAX);
}

static void sizes_that_fit_no_packet_are_refused(void **state)
{
    (void)state;
    assert_int_equal(quic_send_datagram(link.side[0].conn, bytes, 0), -EMSGSIZE);
    assert_int_equal(quic_send_datagram(link.side[0].conn, bytes, QUIC_DATAGRAM_MAX + 1),
                     -EMSGSIZE);
    link_run(&link, SEC(1));
    assert_int_equal(link.side[1].datagrams, 0);
}

static void a_full_queue_drops_and_empties_again(void **state)
{
    int sent = 0;
    (void)state;
    while (quic_send_datagram(link.side[0].conn, bytes, 1000) == 0)
        sent++;
    assert_in_range(sent, 64, 1024);
    assert_int_equal(quic_send_datagram(link.side[0].conn, bytes, 1000), -ENOBUFS);
    link_run(&link, SEC(2));
    assert_int_equal(link.side[1].datagrams, sent);
    assert_int_equal(quic_send_datagram(link.side[0].conn, bytes, 1000), 0);
}

static struct quic_dropped dropped(void)
{
    struct quic_conn_info info;
    quic_conn_info(link.side[0].conn, &info);
    return info.dropped;
}

/* A line of 1 Mbit/s whose own queue holds 50 ms. */
static bool slow_line(struct quic_link *l, int from, uint8_t *data, size_t *len)
{
    (void)data;
    (void)len;
    return l->busy_until[from] < l->now + MSEC(50);
}

static void what_waits_for_a_slow_line_is_dropped_when_it_is_late(void **state)
{
    instant worst = 0;
    unsigned sent = 0;
    (void)state;
    link.bytes_ms = 125;
    link.filter = slow_line;
    for (int i = 0; i < 10000; i++) { /* eight times what fits */
        memcpy(bytes, &link.now, sizeof(link.now));
        sent += quic_send_datagram(link.side[0].conn, bytes, 1000) == 0;
        link_run(&link, MSEC(1));
        instant then = link.now;
        if (link.side[1].datagrams > 0)
            memcpy(&then, link.side[1].datagram, sizeof(then));
        worst = link.now - then > worst && i > 1000 ? link.now - then : worst;
    }
    /* 150 ms here, 50 on the line, 10 to go, and those between two arrivals. */
    assert_in_range(worst, MSEC(50), MSEC(240));
    assert_in_range(link.side[1].datagrams, 900, 1250);
    assert_in_range(dropped().late, 7000, 9000);
    assert_int_equal(sent, 10000);
    assert_int_equal(dropped().full, 0);
    unsigned before = link.side[1].datagrams;
    link_run(&link, MSEC(220));
    unsigned after = link.side[1].datagrams;
    assert_true(after > before);
    link_run(&link, SEC(5));
    assert_int_equal(link.side[1].datagrams, after);
}

static void a_datagram_after_a_long_silence_is_not_late(void **state)
{
    (void)state;
    link_run(&link, SEC(9)); /* the endpoint's own clock stands still meanwhile */
    assert_int_equal(quic_send_datagram(link.side[0].conn, bytes, 100), 0);
    link.now += MSEC(140);
    link_run(&link, MSEC(20));
    assert_int_equal(link.side[1].datagrams, 1);
    assert_int_equal(dropped().late, 0);
}

static void a_queue_full_of_late_ones_has_room_for_new_ones(void **state)
{
    (void)state;
    link.side[1].deaf = true; /* no acknowledgements: the window fills */
    for (int i = 0; i < 100; i++)
        assert_int_equal(quic_send_datagram(link.side[0].conn, bytes, 1000), 0);
    link_run(&link, MSEC(15));
    while (quic_send_datagram(link.side[0].conn, bytes, 1000) == 0)
        ;
    assert_int_equal(dropped().full, 1);
    assert_int_equal(dropped().late, 0);
    link_flush(&link, 0);
    link.now += MSEC(160);
    quic_dispatch(link.side[0].ep, link.now); /* no turn to send yet */
    assert_int_equal(quic_send_datagram(link.side[0].conn, bytes, 1000), 0);
    assert_true(dropped().late > 50);
    link.side[1].deaf = false;
    unsigned before = link.side[1].datagrams;
    link_run(&link, SEC(3));
    assert_in_range(link.side[1].datagrams - before, 0, 30);
}

static void datagrams_and_streams_take_turns(void **state)
{
    (void)state;
    link.bytes_ms = 1000;
    struct link_stream *s = link_open(&link, 0, 1 << 20, false);
    for (int i = 0; i < 2000; i++) {
        (void)!quic_send_datagram(link.side[0].conn, bytes, 1000);
        link_run(&link, MSEC(1));
    }
    assert_int_equal(s->reset, -1);
    assert_in_range(link.side[1].datagrams, 500, 1500);
    assert_in_range(link.side[1].stream[0].received, 500000, 1500000);
}

static void a_datagram_comes_after_the_stream_that_it_belongs_to(void **state)
{
    (void)state;
    (void)link_open(&link, 0, 10, false);
    assert_int_equal(quic_send_datagram(link.side[0].conn, bytes, 100), 0);
    link_run(&link, MSEC(11));
    assert_int_equal(link.side[1].streams, 1);
    assert_int_equal(link.side[1].datagrams, 1);
}

static void a_session_not_yet_or_no_longer_there_takes_none(void **state)
{
    (void)state;
    struct quic_conn *conn = link_dial(&link);
    assert_int_equal(quic_send_datagram(conn, bytes, 10), -EOPNOTSUPP);
    quic_close(conn, QUIC_CLOSE_DONE);
    assert_int_equal(quic_send_datagram(conn, bytes, 10), -EOPNOTSUPP);
}

static void datagrams_in_flight_when_a_session_ends_are_gone(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++)
        assert_int_equal(quic_send_datagram(link.side[0].conn, bytes, 1000), 0);
    link_flush(&link, 0);
    link.now += MSEC(10);
    while (link.first) { /* all arrive in one go, and then it is closed */
        struct link_packet *p = link.first;
        link.first = p->next;
        link_inject(&link, 1, &p->from, p->data, p->len);
        free(p);
    }
    quic_close(link.side[1].conn, QUIC_CLOSE_DONE);
    link_run(&link, SEC(1));
    assert_int_equal(link.side[1].datagrams, 0);
    assert_int_equal(link.side[1].ended, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(datagrams_of_every_size_arrive_whole),
        T(sizes_that_fit_no_packet_are_refused),
        T(a_full_queue_drops_and_empties_again),
        T(what_waits_for_a_slow_line_is_dropped_when_it_is_late),
        T(a_datagram_after_a_long_silence_is_not_late),
        T(a_queue_full_of_late_ones_has_room_for_new_ones),
        T(datagrams_and_streams_take_turns),
        T(a_datagram_comes_after_the_stream_that_it_belongs_to),
        T(a_session_not_yet_or_no_longer_there_takes_none),
        T(datagrams_in_flight_when_a_session_ends_are_gone),
    };
    return cmocka_run_group_tests_name("quic_datagram", tests, NULL, NULL);
}
