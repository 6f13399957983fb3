/* What sessions and streams hold while they are idle, and that they give it all back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <malloc.h>

#include "gateway/base/bytes.h"
#include "gateway/transport/quic_memory.h"
#include "tests/support/quic_stranger.h"

static struct quic_link link;

static size_t held(void)
{
    return mallinfo2().uordblks;
}

/* Sanitizers and valgrind have allocators of their own that count nothing. */
static bool cannot_count(void)
{
    size_t before = held();
    void *volatile p = malloc(1 << 20);
    bool blind = held() < before + (1 << 20) && mallinfo2().hblkhd == 0;
    free(p);
    return blind;
}

static void an_idle_session_holds_less_than_64_kib_on_each_side(void **state)
{
    enum { COUNT = 1000 };
    (void)state;
    if (cannot_count())
        skip();
    link_init(&link, 1, NULL);
    link_connect(&link);
    link_run(&link, SEC(1));
    size_t before = held();
    for (int i = 0; i < COUNT; i++) {
        (void)link_dial(&link);
        link_run(&link, MSEC(60));
    }
    assert_int_equal(link.side[1].connected, COUNT + 1);
    link_run(&link, SEC(1));
    size_t each = (held() - before) / COUNT / 2;
    print_message("%zu bytes\n", each);
    assert_true(each < 64 * 1024);

    /* And they cost no time: ten seconds pass in a few packets a session. */
    uint64_t packets = link.side[0].sent_packets;
    link_run(&link, SEC(10));
    assert_true(link.side[0].sent_packets - packets < 20 * COUNT);
    assert_int_equal(link.side[0].ended, 0);
    link_deinit(&link);
}

static void an_idle_stream_holds_less_than_4_kib_on_each_side(void **state)
{
    enum { COUNT = 5000 };
    (void)state;
    if (cannot_count())
        skip();
    link_init(&link, 2, NULL);
    link.side[1].mode = LINK_ECHO;
    link_connect(&link);
    (void)link_open(&link, 0, 3000, false);
    link_run(&link, SEC(1));
    size_t before = held();
    for (int i = 0; i < COUNT; i++) {
        (void)link_open(&link, 0, 3000, false);
        if (i % 50 == 0)
            link_run(&link, MSEC(100));
    }
    link_run(&link, SEC(5));
    size_t each = (held() - before) / COUNT / 2;
    print_message("%zu bytes\n", each);
    assert_true(each < 4 * 1024);
    /* The harness knows the last few only; the rest is given back with the session. */
    quic_close(link.side[0].conn, QUIC_CLOSE_DONE);
    link_run(&link, SEC(5));
    link_deinit(&link);
}

static void a_reader_that_never_reads_costs_three_windows_at_most(void **state)
{
    struct quic_options o = {.stream_window = 1 << 20, .connection_window = 8 << 20};
    (void)state;
    if (cannot_count())
        skip();
    link_init(&link, 3, &o);
    link.side[1].mode = LINK_HOLD;
    link_connect(&link);
    link_run(&link, SEC(1));
    size_t before = held();
    /* One packet's worth and a bit in each: the worst for pieces of fixed size. */
    for (int i = 0; i < 3000; i++) {
        (void)link_open(&link, 0, 2050, false);
        if (i % 20 == 0)
            link_run(&link, MSEC(100));
    }
    link_run(&link, SEC(10));
    assert_true(held() - before < 3 * (8 << 20) + 3000 * 4096);
    quic_close(link.side[0].conn, QUIC_CLOSE_DONE);
    link_run(&link, SEC(5));
    link_deinit(&link);
}

static void the_more_sessions_there_are_the_less_a_new_one_may_send_unread(void **state)
{
    enum { COUNT = 40 };
    (void)state;
    link_init(&link, 4, NULL);
    link.side[1].mode = LINK_HOLD;
    for (int i = 0; i < COUNT; i++) {
        link.side[0].connected = 0;
        (void)link_dial(&link);
        assert_true(link_run_until(&link, &link.side[0].connected, SEC(5)));
    }
    uint64_t before = link.side[1].got_bytes;
    for (int k = 0; k < 8; k++)
        (void)link_open(&link, 0, 4 << 20, false);
    link_run(&link, SEC(5));
    assert_in_range(link.side[1].got_bytes - before, 4 << 20, 10 << 20);
    link_deinit(&link);
}

