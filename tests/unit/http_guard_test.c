/* The guard against pages of strangers, and against its own by-passes. */
#include "adapters/http_guard.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct http_guard guard;
static unsigned checked;

/* "good" is the peer's name here, everything else is a stranger's. */
static int check(void *arg, const struct http_head *head, char *why)
{
    (void)arg;
    const struct http_field *host = http_find(head, "host", NULL);
    checked++;
    snprintf(why, GUARD_WHY_MAX, "bad host");
    return host && http_text_is(host->value, "good") ? 0 : -EACCES;
}

static int set_up(void **state)
{
    (void)state;
    checked = 0;
    guard_init(&guard, check, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    guard_deinit(&guard);
    return 0;
}

static void again(void)
{
    guard_deinit(&guard);
    guard_init(&guard, check, NULL);
    checked = 0;
}

static size_t say(const char *text)
{
    return guard_outgoing(&guard, (const uint8_t *)text, strlen(text));
}

static void passes(const char *text)
{
    size_t n = say(text);
    if (n != strlen(text))
        fail_msg("%zu of %s: %s", n, text, guard_why(&guard));
}

/* Byte by byte, as a slow network would. Returns how many passed. */
static size_t drip(const char *text)
{
    for (size_t i = 0; text[i]; i++) {
        if (guard_outgoing(&guard, (const uint8_t *)text + i, 1) == 0)
            return i;
    }
    return strlen(text);
}

static void answer(const char *text)
{
    guard_incoming(&guard, (const uint8_t *)text, strlen(text));
}

#define GOOD "GET / HTTP/1.1\r\nHost: good\r\n\r\n"
#define BAD  "GET / HTTP/1.1\r\nHost: bad\r\n\r\n"
#define OK   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static void checks_the_first_request(void **state)
{
    (void)state;
    passes(GOOD);
    assert_int_equal(guard.state, GUARD_HEAD);
    again();
    assert_int_equal(say(BAD), 0);
    assert_int_equal(guard.state, GUARD_REFUSED);
    assert_string_equal(guard_why(&guard), "bad host");
    assert_int_equal(say(GOOD), 0);
}

static void checks_every_later_request_too(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        passes(GOOD);
        answer(OK);
    }
    assert_int_equal(checked, 200);
    assert_int_equal(say(BAD), 0);
    again();
    assert_int_equal(say(GOOD BAD), strlen(GOOD));
    assert_int_equal(guard.state, GUARD_REFUSED);
    assert_false(guard_between_answers(&guard));
    answer(OK);
    assert_true(guard_between_answers(&guard));
}

static void never_passes_the_end_of_a_bad_head(void **state)
{
    (void)state;
    assert_int_equal(drip(BAD), strlen(BAD) - 1);
    again();
    assert_int_equal(drip(GOOD BAD), strlen(GOOD BAD) - 1);
    assert_int_equal(checked, 2);
}

static void skips_bodies_of_any_framing(void **state)
{
    (void)state;
    passes("POST / HTTP/1.1\r\nHost: good\r\nContent-Length: 30\r\n\r\n");
    passes("GET / HTTP/1.1\r\nHost: bad\r\n\r\n"); /* is a body, 29 bytes */
    passes("x");
    assert_int_equal(checked, 1);
    assert_int_equal(say(BAD), 0);
    again();
    passes("POST / HTTP/1.1\r\nHost: good\r\nTransfer-Encoding: chunked\r\n\r\n"
           "1d\r\nGET / HTTP/1.1\r\nHost: bad\r\n\r\n\r\n0\r\n\r\n");
    assert_int_equal(checked, 1);
    assert_int_equal(say(BAD), 0);
}

static void refuses_requests_that_servers_may_read_otherwise(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "POST / HTTP/1.1\r\nHost: good\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: good\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: good\nX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: good\r\rX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: good\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : good\r\n\r\n",
        "GET /\r\n",
        "GET\t/ HTTP/1.1\r\nHost: good\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: good\r\n\r\n",
        "FOO  / HTTP/1.1\r\nHost: good\r\n\r\n",
        "FOO\t/ http/1.1\r\nHost: good\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: good\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: bad\r\n\r\n",
        "\r\n GET / HTTP/1.1\r\nHost: good\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        again();
        (void)say(cases[i]);
        if (guard.state != GUARD_REFUSED)
            fail_msg("case %zu passed", i);
        again();
        assert_true(drip(cases[i]) < strlen(cases[i]));
        assert_int_equal(guard.state, GUARD_REFUSED);
    }
}

