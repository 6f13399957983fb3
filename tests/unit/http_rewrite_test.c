/* Heads before and after a hop. */
#include "adapters/http_rewrite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct http_head head;

static void read_request(const char *text)
{
    assert_int_equal(http_read_request(&head, text, strlen(text), 65536), HTTP_OK);
}

static void assert_request(const struct rewrite_request *r, const char *wanted)
{
    size_t len;
    char *text = rewrite_request(r, &len);
    assert_int_equal(len, strlen(wanted));
    assert_memory_equal(text, wanted, len);
    free(text);
}

static void assert_response(const struct rewrite_response *r, const char *wanted)
{
    size_t len;
    char *text = rewrite_response(r, &len);
    assert_int_equal(len, strlen(wanted));
    assert_memory_equal(text, wanted, len);
    free(text);
}

static struct rewrite_request plain(const char *target)
{
    return (struct rewrite_request){
        .head = &head, .target = {target, strlen(target)}, .host = {"", 0}, .via = "overlay-me"};
}

static void a_request_keeps_all_but_what_is_of_one_hop(void **state)
{
    (void)state;
    read_request("GET /a HTTP/1.1\r\nHost:a\r\nConnection: close, X-One\r\nX-One: 1\r\nTE: x\r\n"
                 "Cookie: c=d\r\nProxy-Authorization: secret\r\nVia: 1.0 other\r\n\r\n");
    struct rewrite_request r = plain("/a");
    assert_request(&r, "GET /a HTTP/1.1\r\nHost: a\r\nCookie: c=d\r\nVia: 1.0 other\r\n"
                       "Via: 1.1 overlay-me\r\n\r\n");
}

static void nobody_can_have_the_framing_or_the_host_taken_away(void **state)
{
    (void)state;
    read_request("POST / HTTP/1.1\r\nHost: a\r\nConnection: host, content-length, origin\r\n"
                 "Content-Length: 5\r\nOrigin: o\r\n\r\n");
    struct rewrite_request r = plain("/");
    assert_request(&r, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nOrigin: o\r\n"
                       "Via: 1.1 overlay-me\r\n\r\n");
}

static void an_absolute_target_gives_the_host(void **state)
{
    (void)state;
    read_request("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n");
    struct rewrite_request r = plain("");
    r.host = (struct http_text){"b:80", 4};
    assert_request(&r, "GET / HTTP/1.1\r\nHost: b:80\r\nVia: 1.1 overlay-me\r\n\r\n");
    read_request("GET http://b?q HTTP/1.0\r\n\r\n");
    r.target = (struct http_text){"?q", 2};
    assert_request(&r, "GET /?q HTTP/1.0\r\nHost: b:80\r\nVia: 1.1 overlay-me\r\n\r\n");
}

static void who_came_by_https_is_said_to_and_says_it_not_himself(void **state)
{
    (void)state;
    read_request("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: ftp\r\n\r\n");
    struct rewrite_request r = plain("/");
    assert_request(&r, "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: ftp\r\n"
                       "Via: 1.1 overlay-me\r\n\r\n");
    r.secure = true;
    assert_request(&r, "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n"
                       "Via: 1.1 overlay-me\r\n\r\n");
}

static void an_upgrade_is_asked_for_only_when_it_may_be(void **state)
{
    (void)state;
    read_request("GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    struct rewrite_request r = plain("/");
    assert_true(rewrite_wants_upgrade(&head));
    assert_request(&r, "GET / HTTP/1.1\r\nVia: 1.1 overlay-me\r\n\r\n");
    r.upgrade = true;
    assert_request(&r, "GET / HTTP/1.1\r\nUpgrade: websocket\r\nVia: 1.1 overlay-me\r\n"
                       "Connection: Upgrade\r\n\r\n");
}

static void a_head_full_of_short_fields_still_fits(void **state)
{
    (void)state;
    char text[4096];
    int len = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 100; i++)
        len += snprintf(text + len, sizeof(text) - (size_t)len, "a:b\r\n");
    snprintf(text + len, sizeof(text) - (size_t)len, "\r\n");
    read_request(text);
    struct rewrite_request r = plain("/");
    size_t out_len;
    char *out = rewrite_request(&r, &out_len);
    assert_int_equal(out_len, 16 + 100 * 6 + 21 + 2);
    free(out);
}

static void a_response_says_what_happens_to_the_connection(void **state)
{
    (void)state;
    const char *text = "HTTP/1.0 200 Fine\nA: b\nConnection: close\nKeep-Alive: 5\n\n";
    assert_int_equal(http_read_response(&head, text, strlen(text), 65536), HTTP_OK);
    struct rewrite_response r = {.head = &head};
    assert_response(&r, "HTTP/1.1 200 Fine\r\nA: b\r\n\r\n");
    r.close = true;
    assert_response(&r, "HTTP/1.1 200 Fine\r\nA: b\r\nConnection: close\r\n\r\n");
    r.close = false;
    r.keep_alive = true;
    assert_response(&r, "HTTP/1.1 200 Fine\r\nA: b\r\nConnection: keep-alive\r\n\r\n");
    r.keep_alive = false;
    r.as_public = true;
    assert_response(&r, "HTTP/1.1 200 Fine\r\nA: b\r\n"
                        "Content-Security-Policy: treat-as-public-address\r\n\r\n");
}

static void sees_loops_and_long_ways(void **state)
{
    (void)state;
    read_request("GET / HTTP/1.1\r\nVia: 1.1 Overlay-ME\r\n\r\n");
    assert_true(rewrite_is_loop(&head, "overlay-me"));
    read_request("GET / HTTP/1.1\r\nVia: 1.1 overlay-you, 1.1 squid\r\n\r\n");
    assert_false(rewrite_is_loop(&head, "overlay-me"));
    read_request("GET / HTTP/1.1\r\nVia: 1.1 overlay-1, 1.1 overlay-2, 1.1 overlay-3\r\n"
                 "Via: 1.1 overlay-4, 1.1 overlay-5\r\nVia: 1.1 overlay-6, 1.1 overlay-7\r\n\r\n");
    assert_false(rewrite_is_loop(&head, "overlay-me"));
    read_request("GET / HTTP/1.1\r\nVia: 1.1 overlay-1, 1.1 overlay-2, 1.1 overlay-3\r\n"
                 "Via: 1.1 overlay-4, 1.1 overlay-5, 1.1 overlay-6, 1.1 overlay-7\r\n"
                 "Via: 1.1 overlay-8\r\n\r\n");
    assert_true(rewrite_is_loop(&head, "overlay-me"));
    read_request("GET / HTTP/1.1\r\nX: overlay-me\r\n\r\n");
    assert_false(rewrite_is_loop(&head, "overlay-me"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_keeps_all_but_what_is_of_one_hop),
        cmocka_unit_test(nobody_can_have_the_framing_or_the_host_taken_away),
        cmocka_unit_test(an_absolute_target_gives_the_host),
        cmocka_unit_test(who_came_by_https_is_said_to_and_says_it_not_himself),
        cmocka_unit_test(an_upgrade_is_asked_for_only_when_it_may_be),
        cmocka_unit_test(a_head_full_of_short_fields_still_fits),
        cmocka_unit_test(a_response_says_what_happens_to_the_connection),
        cmocka_unit_test(sees_loops_and_long_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
