/* Framing, pipelining, limits and idle clients, with an echo in place of answers. */
#include "dns/tcp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "dns/precheck.h"
#include "tests/support/fake_env.h"

struct harness {
    struct fake_env fake;
    struct tcp_server server;
    struct sock_listener *listener;
    unsigned queries, gone;
    size_t last_len;
    bool late;
    size_t answer_len; /* 0: echo */
    struct tcp_client *client;
};

static struct harness h;
static uint8_t big[70000];

static void on_query(void *arg, struct tcp_client *c, const uint8_t *query, size_t len)
{
    (void)arg;
    h.queries++;
    h.last_len = len;
    h.client = c;
    if (h.late && tcp_expect(c))
        return;
    if (h.answer_len > 0)
        tcp_answer(c, big, h.answer_len);
    else
        tcp_answer(c, query, len);
}

static void on_gone(void *arg, struct tcp_client *c)
{
    (void)arg;
    (void)c;
    h.gone++;
}

static int build(void **state)
{
    static const struct tcp_handler handler = {on_query, on_gone};
    struct addr local = addr_loopback(false, 5354);
    (void)state;
    memset(&h, 0, sizeof(h));
    fake_env_init(&h.fake);
    tcp_server_init(&h.server, &h.fake.env, &handler, NULL);
    assert_int_equal(tcp_server_listen(&h.server, &local), 0);
    h.listener = fake_listener_on(&h.fake, 5354);
    assert_non_null(h.listener);
    return 0;
}

static int end(void **state)
{
    (void)state;
    tcp_server_deinit(&h.server);
    fake_env_deinit(&h.fake);
    return 0;
}

static struct sock *client(void)
{
    struct addr from = addr_loopback(false, 40000);
    struct sock *s = fake_accept(&h.fake, h.listener, &from);
    fake_env_settle(&h.fake);
    return s;
}

static void say(struct sock *s, const void *data, size_t len)
{
    fake_sock_says(s, data, len);
    fake_env_settle(&h.fake);
}

static void expect(struct sock *s, const void *data, size_t len)
{
    static uint8_t heard[70000];
    assert_int_equal(fake_sock_heard(s, heard, sizeof(heard)), len);
    assert_memory_equal(heard, data, len);
}

static void messages_are_answered_with_their_length(void **state)
{
    (void)state;
    struct sock *s = client();
    say(s, "\0\5hello", 7);
    expect(s, "\0\5hello", 7);
}

static void messages_may_come_byte_by_byte(void **state)
{
    (void)state;
    struct sock *s = client();
    static const char message[] = "\0\5hello";
    for (size_t i = 0; i < 6; i++)
        say(s, message + i, 1);
    assert_int_equal(h.queries, 0);
    say(s, "o", 1);
    expect(s, "\0\5hello", 7);
}

static void many_questions_may_come_at_once(void **state)
{
    (void)state;
    struct sock *s = client();
    uint8_t many[1000 * 7];
    for (size_t i = 0; i < 1000; i++)
        memcpy(many + i * 7, "\0\5hello", 7);
    say(s, many, sizeof(many));
    assert_int_equal(h.queries, 1000);
    expect(s, many, sizeof(many));
}

static void what_is_too_long_is_answered_by_its_header_and_skipped(void **state)
{
    (void)state;
    struct sock *s = client();
    memset(big, 'x', sizeof(big));
    big[0] = big[1] = 0xff;
    say(s, big, 2 + 65535);
    assert_int_equal(h.queries, 1);
    assert_int_equal(h.last_len, DNS_HEADER_LEN);
    say(s, "\0\5hello", 7); /* the next one is understood */
    assert_int_equal(h.queries, 2);
    expect(s, "\0\14xxxxxxxxxxxx\0\5hello", 2 + 12 + 7);

    big[0] = DNS_QUERY_MAX >> 8;
    big[1] = DNS_QUERY_MAX & 0xff;
    say(s, big, 2 + DNS_QUERY_MAX);
    assert_int_equal(h.last_len, DNS_QUERY_MAX);
}

static void empty_messages_are_messages(void **state)
{
    (void)state;
    struct sock *s = client();
    say(s, "\0\0\0\0", 4);
    assert_int_equal(h.queries, 2);
}

