/* One HTTP request to a router that may be slow, endless, broken or hostile. */
#include "gateway/nat/igd_call.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_env.h"

static const char REQUEST[] = "GET / HTTP/1.1\r\n\r\n";

struct world {
    struct fake_env fake;
    struct igd_call call;
    unsigned told, status;
    char body[128];
    size_t len;
};

static void on_done(struct igd_call *c, unsigned status, const uint8_t *body, size_t len)
{
    struct world *w = container_of(c, struct world, call);

    w->told++;
    w->status = status;
    w->len = len;
    if (len > 0)
        memcpy(w->body, body, len < sizeof(w->body) - 1 ? len : sizeof(w->body) - 1);
}

static int start(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct addr to;

    fake_env_init(&w->fake);
    w->call.done = on_done;
    assert_int_equal(addr_parse(&to, "192.0.2.1:5000"), 0);
    assert_int_equal(igd_call_start(&w->call, &w->fake.env, &to, REQUEST, strlen(REQUEST)), 0);
    *state = w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;

    igd_call_cancel(&w->call);
    fake_env_deinit(&w->fake);
    free(w);
    return 0;
}

static struct sock *connected(struct world *w)
{
    struct sock *s = fake_last_connect(&w->fake);
    fake_sock_connected(s, 0);
    fake_env_settle(&w->fake);
    return s;
}

static void says(struct world *w, struct sock *s, const char *text)
{
    fake_sock_says(s, text, strlen(text));
    fake_env_settle(&w->fake);
}

static void an_answer_of_known_length_ends_the_call(void **state)
{
    struct world *w = *state;
    struct sock *s = connected(w);
    char heard[64] = "";

    assert_int_equal(fake_sock_heard(s, heard, sizeof(heard)), strlen(REQUEST));
    assert_string_equal(heard, REQUEST);
    says(w, s, "HTTP/1.1 200 OK\r\nContent-Len");
    says(w, s, "gth: 5\r\n\r\nhel");
    assert_int_equal(w->told, 0);
    says(w, s, "lo");
    assert_int_equal(w->told, 1);
    assert_int_equal(w->status, 200);
    assert_string_equal(w->body, "hello");
    assert_true(fake_sock_closed(s));
}

static void an_answer_in_chunks_is_put_together(void **state)
{
    struct world *w = *state;
    struct sock *s = connected(w);

    says(w, s, "HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n");
    assert_int_equal(w->told, 0);
    says(w, s, "0\r\n\r\n");
    assert_int_equal(w->status, 500);
    assert_string_equal(w->body, "hello");
}

static void an_answer_may_end_with_the_connection(void **state)
{
    struct world *w = *state;
    struct sock *s = connected(w);

    says(w, s, "HTTP/1.0 200 OK\r\n\r\nhello");
    assert_int_equal(w->told, 0);
    fake_sock_ends(s);
    fake_env_settle(&w->fake);
    assert_int_equal(w->status, 200);
    assert_string_equal(w->body, "hello");
}

static void a_router_that_promised_more_than_it_sends_is_forgiven(void **state)
{
    struct world *w = *state;
    struct sock *s = connected(w);

    says(w, s, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
    fake_sock_ends(s);
    fake_env_settle(&w->fake);
    assert_int_equal(w->status, 200);
    assert_string_equal(w->body, "hello");
}

static void a_gigabyte_is_not_taken(void **state)
{
    struct world *w = *state;
    struct sock *s = connected(w);

    says(w, s, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\nx");
    assert_int_equal(w->told, 1);
    assert_int_equal(w->status, 0);
}

static void a_body_without_an_end_is_cut_off(void **state)
{
    struct world *w = *state;
    struct sock *s = connected(w);
    char kib[1025];

    memset(kib, 'x', sizeof(kib) - 1);
    kib[1024] = '\0';
    says(w, s, "HTTP/1.1 200 OK\r\n\r\n");
    for (unsigned i = 0; i < 64 && w->told == 0; i++)
        says(w, s, kib);
    assert_int_equal(w->told, 1);
    assert_int_equal(w->status, 0);
}

static void a_slow_dribble_ends_after_4_s(void **state)
{
    struct world *w = *state;
    struct sock *s = connected(w);

    says(w, s, "HTTP/1.1 200 OK\r\nX: ");
    for (unsigned i = 0; i < 39; i++) {
        fake_env_advance(&w->fake, MSEC(100));
        says(w, s, "x");
    }
    assert_int_equal(w->told, 0);
    fake_env_advance(&w->fake, MSEC(100));
    assert_int_equal(w->told, 1);
    assert_int_equal(w->status, 0);
    assert_true(fake_sock_closed(s));
}

static void a_redirection_is_told_and_not_followed(void **state)
{
    struct world *w = *state;
    struct sock *s = connected(w);

    says(w, s, "HTTP/1.1 302 Moved\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(w->told, 1);
    assert_int_equal(w->status, 302);
    assert_null(fake_last_connect(&w->fake));
}

static void what_is_not_http_is_nothing(void **state)
{
    struct world *w = *state;
    struct sock *s = connected(w);

    says(w, s, "220 ftp ready\r\n");
    assert_int_equal(w->told, 1);
    assert_int_equal(w->status, 0);
}

static void nobody_there_is_told(void **state)
{
    struct world *w = *state;

    fake_sock_connected(fake_last_connect(&w->fake), -ECONNREFUSED);
    fake_env_settle(&w->fake);
    assert_int_equal(w->told, 1);
    assert_int_equal(w->status, 0);
}

static void a_cancelled_call_tells_nothing(void **state)
{
    struct world *w = *state;
    struct sock *s = connected(w);

    igd_call_cancel(&w->call);
    assert_true(fake_sock_closed(s));
    fake_env_advance(&w->fake, SEC(10));
    assert_int_equal(w->told, 0);
}

static void broken_chunks_are_taken_as_far_as_they_are_whole(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } CASE[] = {
        {"5\r\nhello\r\n0\r\n\r\n", "hello"},
        {"5\r\nhel", "hel"},
        {"5\r\nhelloXX", "hello"},
        {"ffffffff\r\nab", "ab"},
        {"x\r\nhello\r\n", ""},
        {"", ""},
        {"5", ""},
        {"fffffffff\r\nab", "ab"},
        {"0\r\n\r\n", ""},
    };
    for (size_t i = 0; i < sizeof(CASE) / sizeof(CASE[0]); i++) {
        size_t len = strlen(CASE[i].in);
        uint8_t *copy = malloc(len + 1);
        memcpy(copy, CASE[i].in, len);
        size_t got = igd_call_join_chunks(copy, len);
        assert_int_equal(got, strlen(CASE[i].out));
        assert_memory_equal(copy, CASE[i].out, got);
        free(copy);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_answer_of_known_length_ends_the_call),
        TEST(an_answer_in_chunks_is_put_together),
        TEST(an_answer_may_end_with_the_connection),
        TEST(a_router_that_promised_more_than_it_sends_is_forgiven),
        TEST(a_gigabyte_is_not_taken),
        TEST(a_body_without_an_end_is_cut_off),
        TEST(a_slow_dribble_ends_after_4_s),
        TEST(a_redirection_is_told_and_not_followed),
        TEST(what_is_not_http_is_nothing),
        TEST(nobody_there_is_told),
        TEST(a_cancelled_call_tells_nothing),
        cmocka_unit_test(broken_chunks_are_taken_as_far_as_they_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