/* ---- data with gaps ---- */

struct gaps {
    uint64_t stream, at;
    uint64_t last; /* offset in each stream */
};

/* STREAM frames (RFC 9000 §19.8) of one byte each, at every second offset. */
static void with_gaps(struct stranger *s, uint8_t *frames, size_t len)
{
    struct gaps *g = s->forge_arg;
    struct writer w = writer_over(frames, len);

    memset(frames, 0, len);
    while (w.left >= 12) {
        write_u8(&w, 0x0e); /* with offset and length */
        write_varint(&w, g->stream);
        write_varint(&w, g->at);
        write_u8(&w, 1);
        write_u8(&w, 'x');
        g->at += 2;
        if (g->at <= g->last)
            continue;
        g->stream += 4;
        g->at = 1;
    }
}

static void send_gaps(uint64_t last)
{
    static struct stranger stranger;
    struct gaps gaps = {.at = 1, .last = last};
    size_t peak = 0;

    link_init(&link, 5, NULL);
    stranger_init(&stranger, &link, &(struct stranger_options){0});
    stranger_run(&stranger, SEC(1));
    assert_true(stranger.confirmed);
    stranger.forge = with_gaps;
    stranger.forge_arg = &gaps;
    for (int i = 0; i < 100 && stranger.error == 0; i++) {
        stranger_forge(&stranger);
        stranger_run(&stranger, MSEC(5));
        if (peak < link.side[1].ep->memory)
            peak = link.side[1].ep->memory;
    }
    assert_int_equal(stranger.error, NGTCP2_ERR_DRAINING);
    assert_int_equal(stranger.close_code, NGTCP2_INTERNAL_ERROR);
    assert_int_equal(link.side[1].why.why, QUIC_END_ERROR);
    assert_string_equal(link.side[1].why.reason, "too much memory for data with gaps");
    assert_in_range(peak, 16 << 20, 70 << 20);
    assert_int_equal(link.side[1].ep->memory, 0);
    stranger_deinit(&stranger);
    link_deinit(&link);
}

static void many_gaps_in_many_streams_end_the_session(void **state)
{
    (void)state;
    send_gaps(8000);
}

static void one_gap_in_each_of_16384_streams_ends_the_session(void **state)
{
    (void)state;
    send_gaps(1);
}

static void a_caller_may_take_less_than_a_peer(void **state)
{
    struct quic_endpoint ep = {.connections = 1};
    struct quic_conn conn = {.ep = &ep, .memory = 1 << 20};
    (void)state;
    assert_true(quic_memory_is_too_much(&conn));
    conn.identified = true;
    assert_false(quic_memory_is_too_much(&conn));
}

static void when_all_take_much_none_may_take_more_than_its_part(void **state)
{
    struct quic_endpoint ep = {.connections = 15, .memory = 250 << 20};
    struct quic_conn much = {.ep = &ep, .identified = true, .memory = 17 << 20}, little = much;
    (void)state;
    little.memory = 15 << 20;
    assert_false(quic_memory_is_too_much(&much));
    ep.memory = 257 << 20;
    assert_true(quic_memory_is_too_much(&much));
    assert_false(quic_memory_is_too_much(&little));
    ep.connections = 1000;
    assert_true(quic_memory_is_too_much(&little));
    little.memory = 2 << 20;
    assert_false(quic_memory_is_too_much(&little));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_session_holds_less_than_64_kib_on_each_side),
        cmocka_unit_test(an_idle_stream_holds_less_than_4_kib_on_each_side),
        cmocka_unit_test(a_reader_that_never_reads_costs_three_windows_at_most),
        cmocka_unit_test(the_more_sessions_there_are_the_less_a_new_one_may_send_unread),
        cmocka_unit_test(many_gaps_in_many_streams_end_the_session),
        cmocka_unit_test(one_gap_in_each_of_16384_streams_ends_the_session),
        cmocka_unit_test(a_caller_may_take_less_than_a_peer),
        cmocka_unit_test(when_all_take_much_none_may_take_more_than_its_part),
    };
    return cmocka_run_group_tests_name("quic_memory", tests, NULL, NULL);
}