static void who_reads_nothing_is_not_read(void **state)
{
    (void)state;
    struct sock *s = client();
    h.answer_len = 1232;
    fake_sock_room(s, 0);
    uint8_t many[1000 * 7];
    for (size_t i = 0; i < 1000; i++)
        memcpy(many + i * 7, "\0\5hello", 7);
    say(s, many, sizeof(many));
    assert_true(h.queries < 20);
    fake_sock_room(s, SIZE_MAX);
    fake_env_settle(&h.fake);
    assert_int_equal(h.queries, 1000);
}

static void the_longest_answer_fits(void **state)
{
    (void)state;
    struct sock *s = client();
    h.answer_len = TCP_ANSWER_MAX;
    say(s, "\0\1x", 3);
    static uint8_t heard[70000];
    assert_int_equal(fake_sock_heard(s, heard, sizeof(heard)), 2 + 65535);
    assert_memory_equal(heard, "\xff\xff", 2);
}

static void silence_for_5_s_ends_a_connection(void **state)
{
    (void)state;
    struct sock *s = client();
    fake_env_advance(&h.fake, SEC(4));
    say(s, "\0\1x", 3);
    fake_env_advance(&h.fake, SEC(5) - 1);
    assert_false(fake_sock_closed(s));
    fake_env_advance(&h.fake, 1);
    assert_true(fake_sock_closed(s));
    assert_int_equal(h.gone, 1);
}

static void dribbling_is_silence(void **state)
{
    (void)state;
    struct sock *s = client();
    for (unsigned i = 0; i < 5; i++) {
        say(s, i == 0 ? "\1" : "x", 1);
        fake_env_advance(&h.fake, SEC(1));
    }
    assert_true(fake_sock_closed(s));
}

static void the_end_is_waited_for_with_the_answers(void **state)
{
    (void)state;
    struct sock *s = client();
    h.late = true;
    say(s, "\0\5hello", 7);
    fake_sock_ends(s);
    fake_env_settle(&h.fake);
    assert_false(fake_sock_closed(s));
    tcp_answer_late(h.client, (const uint8_t *)"late", 4);
    fake_env_settle(&h.fake);
    expect(s, "\0\4late", 6);
    assert_true(fake_sock_closed(s));
}

static void a_client_has_few_questions_open(void **state)
{
    (void)state;
    struct sock *s = client();
    h.late = true;
    for (unsigned i = 0; i < 10; i++)
        say(s, "\0\1x", 3);
    assert_int_equal(h.queries, 4);
    tcp_answer_late(h.client, (const uint8_t *)"y", 1);
    fake_env_settle(&h.fake);
    assert_int_equal(h.queries, 5);
    expect(s, "\0\1y", 3);
}

static void newcomers_take_the_place_of_the_most_silent(void **state)
{
    (void)state;
    struct sock *first = client(), *second = client(), *last = NULL;
    fake_env_advance(&h.fake, SEC(1));
    say(first, "\0\1x", 3);
    for (unsigned i = 2; i <= TCP_CLIENTS_MAX; i++)
        last = client();
    assert_int_equal(h.gone, 1);
    assert_true(fake_sock_closed(second));
    assert_false(fake_sock_closed(first));
    say(last, "\0\1x", 3);
    expect(last, "\0\1x", 3);
}

static void strangers_are_shown_the_door(void **state)
{
    (void)state;
    struct addr from;
    assert_int_equal(addr_parse(&from, "192.0.2.1:4000"), 0);
    struct sock *s = fake_accept(&h.fake, h.listener, &from);
    assert_true(fake_sock_was_reset(s));
    assert_int_equal(h.gone, 0);
}

static void a_broken_connection_is_forgotten(void **state)
{
    (void)state;
    struct sock *s = client();
    fake_sock_fails(s, -ECONNRESET);
    fake_env_settle(&h.fake);
    assert_true(fake_sock_closed(s));
    assert_int_equal(h.gone, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, build, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(messages_are_answered_with_their_length),
        TEST(messages_may_come_byte_by_byte),
        TEST(many_questions_may_come_at_once),
        TEST(what_is_too_long_is_answered_by_its_header_and_skipped),
        TEST(empty_messages_are_messages),
        TEST(who_reads_nothing_is_not_read),
        TEST(the_longest_answer_fits),
        TEST(silence_for_5_s_ends_a_connection),
        TEST(dribbling_is_silence),
        TEST(the_end_is_waited_for_with_the_answers),
        TEST(a_client_has_few_questions_open),
        TEST(newcomers_take_the_place_of_the_most_silent),
        TEST(strangers_are_shown_the_door),
        TEST(a_broken_connection_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
