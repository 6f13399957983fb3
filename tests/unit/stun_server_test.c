/* STUN servers as people write them. */
#include "config/settings/stun_server.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void reads(const char *text, enum stun_transport transport, bool said, const char *host,
                  unsigned port)
{
    struct stun_server s;
    if (stun_server_parse(&s, text) < 0)
        fail_msg("'%s' is refused", text);
    assert_string_equal(s.text, text);
    assert_int_equal(s.transport, transport);
    assert_int_equal(s.transport_said, said);
    assert_string_equal(s.host, host);
    assert_int_equal(s.port, port);
}

static void reads_every_form(void **state)
{
    (void)state;
    reads("stun.example.net", STUN_OVER_UDP, false, "stun.example.net", 3478);
    reads("stun.example.net:19302", STUN_OVER_UDP, false, "stun.example.net", 19302);
    reads("192.0.2.1:1", STUN_OVER_UDP, false, "192.0.2.1", 1);
    reads("[2001:db8::1]", STUN_OVER_UDP, false, "2001:db8::1", 3478);
    reads("[2001:db8::1]:65535", STUN_OVER_UDP, false, "2001:db8::1", 65535);
    reads("stun:h", STUN_OVER_UDP, false, "h", 3478);
    reads("udp:h:1", STUN_OVER_UDP, true, "h", 1);
    reads("tcp:h", STUN_OVER_TCP, true, "h", 3478);
    reads("tcp://h:99", STUN_OVER_TCP, true, "h", 99);
    reads("stuns:h", STUN_OVER_TLS, true, "h", 5349);
    reads("TLS:[::1]:443", STUN_OVER_TLS, true, "::1", 443);
    reads("stun:h:1?transport=tcp", STUN_OVER_TCP, true, "h", 1);
    reads("stun:h?transport=udp", STUN_OVER_UDP, true, "h", 3478);
    reads("udp:3478", STUN_OVER_UDP, false, "udp", 3478); /* a host of that name */
}

static void refuses_everything_else(void **state)
{
    (void)state;
    static const char *const BAD[] = {"",
                                      ":",
                                      ":1",
                                      "h:",
                                      "h:0",
                                      "h:65536",
                                      "h:1x",
                                      "h:+1",
                                      "a b",
                                      "a/b",
                                      "2001:db8::1",
                                      "[::1",
                                      "[::1]1",
                                      "[::1]:",
                                      "[h]",
                                      "[]:1",
                                      "tls:",
                                      "tcp://",
                                      "-h",
                                      ".h",
                                      "stuns:h?transport=udp",
                                      "h?x=1",
                                      "tcp:h?transport=udp",
                                      "[::1]x:1",
                                      "h\n",
                                      "stun:stun:h"};
    struct stun_server s;
    char text[STUN_SERVER_TEXT_MAX + 2];

    for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++)
        if (stun_server_parse(&s, BAD[i]) != -EINVAL)
            fail_msg("'%s' is taken", BAD[i]);
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(stun_server_parse(&s, text), -EINVAL);
    text[STUN_SERVER_TEXT_MAX] = '\0';
    assert_int_equal(stun_server_parse(&s, text), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_form),
        cmocka_unit_test(refuses_everything_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
