/* Streams of a session as pipes: exact bytes, ends, resets, back-pressure, limits, fairness. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/quic_link.h"

static struct quic_link link;

static int teardown(void **state)
{
    (void)state;
    link_deinit(&link);
    return 0;
}

static void start(uint64_t seed, enum link_mode mode, const struct quic_options *options)
{
    link_init(&link, seed, options);
    link.side[1].mode = mode;
    link_connect(&link);
}

static const struct pipe_ops *ops_of(const struct link_stream *s)
{
    return s->pipe->ops;
}

/* The stream of the other side that was opened last. */
static struct link_stream *theirs(void)
{
    assert_true(link.side[1].streams > 0);
    return &link.side[1].stream[(link.side[1].streams - 1) % LINK_STREAMS];
}

static void give_back(struct link_stream *s)
{
    ops_of(s)->close(s->pipe);
    s->pipe = NULL;
}

static void carries_a_megabyte_and_its_echo(void **state)
{
    (void)state;
    start(2, LINK_ECHO, NULL);
    struct link_stream *s = link_open(&link, 0, 1 << 20, true);
    link_run(&link, SEC(20));
    assert_int_equal(s->received, 1 << 20);
    assert_true(s->ended && !s->wrong);
    assert_true(ops_of(s)->drained(s->pipe));
    give_back(s);
    link_run(&link, SEC(1));
    struct quic_conn_info info;
    quic_conn_info(link.side[0].conn, &info);
    assert_int_equal(info.streams, 0);
    quic_conn_info(link.side[1].conn, &info);
    assert_int_equal(info.streams, 0);
}

static void delivers_exact_bytes_although_a_tenth_is_lost(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        start(seed, LINK_ECHO, NULL);
        link.loss = 100;
        struct link_stream *a = link_open(&link, 0, 300000, true);
        struct link_stream *b = link_open(&link, 0, 1, true);
        struct link_stream *c = link_open(&link, 0, 70000, true);
        link_run(&link, SEC(120));
        assert_int_equal(a->received, 300000);
        assert_int_equal(b->received, 1);
        assert_int_equal(c->received, 70000);
        assert_true(a->ended && b->ended && c->ended);
        assert_false(a->wrong || b->wrong || c->wrong);
        assert_true(ops_of(a)->drained(a->pipe));
        link_deinit(&link);
    }
    link_init(&link, 1, NULL);
}

static void a_stream_without_a_byte_is_announced(void **state)
{
    (void)state;
    start(3, LINK_READ, NULL);
    struct link_stream *s = link_open(&link, 0, 0, false);
    link_run(&link, MSEC(20));
    assert_int_equal(link.side[1].streams, 1);
    assert_int_equal(quic_stream_id(theirs()->pipe), quic_stream_id(s->pipe));
    assert_ptr_equal(quic_stream_conn(theirs()->pipe), link.side[1].conn);
    /* The other side may be the one who speaks first. */
    theirs()->to_write = 100;
    link_write(theirs());
    link_run(&link, MSEC(20));
    assert_int_equal(s->received, 100);
}

static void an_empty_stream_can_be_finished_and_read_to_its_end(void **state)
{
    (void)state;
    start(3, LINK_ECHO, NULL);
    struct link_stream *s = link_open(&link, 0, 0, true);
    assert_false(ops_of(s)->drained(s->pipe));
    link_run(&link, SEC(1));
    assert_true(s->ended);
    assert_true(ops_of(s)->drained(s->pipe));
    assert_int_equal(s->received, 0);
}

static void one_direction_may_end_long_before_the_other(void **state)
{
    (void)state;
    start(4, LINK_READ, NULL);
    struct link_stream *s = link_open(&link, 0, 1000, true);
    link_run(&link, SEC(20));
    assert_true(theirs()->ended);
    assert_false(s->ended);
    theirs()->to_write = 50000;
    theirs()->finish_after = true;
    link_write(theirs());
    link_run(&link, SEC(1));
    assert_int_equal(s->received, 50000);
    assert_true(s->ended);
}

static void what_was_written_before_close_arrives(void **state)
{
    (void)state;
    start(5, LINK_READ, NULL);
    link.loss = 50;
    struct link_stream *s = link_open(&link, 0, 200000, true);
    link_run(&link, MSEC(50));
    theirs()->finish_after = true;
    link_write(theirs());
    link_run(&link, SEC(2));
    assert_true(s->ended);
    give_back(s);
    link_run(&link, SEC(20));
    assert_int_equal(theirs()->received, 200000);
    assert_true(theirs()->ended);
    assert_int_equal(theirs()->reset, -1);
}

