/* The header byte for byte, as haproxy's specification lays it out. */
#include "adapters/proxy_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t HEAD[28] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x43"
                                "\177\0\0\1\177\0\0\1\x9c\x40\x0b\xb8";

static void says_who_calls(void **state)
{
    (void)state;
    struct peer_id peer = {{7}};
    char id[PEER_ID_TEXT_MAX];
    uint8_t out[PROXY_HEADER_LEN];
    struct addr from = addr_loopback(false, 40000), to = addr_loopback(false, 3000);

    assert_int_equal(proxy_header_write(&peer, &from, &to, out), 83);
    assert_memory_equal(out, HEAD, sizeof(HEAD));
    assert_memory_equal(out + 28, "\5\0\64", 3);
    assert_memory_equal(out + 31, peer_id_print(&peer, id), 52);
}

static void writes_ipv4_for_ipv6_and_unix_sockets(void **state)
{
    (void)state;
    struct peer_id peer = {{7}};
    uint8_t out[PROXY_HEADER_LEN];
    struct addr from = addr_loopback(true, 40000), to = addr_loopback(true, 3000), none = {0};

    (void)proxy_header_write(&peer, &from, &to, out);
    assert_memory_equal(out, HEAD, sizeof(HEAD));
    (void)proxy_header_write(&peer, &none, &none, out);
    assert_memory_equal(out, HEAD, 24);
    assert_memory_equal(out + 24, "\0\0\0\0", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_who_calls),
        cmocka_unit_test(writes_ipv4_for_ipv6_and_unix_sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
