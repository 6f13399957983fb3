/* Bodies fed whole, byte by byte and with the next message behind them. */
#include "gateway/wire/http_body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct http_head head;
static struct http_body body;

static enum http_fault of_request(const char *fields)
{
    static char text[1024];
    snprintf(text, sizeof(text), "POST / HTTP/1.1\r\n%s\r\n", fields);
    assert_int_equal(http_read_request(&head, text, strlen(text), sizeof(text)), HTTP_OK);
    return http_body_of_request(&body, &head);
}

static enum http_fault of_response(const char *line, const char *fields, bool no_body)
{
    static char text[1024];
    snprintf(text, sizeof(text), "HTTP/1.1 %s\r\n%s\r\n", line, fields);
    assert_int_equal(http_read_response(&head, text, strlen(text), sizeof(text)), HTTP_OK);
    return http_body_of_response(&body, &head, no_body);
}

static void a_request_has_the_body_that_it_says(void **state)
{
    (void)state;
    assert_int_equal(of_request(""), HTTP_OK);
    assert_true(body.done);
    assert_int_equal(of_request("Content-Length: 0\r\n"), HTTP_OK);
    assert_true(body.done);
    assert_int_equal(of_request("Content-Length: 5\r\n"), HTTP_OK);
    assert_int_equal(body.kind, HTTP_BODY_LENGTH);
    assert_false(body.done);
    assert_int_equal(of_request("Transfer-Encoding: Chunked\r\n"), HTTP_OK);
    assert_int_equal(body.kind, HTTP_BODY_CHUNKED);
}

static void refuses_a_length_that_could_be_read_in_two_ways(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        enum http_fault fault;
    } cases[] = {
        {"Content-Length: 5\r\nContent-Length: 6\r\n", HTTP_BAD_LENGTH},
        {"Content-Length: 5\r\nContent-Length: 5\r\n", HTTP_BAD_LENGTH},
        {"Content-Length: 5, 5\r\n", HTTP_BAD_LENGTH},
        {"Content-Length: +5\r\n", HTTP_BAD_LENGTH},
        {"Content-Length: -1\r\n", HTTP_BAD_LENGTH},
        {"Content-Length: 0x5\r\n", HTTP_BAD_LENGTH},
        {"Content-Length:\r\n", HTTP_BAD_LENGTH},
        {"Content-Length: 18446744073709551616\r\n", HTTP_BAD_LENGTH},
        {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", HTTP_TWO_LENGTHS},
        {"Transfer-Encoding: identity\r\nContent-Length: 5\r\n", HTTP_TWO_LENGTHS},
        {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", HTTP_BAD_CODING},
        {"Transfer-Encoding: gzip, chunked\r\n", HTTP_UNKNOWN_CODING},
        {"Transfer-Encoding: gzip,chunked\r\n", HTTP_UNKNOWN_CODING},
        {"Transfer-Encoding: gzip chunked\r\n", HTTP_UNKNOWN_CODING},
        {"Transfer-Encoding: chunked, chunked\r\n", HTTP_BAD_CODING},
        {"Transfer-Encoding: chunked, identity\r\n", HTTP_BAD_CODING},
        {"Transfer-Encoding: xchunked\r\n", HTTP_BAD_CODING},
        {"Transfer-Encoding:\r\n", HTTP_BAD_CODING},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum http_fault fault = of_request(cases[i].fields);
        if (fault != cases[i].fault)
            fail_msg("case %zu: %s", i, http_fault_text(fault));
    }
}

static void an_old_client_sends_no_chunks(void **state)
{
    (void)state;
    const char *text = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_int_equal(http_read_request(&head, text, strlen(text), 1000), HTTP_OK);
    assert_int_equal(http_body_of_request(&body, &head), HTTP_BAD_CODING);
}

static void a_response_has_the_body_that_status_and_request_leave_it(void **state)
{
    (void)state;
    const char *five = "Content-Length: 5\r\n";
    assert_int_equal(of_response("200 OK", five, false), HTTP_OK);
    assert_int_equal(body.kind, HTTP_BODY_LENGTH);
    assert_int_equal(of_response("200 OK", five, true), HTTP_OK);
    assert_true(body.done);
    assert_int_equal(of_response("304 Not Modified", five, false), HTTP_OK);
    assert_true(body.done);
    assert_int_equal(of_response("204 No Content", "", false), HTTP_OK);
    assert_true(body.done);
    assert_int_equal(of_response("100 Continue", "", false), HTTP_OK);
    assert_true(body.done);
    assert_int_equal(of_response("200 OK", "", false), HTTP_OK);
    assert_int_equal(body.kind, HTTP_BODY_TO_END);
    assert_int_equal(of_response("200 OK", "Transfer-Encoding: chunked\r\n", false), HTTP_OK);
    assert_int_equal(body.kind, HTTP_BODY_CHUNKED);
    assert_int_equal(of_response("200 OK", "Content-Length: 5\r\nContent-Length: 5\r\n", false),
                     HTTP_OK);
    assert_int_equal(of_response("200 OK", "Content-Length: 5\r\nContent-Length: 6\r\n", false),
                     HTTP_BAD_LENGTH);
    assert_int_equal(
        of_response("200 OK", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", false),
        HTTP_TWO_LENGTHS);
}

static size_t take(const char *text, size_t step)
{
    size_t at = 0, len = strlen(text);
    while (at < len && !body.done) {
        size_t used, n = len - at < step ? len - at : step;
        if (http_body_take(&body, (const uint8_t *)text + at, n, &used) != HTTP_OK)
            return SIZE_MAX;
        at += used;
        if (used < n)
            assert_true(body.done);
    }
    return at;
}

static const char CHUNKS[] = "5\r\nhello\r\n"
                             "A;name=\"value\"\r\n0123456789\r\n"
                             "000\r\nX-Trailer: yes\r\nY: z\r\n\r\n";

static void ends_a_body_where_it_ends_however_it_comes(void **state)
{
    (void)state;
    char text[256];
    for (size_t step = 1; step < sizeof(CHUNKS) + 4; step++) {
        assert_int_equal(of_request("Content-Length: 5\r\n"), HTTP_OK);
        assert_int_equal(take("helloNEXT", step), 5);
        assert_true(body.done);
        assert_int_equal(of_request("Transfer-Encoding: chunked\r\n"), HTTP_OK);
        snprintf(text, sizeof(text), "%sNEXT", CHUNKS);
        assert_int_equal(take(text, step), strlen(CHUNKS));
        assert_true(body.done);
    }
}

static void is_not_done_at_any_length_below_the_whole(void **state)
{
    (void)state;
    for (size_t len = 0; len < strlen(CHUNKS); len++) {
        size_t used;
        assert_int_equal(of_request("Transfer-Encoding: chunked\r\n"), HTTP_OK);
        assert_int_equal(http_body_take(&body, (const uint8_t *)CHUNKS, len, &used), HTTP_OK);
        assert_int_equal(used, len);
        assert_false(body.done);
    }
}

static void refuses_malformed_chunks(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "\r\n",
        ";a\r\n",
        "5\nhello\r\n",
        "5\rhello\r\n",
        "5 x\nhello",
        "g\r\n",
        "0x5\r\n",
        "-5\r\n",
        "5\r\nhelloX",
        "5\r\nhello\n",
        "5\r\nhello\rX",
        "1234567890123456\r\n",
        "0\r\n\n",
        "0\r\n folded: x\r\n\r\n",
        "0\r\nA: b\n\r\n",
        "0\r\n\rX",
        "5;a\x01\r\n",
        /* a trailer has a name and a colon, which a request has not */
        "0\r\nGET / HTTP/1.1\r\n",
        "0\r\nX: y\r\nGET / HTTP/1.1\r\n",
        "0\r\nabc\r\n",
        "0\r\na b: c\r\n",
        "0\r\na : c\r\n",
        /* what stands behind the size is no free text */
        "5 \r\n",
        "5 5\r\n",
        "5;\r\n",
        "5;;a\r\n",
        "5;a b\r\n",
        "5;a =\r\n",
        "5;a=\r\n",
        "5;a=b c\r\n",
        "5;a=b=c\r\n",
        "5;a=\"b\r\n",
        "5;a=\"b\"c\r\n",
        "5;a=\"b\\\"\r\n",
        "5;a ;\r\n",
        "5;a=b \r\n",
        "5;=b\r\n",
        "5;\"a\"\r\n",
        "5;a=\xff\r\n",
        "5,a\r\n",
        "5;a\rb\r\n",
        "5;a=\"\x7f\"\r\n",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(of_request("Transfer-Encoding: chunked\r\n"), HTTP_OK);
        if (take(cases[i], 1) != SIZE_MAX)
            fail_msg("case %zu was taken", i);
        assert_int_equal(of_request("Transfer-Encoding: chunked\r\n"), HTTP_OK);
        assert_int_equal(take(cases[i], 1000), SIZE_MAX);
    }
}

static void takes_extensions_as_the_grammar_has_them(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "5",
        "5;a",
        "5;a=b",
        "5 ; a = b",
        "5;a;b=c;d",
        "5;a=\"\"",
        "5;a=\"b \\\" ;\"",
        "5;a=\"b\";c",
        "5;a=\"b\" ;c",
        "5\t;\ta=\tb",
        "005;a",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char text[100];
        snprintf(text, sizeof(text), "%s\r\nhello\r\n0;z\r\n\r\nNEXT", lines[i]);
        assert_int_equal(of_request("Transfer-Encoding: chunked\r\n"), HTTP_OK);
        if (take(text, 1) != strlen(text) - 4 || !body.done)
            fail_msg("%s was not taken", lines[i]);
    }
}

