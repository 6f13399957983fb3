/* Heads as browsers send them, and as smugglers do. */
#include "gateway/wire/http_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct http_head head;

static enum http_fault request(const char *text)
{
    return http_read_request(&head, text, strlen(text), HTTP_REQUEST_HEAD_MAX);
}

static enum http_fault response(const char *text)
{
    return http_read_response(&head, text, strlen(text), HTTP_RESPONSE_HEAD_MAX);
}

static const char REQUEST[] = "GET /a?b=c HTTP/1.1\r\n"
                              "Host: web.alice.overlay\r\n"
                              "Connection: keep-alive, Upgrade\r\n"
                              "X-Empty:\r\n"
                              "X-Space: \t a b \t \r\n"
                              "\r\n";

static void assert_text(struct http_text text, const char *wanted)
{
    assert_int_equal(text.len, strlen(wanted));
    assert_memory_equal(text.at, wanted, text.len);
}

static void reads_a_request(void **state)
{
    (void)state;
    assert_int_equal(request(REQUEST), HTTP_OK);
    assert_text(head.method, "GET");
    assert_text(head.target, "/a?b=c");
    assert_int_equal(head.minor, 1);
    assert_int_equal(head.field_count, 4);
    assert_text(http_find(&head, "HOST", NULL)->value, "web.alice.overlay");
    assert_text(http_find(&head, "x-empty", NULL)->value, "");
    assert_text(http_find(&head, "x-space", NULL)->value, "a b");
    assert_true(http_has_element(&head, "connection", "upgrade"));
    assert_false(http_has_element(&head, "connection", "up"));
    assert_true(http_keeps_alive(&head));
    assert_int_equal(head.len, strlen(REQUEST));
}

static void wants_more_at_every_length_below_the_whole(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof(REQUEST) - 1; len++)
        assert_int_equal(http_read_request(&head, REQUEST, len, 1000), HTTP_MORE);
    assert_int_equal(http_read_request(&head, REQUEST, sizeof(REQUEST) - 1, 1000), HTTP_OK);

    const char *answer = "HTTP/1.1 200 OK\r\nServer: x\r\n\r\n";
    for (size_t len = 0; len < strlen(answer); len++)
        assert_int_equal(http_read_response(&head, answer, len, 1000), HTTP_MORE);
}

static void reads_what_follows_as_not_of_this_head(void **state)
{
    (void)state;
    assert_int_equal(request("GET / HTTP/1.0\r\n\r\nGET /2 HTTP/1.1\r\n\r\n"), HTTP_OK);
    assert_int_equal(head.len, 18);
    assert_int_equal(head.minor, 0);
    assert_false(http_keeps_alive(&head));
}

static void skips_empty_lines_before_a_request(void **state)
{
    (void)state;
    assert_int_equal(request("\r\n\r\nGET / HTTP/1.1\r\n\r\n"), HTTP_OK);
    assert_int_equal(head.start, 4);
    assert_int_equal(head.len, 22);
}

static void refuses_what_two_readers_could_read_in_two_ways(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum http_fault fault;
    } cases[] = {
        {"GET / HTTP/1.1\nHost: a\r\n\r\n", HTTP_BARE_LF},
        {"GET / HTTP/1.1\r\nHost: a\n", HTTP_BARE_LF},
        {"\nGET / HTTP/1.1\r\n\r\n", HTTP_BARE_LF},
        {"GET / HTTP/1.1\rHost: a\r\n\r\n", HTTP_BARE_CR},
        {"GET / HTTP/1.1\r\nHost: a\rX", HTTP_BARE_CR},
        {"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", HTTP_BARE_CR},
        {"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", HTTP_FOLDED_LINE},
        {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", HTTP_FOLDED_LINE},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", HTTP_SPACE_BEFORE_COLON},
        {"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", HTTP_SPACE_BEFORE_COLON},
        {"GET / HTTP/1.1\r\n: a\r\n\r\n", HTTP_BAD_FIELD},
        {"GET / HTTP/1.1\r\nHost\r\n\r\n", HTTP_BAD_FIELD},
        {"GET / HTTP/1.1\r\nHo st: a\r\n\r\n", HTTP_BAD_FIELD},
        {"GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n", HTTP_BAD_FIELD},
        {"GET /\r\n\r\n", HTTP_BAD_FIRST_LINE},
        {"GET\r\n\r\n", HTTP_BAD_FIRST_LINE},
        {"GET  / HTTP/1.1\r\n\r\n", HTTP_BAD_FIRST_LINE},
        {"GET /  HTTP/1.1\r\n\r\n", HTTP_BAD_FIRST_LINE},
        {"GET / HTTP/1.1 \r\n\r\n", HTTP_BAD_FIRST_LINE},
        {"GET\t/ HTTP/1.1\r\n\r\n", HTTP_BAD_FIRST_LINE},
        {"GET /\t HTTP/1.1\r\n\r\n", HTTP_BAD_FIRST_LINE},
        {" GET / HTTP/1.1\r\n\r\n", HTTP_BAD_FIRST_LINE},
        {"G(T / HTTP/1.1\r\n\r\n", HTTP_BAD_FIRST_LINE},
        {"GET / http/1.1\r\n\r\n", HTTP_BAD_FIRST_LINE},
        {"GET / HTTP/1.11\r\n\r\n", HTTP_BAD_FIRST_LINE},
        {"GET / HTTP/2.0\r\n\r\n", HTTP_BAD_VERSION},
        {"GET / HTTP/1.2\r\n\r\n", HTTP_BAD_VERSION},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum http_fault fault = request(cases[i].text);
        if (fault != cases[i].fault)
            fail_msg("case %zu: %s", i, http_fault_text(fault));
    }
}