static void any_method_is_http_since_pages_choose_it(void **state)
{
    (void)state;
    assert_int_equal(say("BREW /pot HTTP/1.1\r\nHost: bad\r\n\r\n"), 0);
    again();
    assert_true(drip("BREW /pot HTTP/1.1\r\nHost: bad\r\n\r\n") < 34);
    assert_int_equal(guard.state, GUARD_REFUSED);

    /* Not even one too long to be kept. */
    char text[400];
    memset(text, 'A', 300);
    snprintf(text + 300, 100, " / HTTP/1.1\r\nHost: bad\r\n\r\n");
    again();
    assert_int_equal(say(text), 0);
    again();
    assert_true(drip(text) < strlen(text));
    assert_int_equal(guard.state, GUARD_REFUSED);
}

static void passes_what_is_no_http_at_once(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
        "EHLO client.example\r\n",
        "hello world foo",
        "\x16\x03\x01\x02",
        "*1\r\n$4\r\nPING\r\n",
        "PING\r\n",
        "{\"id\": 1}",
        "get key\r\n",
        "USER me\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "OPTIONS rtsp://cam/1 RTSP/1.0\r\n",
        "INVITE sip:a@b SIP/2.0\r\n",
        "a b http-is-not-it",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        again();
        passes(cases[i]);
        if (guard.state != GUARD_OPEN)
            fail_msg("case %zu is held", i);
        passes(BAD);
        again();
        assert_int_equal(drip(cases[i]), strlen(cases[i]));
        assert_int_equal(guard.state, GUARD_OPEN);
        assert_int_equal(checked, 0);
    }
}

static void never_holds_bytes_back_while_undecided(void **state)
{
    (void)state;
    static char bulk[100 * 1024];
    memset(bulk, 'x', sizeof(bulk) - 1);
    passes("hel");
    passes("lo wor");
    passes("ld");
    assert_int_equal(guard.state, GUARD_UNDECIDED);
    again();
    passes("GET /pa");
    passes("th HTT");
    again();
    for (int i = 0; i < 3; i++)
        passes(bulk);
    assert_int_equal(guard.state, GUARD_UNDECIDED);
    assert_null(guard.head); /* costs no memory */
    passes("\n");
    assert_int_equal(guard.state, GUARD_OPEN);
}

static void refuses_a_head_that_is_too_long(void **state)
{
    (void)state;
    static char text[40 * 1024];
    memset(text, 'a', sizeof(text) - 1);
    memcpy(text, "GET /", 5);
    assert_int_equal(say(text), 0);
    assert_int_equal(guard.state, GUARD_REFUSED);
    again();
    assert_int_equal(drip(text), HTTP_REQUEST_HEAD_MAX - 1);
    again();
    memcpy(text, "FOO /", 5);
    assert_int_equal(say(text), strlen(text)); /* still unsure what it is */
    assert_int_equal(say(" HTTP/1.1\r\nHost: good\r\n\r\n"), 0);
    assert_int_equal(guard.state, GUARD_REFUSED);
    again();
    memcpy(text, GOOD, strlen(GOOD));
    assert_true(say(text) >= strlen(GOOD)); /* a long body behind a short head is another matter */
}

static void a_large_first_read_may_follow_a_small_one(void **state)
{
    (void)state;
    static char text[100 * 1024];
    memset(text, 'x', sizeof(text) - 1);
    static const char head[] = "ET / HTTP/1.1\r\nHost: good\r\nContent-Length: 90000\r\n\r\n";
    memcpy(text, head, sizeof(head) - 1);
    text[sizeof(head) - 1 + 90000] = 0;
    passes("G");
    passes(text);
    assert_int_equal(guard.state, GUARD_HEAD);
    assert_int_equal(checked, 1);
}

#define UPGRADE                                                                                    \
    "GET /ws HTTP/1.1\r\nHost: good\r\nConnection: keep-alive, Upgrade\r\nUpgrade: "               \
    "websocket\r\n\r\n"
#define SWITCHED "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"

static void opens_when_the_far_side_agrees_to_an_upgrade(void **state)
{
    (void)state;
    passes(UPGRADE);
    assert_int_equal(guard.state, GUARD_HEAD);
    answer("HTTP/1.1 100 Continue\r\n\r\n");
    answer(SWITCHED "frame");
    assert_int_equal(guard.state, GUARD_OPEN);
    passes(BAD);
}