static void a_reset_reaches_the_other_side_with_its_reason(void **state)
{
    (void)state;
    start(6, LINK_HOLD, NULL);
    struct link_stream *s = link_open(&link, 0, 10000, false);
    link_run(&link, SEC(1));
    ops_of(s)->reset(s->pipe, PIPE_RESET_REFUSED);
    s->pipe = NULL;
    link_run(&link, SEC(1));
    assert_int_equal(theirs()->reset, PIPE_RESET_REFUSED);

    s = link_open(&link, 0, 10000, false);
    link_run(&link, SEC(1));
    ops_of(theirs())->reset(theirs()->pipe, PIPE_RESET_ABORTED);
    theirs()->pipe = NULL;
    link_run(&link, SEC(1));
    assert_int_equal(s->reset, PIPE_RESET_ABORTED);
    struct quic_conn_info info;
    quic_conn_info(link.side[0].conn, &info);
    assert_int_equal(info.streams, 0);
}

static uint8_t caught[QUIC_PAYLOAD];
static size_t caught_len;

static bool catch_first(struct quic_link *l, int from, uint8_t *data, size_t *len)
{
    (void)l;
    if (from != 0 || caught_len > 0)
        return true;
    memcpy(caught, data, *len);
    caught_len = *len;
    return false;
}

/* The owner of a pipe may look at it between a packet and the news of it. */
static void a_reset_is_no_end_of_data_before_it_is_told_either(void **state)
{
    (void)state;
    start(61, LINK_READ, NULL);
    struct link_stream *s = link_open(&link, 0, 1000, false);
    link_run(&link, SEC(1));
    ops_of(s)->reset(s->pipe, PIPE_RESET_ABORTED);
    s->pipe = NULL;
    caught_len = 0;
    link.filter = catch_first;
    link_flush(&link, 0);
    assert_true(caught_len > 0);
    link_inject(&link, 1, &link.side[0].addr, caught, caught_len);
    assert_int_equal(theirs()->reset, -1);
    assert_false(ops_of(theirs())->at_end(theirs()->pipe));
    link_run(&link, SEC(1));
    assert_int_equal(theirs()->reset, PIPE_RESET_ABORTED);
}

static void nor_is_a_lost_session_for_who_has_not_read_all(void **state)
{
    (void)state;
    start(62, LINK_HOLD, NULL);
    (void)link_open(&link, 0, 1000, true);
    link_run(&link, SEC(1));
    quic_close(link.side[1].conn, QUIC_CLOSE_DONE);
    assert_int_equal(theirs()->reset, -1);
    assert_false(ops_of(theirs())->at_end(theirs()->pipe));
}

static void a_reset_gives_back_the_windows(void **state)
{
    struct quic_options o = {.stream_window = 100000, .connection_window = 150000};
    (void)state;
    start(7, LINK_HOLD, &o);
    for (int i = 0; i < 20; i++) {
        struct link_stream *s = link_open(&link, 0, 100000, false);
        link_run(&link, SEC(1));
        assert_int_equal(s->reset, -1);
        ops_of(i % 2 ? s : theirs())->reset(i % 2 ? s->pipe : theirs()->pipe, PIPE_RESET_ABORTED);
        (i % 2 ? s : theirs())->pipe = NULL;
        link_run(&link, SEC(1));
    }
    link.side[1].mode = LINK_READ;
    struct link_stream *s = link_open(&link, 0, 120000, true);
    link_run(&link, SEC(5));
    assert_int_equal(theirs()->received, 120000);
    assert_int_equal(s->reset, -1);
}

static void closing_without_reading_stops_the_writer(void **state)
{
    (void)state;
    start(8, LINK_HOLD, NULL);
    struct link_stream *s = link_open(&link, 0, 10 << 20, false);
    link_run(&link, SEC(1));
    ops_of(theirs())->finish(theirs()->pipe);
    give_back(theirs());
    link_run(&link, SEC(1));
    assert_int_equal(s->reset, PIPE_RESET_ABORTED);
}

