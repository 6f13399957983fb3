/* What `share` may point at. */
#include "config/settings/target.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void reads(const char *text, const char *as, uint16_t port, bool off_host)
{
    struct share_target t;

    assert_int_equal(share_target_parse(&t, text), 0);
    assert_string_equal(t.text, as);
    assert_int_equal(t.port, port);
    assert_int_equal(t.off_host, off_host);
}

static void every_form_is_read(void **state)
{
    (void)state;

    reads("3000", "localhost:3000", 3000, false);
    reads("localhost:3000", "localhost:3000", 3000, false);
    reads("127.0.0.1:22", "127.0.0.1:22", 22, false);
    reads("127.0.0.53:53", "127.0.0.53:53", 53, false);
    reads("[::1]:65535", "[::1]:65535", 65535, false);
    reads("unix:/run/x.sock", "unix:/run/x.sock", 0, false);
    reads("192.0.2.1:80", "192.0.2.1:80", 80, true);
    reads("nas.example:80", "nas.example:80", 80, true);
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",       "0",         "65536",      "-1",        "3000x",       "unix:",  "unix:x",
        "unix:/", "localhost", "localhost:", "127.0.0.1", "127.0.0.1:0", "::1:80", "1.2.3:80",
        "-x:80",  "a_b:80",    "nas:0",      "+80",       " 80"};
    struct share_target t;
    char longer[400];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(share_target_parse(&t, bad[i]), -EINVAL);
    memset(longer, 'a', sizeof(longer));
    memcpy(longer, "unix:/", 6);
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(share_target_parse(&t, longer), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_read),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