static void stays_closed_when_the_far_side_ignores_the_upgrade(void **state)
{
    (void)state;
    passes(UPGRADE);
    answer(OK);
    assert_int_equal(say(BAD), 0);
    again();
    passes(UPGRADE);
    assert_int_equal(say(BAD), 0); /* nor before it has answered */
    again();
    passes("GET / HTTP/1.1\r\nHost: good\r\nUpgrade: websocket\r\n\r\n");
    answer(SWITCHED); /* nobody asked for it: no Connection: upgrade */
    assert_int_equal(say(BAD), 0);
}

static void a_body_cannot_pretend_to_be_an_agreement(void **state)
{
    (void)state;
    passes(GOOD UPGRADE);
    answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    answer(SWITCHED);
    assert_int_equal(guard.state, GUARD_HEAD);
    assert_int_equal(say(BAD), 0);
    again();
    passes("HEAD / HTTP/1.1\r\nHost: good\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    answer("HTTP/1.1 200 OK\r\n\r\n");
    assert_int_equal(say(BAD), 0);
}

static void opens_after_a_success_of_connect_only(void **state)
{
    (void)state;
    static const char connect[] = "CONNECT good:1 HTTP/1.1\r\nHost: good\r\n\r\n";
    passes(connect);
    answer("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(say(BAD), 0);
    again();
    passes(connect);
    answer("HTTP/1.1 200 Connection established\r\n\r\n");
    assert_int_equal(guard.state, GUARD_OPEN);
}

static void requests_behind_an_upgrade_keep_it_closed(void **state)
{
    (void)state;
    passes(UPGRADE GOOD);
    answer(SWITCHED);
    assert_int_equal(guard.answers, GUARD_ANSWER_LOST);
    assert_int_equal(say(BAD), 0);
}

static void frames_answers_in_every_piece_and_kind(void **state)
{
    (void)state;
    static const char *const answers[] = {
        OK,
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        for (size_t step = 1; step < 20; step++) {
            again();
            passes(GOOD GOOD);
            for (size_t at = 0, n; at < strlen(answers[i]); at += n) {
                n = strlen(answers[i]) - at < step ? strlen(answers[i]) - at : step;
                assert_false(guard_between_answers(&guard));
                guard_incoming(&guard, (const uint8_t *)answers[i] + at, n);
            }
            assert_int_equal(guard.pending, 1);
            answer(OK);
            assert_true(guard_between_answers(&guard));
        }
    }
}

static void a_server_that_speaks_first_or_unasked_is_never_believed(void **state)
{
    (void)state;
    answer("220 smtp.example ready\r\n");
    passes("EHLO x\r\n");
    assert_int_equal(guard.state, GUARD_OPEN);
    again();
    answer("x");
    passes(UPGRADE);
    answer(SWITCHED);
    assert_int_equal(say(BAD), 0);
    again();
    passes(GOOD);
    answer(OK SWITCHED);
    passes(UPGRADE);
    answer(SWITCHED);
    assert_int_equal(say(BAD), 0);
}

static void more_than_64_pipelined_requests_pass_but_never_upgrade(void **state)
{
    (void)state;
    for (int i = 0; i < 70; i++)
        passes(GOOD);
    assert_int_equal(checked, 70);
    assert_int_equal(guard.answers, GUARD_ANSWER_LOST);
    passes(UPGRADE);
    answer(SWITCHED);
    assert_int_equal(say(BAD), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(checks_the_first_request),
        TEST(checks_every_later_request_too),
        TEST(never_passes_the_end_of_a_bad_head),
        TEST(skips_bodies_of_any_framing),
        TEST(refuses_requests_that_servers_may_read_otherwise),
        TEST(any_method_is_http_since_pages_choose_it),
        TEST(passes_what_is_no_http_at_once),
        TEST(never_holds_bytes_back_while_undecided),
        TEST(refuses_a_head_that_is_too_long),
        TEST(a_large_first_read_may_follow_a_small_one),
        TEST(opens_when_the_far_side_agrees_to_an_upgrade),
        TEST(stays_closed_when_the_far_side_ignores_the_upgrade),
        TEST(a_body_cannot_pretend_to_be_an_agreement),
        TEST(opens_after_a_success_of_connect_only),
        TEST(requests_behind_an_upgrade_keep_it_closed),
        TEST(frames_answers_in_every_piece_and_kind),
        TEST(a_server_that_speaks_first_or_unasked_is_never_believed),
        TEST(more_than_64_pipelined_requests_pass_but_never_upgrade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
