/* SOCKS5 by the letters of RFC 1928. */
#include "gateway/wire/socks5.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t NAME[] = {5, 1, 0, 3, 5, 'a', '.', 'o', 'v', 'y', 0x1f, 0x90};
static const uint8_t V4[] = {5, 1, 0, 1, 127, 0, 0, 1, 0, 80};
static const uint8_t V6[] = {5, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80};

static struct socks5_request request;

static void reads_a_greeting_at_every_length(void **state)
{
    (void)state;
    const uint8_t text[] = {5, 3, 2, 1, 0, 99};
    bool no_auth;
    for (size_t len = 0; len < 5; len++)
        assert_int_equal(socks5_read_greeting(&no_auth, text, len), -EAGAIN);
    assert_int_equal(socks5_read_greeting(&no_auth, text, sizeof(text)), 5);
    assert_true(no_auth);
    assert_int_equal(socks5_read_greeting(&no_auth, (const uint8_t *)"\5\1\2", 3), 3);
    assert_false(no_auth);
}

static void refuses_other_versions_and_no_methods(void **state)
{
    (void)state;
    bool no_auth;
    assert_int_equal(socks5_read_greeting(&no_auth, (const uint8_t *)"\4", 1), -EBADMSG);
    assert_int_equal(socks5_read_greeting(&no_auth, (const uint8_t *)"\5\0", 2), -EBADMSG);
}

static void reads_requests_of_every_address_type(void **state)
{
    (void)state;
    char text[ADDR_TEXT_MAX];
    assert_int_equal(socks5_read_request(&request, NAME, sizeof(NAME)), sizeof(NAME));
    assert_string_equal(request.name, "a.ovy");
    assert_int_equal(request.port, 8080);
    assert_int_equal(request.command, SOCKS5_CONNECT);
    assert_int_equal(socks5_read_request(&request, V4, sizeof(V4)), sizeof(V4));
    assert_string_equal(addr_print(&request.ip, text), "127.0.0.1:80");
    assert_string_equal(request.name, "");
    assert_int_equal(socks5_read_request(&request, V6, sizeof(V6)), sizeof(V6));
    assert_string_equal(addr_print(&request.ip, text), "[::1]:80");
}

static void wants_more_at_every_length_below_the_whole(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof(NAME); len++)
        assert_int_equal(socks5_read_request(&request, NAME, len), -EAGAIN);
    for (size_t len = 0; len < sizeof(V4); len++)
        assert_int_equal(socks5_read_request(&request, V4, len), -EAGAIN);
    for (size_t len = 0; len < sizeof(V6); len++)
        assert_int_equal(socks5_read_request(&request, V6, len), -EAGAIN);
}

static void refuses_malformed_requests(void **state)
{
    (void)state;
    const uint8_t version[] = {4, 1, 0, 1};
    const uint8_t reserved[] = {5, 1, 1, 1, 127, 0, 0, 1, 0, 80};
    const uint8_t empty[] = {5, 1, 0, 3, 0, 0, 80};
    const uint8_t zero[] = {5, 1, 0, 3, 2, 'a', 0, 0, 80};
    const uint8_t space[] = {5, 1, 0, 3, 2, 'a', ' ', 0, 80};
    assert_int_equal(socks5_read_request(&request, version, 1), -EBADMSG);
    assert_int_equal(socks5_read_request(&request, reserved, sizeof(reserved)), -EBADMSG);
    assert_int_equal(socks5_read_request(&request, empty, sizeof(empty)), -EBADMSG);
    assert_int_equal(socks5_read_request(&request, zero, sizeof(zero)), -EBADMSG);
    assert_int_equal(socks5_read_request(&request, space, sizeof(space)), -EBADMSG);
}

static void says_that_it_does_not_know_an_address_type(void **state)
{
    (void)state;
    const uint8_t type[] = {5, 1, 0, 7, 1, 2, 3};
    assert_int_equal(socks5_read_request(&request, type, sizeof(type)), 4);
    assert_false(request.known_address);
}

static void writes_methods_and_replies(void **state)
{
    (void)state;
    uint8_t out[SOCKS5_REPLY_LEN];
    socks5_write_method(true, out);
    assert_memory_equal(out, "\5\0", 2);
    socks5_write_method(false, out);
    assert_memory_equal(out, "\5\xff", 2);
    socks5_write_reply(SOCKS5_NO_COMMAND, out);
    assert_memory_equal(out, "\5\7\0\1\0\0\0\0\0\0", 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_greeting_at_every_length),
        cmocka_unit_test(refuses_other_versions_and_no_methods),
        cmocka_unit_test(reads_requests_of_every_address_type),
        cmocka_unit_test(wants_more_at_every_length_below_the_whole),
        cmocka_unit_test(refuses_malformed_requests),
        cmocka_unit_test(says_that_it_does_not_know_an_address_type),
        cmocka_unit_test(writes_methods_and_replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