static void a_zero_byte_is_no_text(void **state)
{
    (void)state;
    const char zero[] = "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n";
    assert_int_equal(http_read_request(&head, zero, sizeof(zero) - 1, 1000), HTTP_BAD_FIELD);
}

static void counts_fields_and_bytes(void **state)
{
    (void)state;
    char text[32 * 1024];
    int len = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 100; i++)
        len += snprintf(text + len, sizeof(text) - (size_t)len, "A%d: b\r\n", i);
    snprintf(text + len, sizeof(text) - (size_t)len, "\r\n");
    assert_int_equal(request(text), HTTP_OK);
    snprintf(text + len, sizeof(text) - (size_t)len, "More: c\r\n\r\n");
    assert_int_equal(request(text), HTTP_TOO_MANY_FIELDS);

    len = snprintf(text, sizeof(text), "GET /");
    memset(text + len, 'a', HTTP_REQUEST_HEAD_MAX - (size_t)len);
    assert_int_equal(
        http_read_request(&head, text, HTTP_REQUEST_HEAD_MAX - 1, HTTP_REQUEST_HEAD_MAX),
        HTTP_MORE);
    assert_int_equal(http_read_request(&head, text, HTTP_REQUEST_HEAD_MAX, HTTP_REQUEST_HEAD_MAX),
                     HTTP_TOO_LONG);
}

static void reads_a_response(void **state)
{
    (void)state;
    assert_int_equal(response("HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n"), HTTP_OK);
    assert_int_equal(head.status, 404);
    assert_text(head.reason, "Not Found");
    assert_int_equal(response("HTTP/1.0 200\r\n\r\n"), HTTP_OK);
    assert_int_equal(response("HTTP/1.1 200 \r\n\r\n"), HTTP_OK);
    assert_int_equal(response("HTTP/1.1 200 OK\nA: b\n\n"), HTTP_OK);
    assert_int_equal(head.field_count, 1);
}

static void refuses_what_is_no_response(void **state)
{
    (void)state;
    assert_int_equal(response("ICY 200 OK\r\n\r\n"), HTTP_BAD_FIRST_LINE);
    assert_int_equal(response("HTTP/1.1 20 OK\r\n\r\n"), HTTP_BAD_FIRST_LINE);
    assert_int_equal(response("HTTP/1.1 2000\r\n\r\n"), HTTP_BAD_FIRST_LINE);
    assert_int_equal(response("HTTP/1.1 099 X\r\n\r\n"), HTTP_BAD_FIRST_LINE);
    assert_int_equal(response("HTTP/2 200 OK\r\n\r\n"), HTTP_BAD_FIRST_LINE);
    assert_int_equal(response("HTTP/3.0 200 OK\r\n\r\n"), HTTP_BAD_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_request),
        cmocka_unit_test(wants_more_at_every_length_below_the_whole),
        cmocka_unit_test(reads_what_follows_as_not_of_this_head),
        cmocka_unit_test(skips_empty_lines_before_a_request),
        cmocka_unit_test(refuses_what_two_readers_could_read_in_two_ways),
        cmocka_unit_test(a_zero_byte_is_no_text),
        cmocka_unit_test(counts_fields_and_bytes),
        cmocka_unit_test(reads_a_response),
        cmocka_unit_test(refuses_what_is_no_response),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