static void an_answer_is_still_read_when_the_rest_of_the_question_is_not_wanted(void **state)
{
    (void)state;
    start(9, LINK_HOLD, NULL);
    struct link_stream *s = link_open(&link, 0, 10 << 20, false);
    s->mode = LINK_HOLD;
    link_run(&link, SEC(1));
    theirs()->to_write = 5000;
    theirs()->finish_after = true;
    link_write(theirs());
    give_back(theirs());
    link_run(&link, SEC(1));
    assert_int_equal(s->reset, -1);
    s->mode = LINK_READ;
    link_read(s);
    assert_int_equal(s->received, 5000);
    link_run(&link, SEC(1));
    assert_int_equal(s->reset, PIPE_RESET_ABORTED);
}

static void a_reader_that_never_reads_stops_the_writer_within_the_window(void **state)
{
    struct quic_options o = {.stream_window = 1 << 20, .send_buffer = 256 << 10};
    (void)state;
    start(10, LINK_HOLD, &o);
    struct link_stream *s = link_open(&link, 0, 100 << 20, false);
    link_run(&link, SEC(30));
    uint64_t written = s->written, sent = link.side[0].sent_bytes;
    assert_in_range(written, 1 << 20, (1 << 20) + (256 << 10));
    link_run(&link, SEC(60));
    assert_int_equal(s->written, written);
    assert_true(link.side[0].sent_bytes < sent + 20000);
    /* As soon as it reads, it goes on. */
    theirs()->mode = LINK_READ;
    link_read(theirs());
    link_run(&link, SEC(60));
    assert_int_equal(theirs()->received, 100 << 20);
    assert_false(theirs()->wrong);
}

static void readers_that_never_read_leave_the_others_alone(void **state)
{
    struct quic_options o = {.stream_window = 64 << 10};
    (void)state;
    start(11, LINK_HOLD, &o);
    for (int i = 0; i < 20; i++)
        (void)link_open(&link, 0, 10 << 20, false);
    link_run(&link, SEC(5));
    link.side[1].mode = LINK_READ;
    (void)link_open(&link, 0, 200000, true);
    link_run(&link, SEC(5));
    assert_int_equal(theirs()->received, 200000);
}

static void a_full_connection_window_opens_again(void **state)
{
    struct quic_options o = {.stream_window = 1 << 20, .connection_window = 1 << 20};
    (void)state;
    start(12, LINK_HOLD, &o);
    struct link_stream *s[3];
    for (int i = 0; i < 3; i++)
        s[i] = link_open(&link, 0, 1 << 20, true);
    link_run(&link, SEC(10));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++) {
            link.side[1].stream[i].mode = LINK_READ;
            link_read(&link.side[1].stream[i]);
        }
        link_run(&link, SEC(5));
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(link.side[1].stream[i].received, 1 << 20);
        assert_int_equal(s[i]->reset, -1);
    }
}

static void opening_beyond_the_limit_says_to_try_again(void **state)
{
    struct quic_options o = {.streams_per_peer = 10};
    struct pipe *pipe;
    (void)state;
    start(13, LINK_ECHO, &o);
    for (int i = 0; i < 10; i++)
        (void)link_open(&link, 0, 10, false);
    assert_int_equal(quic_open_stream(link.side[0].conn, &pipe), -EAGAIN);
    link_run(&link, SEC(1));
    assert_int_equal(quic_open_stream(link.side[0].conn, &pipe), -EAGAIN);
    struct link_stream *s = &link.side[0].stream[3];
    ops_of(s)->reset(s->pipe, PIPE_RESET_ABORTED);
    s->pipe = NULL;
    link_run(&link, SEC(1));
    (void)link_open(&link, 0, 10, false);
    assert_int_equal(quic_open_stream(link.side[0].conn, &pipe), -EAGAIN);
}

static void thousands_of_short_streams_come_and_go(void **state)
{
    (void)state;
    start(14, LINK_ECHO, NULL);
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 50; i++)
            link_open(&link, 0, 1000, true)->close_at_end = true;
        link_run(&link, MSEC(200));
    }
    assert_int_equal(link.side[1].streams, 5000);
    for (int i = 0; i < 5000; i++) {
        assert_true(link.side[0].stream[i].ended);
        assert_false(link.side[0].stream[i].wrong);
    }
}