static void bears_with_services_that_pad_their_chunks(void **state)
{
    (void)state;
    const char *text = "5   \r\nhello\r\n0;x y\r\nno field\r\n\r\nNEXT";
    assert_int_equal(of_response("200 OK", "Transfer-Encoding: chunked\r\n", false), HTTP_OK);
    assert_int_equal(take(text, 1), strlen(text) - 4);
}

static void bounds_size_lines_and_trailers(void **state)
{
    (void)state;
    static char text[HTTP_TRAILERS_MAX + 100];
    assert_int_equal(of_request("Transfer-Encoding: chunked\r\n"), HTTP_OK);
    memset(text, 'a', sizeof(text) - 1);
    memcpy(text, "5;", 2);
    assert_int_equal(take(text, 4000), SIZE_MAX);
    assert_int_equal(of_request("Transfer-Encoding: chunked\r\n"), HTTP_OK);
    memcpy(text, "0\r\n", 3);
    assert_int_equal(take(text, 4000), SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_has_the_body_that_it_says),
        cmocka_unit_test(refuses_a_length_that_could_be_read_in_two_ways),
        cmocka_unit_test(an_old_client_sends_no_chunks),
        cmocka_unit_test(a_response_has_the_body_that_status_and_request_leave_it),
        cmocka_unit_test(ends_a_body_where_it_ends_however_it_comes),
        cmocka_unit_test(is_not_done_at_any_length_below_the_whole),
        cmocka_unit_test(refuses_malformed_chunks),
        cmocka_unit_test(takes_extensions_as_the_grammar_has_them),
        cmocka_unit_test(bears_with_services_that_pad_their_chunks),
        cmocka_unit_test(bounds_size_lines_and_trailers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
