/* What sessions and streams hold while they are idle, and that they give it all back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <malloc.h>

#include "tests/support/quic_link.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_session_holds_less_than_64_kib_on_each_side),
        cmocka_unit_test(an_idle_stream_holds_less_than_4_kib_on_each_side),
        cmocka_unit_test(a_reader_that_never_reads_costs_three_windows_at_most),
        cmocka_unit_test(the_more_sessions_there_are_the_less_a_new_one_may_send_unread),
    };
    return cmocka_run_group_tests_name("quic_memory", tests, NULL, NULL);
}