static void many_small_streams_share_packets(void **state)
{
    (void)state;
    start(15, LINK_READ, NULL);
    link_run(&link, SEC(1));
    uint64_t before = link.side[0].sent_packets;
    for (int i = 0; i < 50; i++)
        (void)link_open(&link, 0, 10, true);
    link_flush(&link, 0);
    assert_true(link.side[0].sent_packets - before <= 2);
}

static void a_short_stream_does_not_wait_for_long_ones(void **state)
{
    (void)state;
    start(16, LINK_READ, NULL);
    link.bytes_ms = 1000; /* 8 Mbit/s */
    for (int i = 0; i < 8; i++)
        (void)link_open(&link, 0, 4 << 20, false);
    link_run(&link, SEC(5));
    unsigned before = link.side[1].streams;
    (void)link_open(&link, 0, 500, true);
    link_run(&link, MSEC(1200));
    assert_int_equal(link.side[1].streams, before + 1);
    assert_true(theirs()->ended);
}

static void streams_share_the_link_evenly(void **state)
{
    (void)state;
    start(17, LINK_READ, NULL);
    link.bytes_ms = 5000;
    for (int i = 0; i < 4; i++)
        (void)link_open(&link, 0, 100 << 20, false);
    link_run(&link, SEC(10));
    uint64_t least = UINT64_MAX, most = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t got = link.side[1].stream[i].received;
        least = got < least ? got : least;
        most = got > most ? got : most;
    }
    assert_true(least > 1 << 20);
    assert_true(most - least < 512 << 10);
}

static void fills_a_slow_link_with_a_short_queue(void **state)
{
    (void)state;
    start(18, LINK_READ, NULL);
    link.bytes_ms = 6250; /* 50 Mbit/s */
    (void)link_open(&link, 0, 100 << 20, false);
    link_run(&link, SEC(10));
    assert_true(theirs()->received > 50 << 20);
}

static void a_session_that_is_lost_resets_its_pipes(void **state)
{
    (void)state;
    start(19, LINK_HOLD, NULL);
    struct link_stream *s = link_open(&link, 0, 10000, false);
    link_run(&link, SEC(1));
    quic_close(link.side[1].conn, QUIC_CLOSE_DONE);
    link_run(&link, SEC(1));
    assert_int_equal(s->reset, PIPE_RESET_SESSION_LOST);
    assert_int_equal(link.side[1].stream[0].reset, PIPE_RESET_SESSION_LOST);
}

static void pipes_are_not_opened_on_a_session_that_is_not_there(void **state)
{
    struct pipe *pipe;
    (void)state;
    link_init(&link, 20, NULL);
    struct quic_conn *conn = link_dial(&link);
    assert_int_equal(quic_open_stream(conn, &pipe), -ENOTCONN);
    link_run(&link, SEC(1));
    quic_close(conn, QUIC_CLOSE_DONE);
    assert_int_equal(quic_open_stream(conn, &pipe), -ENOTCONN);
}

#define T(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(carries_a_megabyte_and_its_echo),
        T(delivers_exact_bytes_although_a_tenth_is_lost),
        T(a_stream_without_a_byte_is_announced),
        T(an_empty_stream_can_be_finished_and_read_to_its_end),
        T(one_direction_may_end_long_before_the_other),
        T(what_was_written_before_close_arrives),
        T(a_reset_reaches_the_other_side_with_its_reason),
        T(a_reset_is_no_end_of_data_before_it_is_told_either),
        T(nor_is_a_lost_session_for_who_has_not_read_all),
        T(a_reset_gives_back_the_windows),
        T(closing_without_reading_stops_the_writer),
        T(an_answer_is_still_read_when_the_rest_of_the_question_is_not_wanted),
        T(a_reader_that_never_reads_stops_the_writer_within_the_window),
        T(readers_that_never_read_leave_the_others_alone),
        T(a_full_connection_window_opens_again),
        T(opening_beyond_the_limit_says_to_try_again),
        T(thousands_of_short_streams_come_and_go),
        T(many_small_streams_share_packets),
        T(a_short_stream_does_not_wait_for_long_ones),
        T(streams_share_the_link_evenly),
        T(fills_a_slow_link_with_a_short_queue),
        T(a_session_that_is_lost_resets_its_pipes),
        T(pipes_are_not_opened_on_a_session_that_is_not_there),
    };
    return cmocka_run_group_tests_name("quic_stream", tests, NULL, NULL);
}
