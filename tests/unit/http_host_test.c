/* What is a host, and what only looks like one. */
#include "gateway/wire/http_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct http_host host;

static int read_host(const char *text)
{
    return http_host_read(&host, (struct http_text){text, strlen(text)});
}

static void reads_names_addresses_and_ports(void **state)
{
    (void)state;
    assert_int_equal(read_host("Web.Alice.Overlay"), 0);
    assert_string_equal(host.name, "web.alice.overlay");
    assert_int_equal(host.port, 0);
    assert_int_equal(read_host("alice.overlay.:8080"), 0);
    assert_string_equal(host.name, "alice.overlay.");
    assert_int_equal(host.port, 8080);
    assert_int_equal(read_host("alice:"), 0);
    assert_int_equal(host.port, 0);
    assert_int_equal(read_host("127.0.0.1:20000"), 0);
    assert_true(host.is_ip && http_host_is_loopback(&host));
    assert_int_equal(addr_port(&host.ip), 20000);
    assert_int_equal(read_host("[::1]:7777"), 0);
    assert_true(host.is_ip && http_host_is_loopback(&host));
    assert_int_equal(host.port, 7777);
    assert_int_equal(read_host("[2001:DB8::1]"), 0);
    assert_true(host.is_ip && !http_host_is_loopback(&host));
}

static void knows_loopback(void **state)
{
    (void)state;
    static const char *const loopback[] = {"127.0.0.1", "127.1.2.3:80", "[::1]",
                                           "localhost", "LOCALHOST:1",  "localhost."};
    static const char *const other[] = {
        "127.0.0.1.evil.com",
        "localhost.evil.com",
        "evil.localhost",
        "10.0.0.1",
        "0.0.0.0",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "0177.0.0.1",
        "[::]",
    };
    for (size_t i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++) {
        assert_int_equal(read_host(loopback[i]), 0);
        assert_true(http_host_is_loopback(&host));
    }
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
        assert_int_equal(read_host(other[i]), 0);
        assert_false(http_host_is_loopback(&host));
    }
}

static void refuses_what_is_no_host(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",         ":80",    "user@host", "user:pw@host", "a b",         "a,b",     "a/b",
        "a..b",     ".a",     "a:0",       "a:65536",      "a:b",         "a:80:80", "[::1",
        "[]",       "[::1]x", "[::1]:x",   "[127.0.0.1]",  "[fe80::1%1]", "a%2eb",   "127.0.0.1:",
        "\xc3\xa4", "a:+80",  "a:080",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (strcmp(cases[i], "127.0.0.1:") == 0)
            assert_int_equal(read_host(cases[i]), 0); /* RFC 3986: an empty port is none */
        else if (read_host(cases[i]) == 0)
            fail_msg("%s was taken", cases[i]);
    }
    char text[300];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    assert_true(read_host(text) < 0);
}

static void survives_every_truncation(void **state)
{
    (void)state;
    const char *text = "[2001:db8::1]:8080";
    for (size_t len = 0; len < strlen(text); len++) {
        int err = http_host_read(&host, (struct http_text){text, len});
        assert_true(len >= 13 ? err == 0 : err < 0);
    }
}

static struct http_url url;

static int read_url(const char *text)
{
    return http_url_read(&url, (struct http_text){text, strlen(text)});
}

static int read_origin(const char *text)
{
    return http_origin_read(&url, (struct http_text){text, strlen(text)});
}

static void reads_absolute_targets(void **state)
{
    (void)state;
    assert_int_equal(read_url("http://alice.overlay/a?b"), 0);
    assert_string_equal(url.host.name, "alice.overlay");
    assert_int_equal(url.path.len, 4);
    assert_int_equal(read_url("HTTPS://[::1]:8443?x"), 0);
    assert_true(url.https);
    assert_int_equal(url.host.port, 8443);
    assert_memory_equal(url.path.at, "?x", 2);
    assert_int_equal(read_url("ws://alice.overlay"), 0);
    assert_int_equal(url.path.len, 0);
    assert_true(read_url("/path") < 0);
    assert_true(read_url("http://") < 0);
    assert_true(read_url("http:///x") < 0);
    assert_true(read_url("http://user@alice.overlay/") < 0);
    assert_true(read_url("ftp://alice.overlay/") < 0);
}

static void reads_origins(void **state)
{
    (void)state;
    assert_int_equal(read_origin("http://127.0.0.1:20000"), 0);
    assert_int_equal(url.host.port, 20000);
    assert_true(read_origin("null") < 0);
    assert_true(read_origin("http://a/") < 0);
    assert_true(read_origin("http://a b") < 0);
    assert_true(read_origin("file://") < 0);
    assert_true(read_origin("chrome-extension://abc") < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_names_addresses_and_ports),
        cmocka_unit_test(knows_loopback),
        cmocka_unit_test(refuses_what_is_no_host),
        cmocka_unit_test(survives_every_truncation),
        cmocka_unit_test(reads_absolute_targets),
        cmocka_unit_test(reads_origins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
