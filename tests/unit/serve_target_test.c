/* What a service may point at. */
#include "adapters/serve_target.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct serve_target t;

static int read_target(const char *text, bool off_host)
{
    static struct service s; /* a path is a view into it */
    s = (struct service){.off_host = off_host};
    (void)snprintf(s.target, sizeof(s.target), "%s", text);
    return serve_target_read(&t, &s);
}

static void expect(const char *const *addresses, size_t count)
{
    char text[ADDR_TEXT_MAX];
    assert_int_equal(t.kind, SERVE_ADDRESSES);
    assert_int_equal(t.count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(addr_print(&t.address[i], text), addresses[i]);
}

static void this_machine_is_tried_on_both_loopbacks(void **state)
{
    (void)state;
    static const char *const both[] = {"127.0.0.1:3000", "[::1]:3000"};
    assert_int_equal(read_target("localhost:3000", false), 0);
    expect(both, 2);
    assert_int_equal(read_target("127.0.0.1:3000", false), 0);
    expect(both, 2);
    assert_int_equal(read_target("[::1]:3000", false), 0);
    expect(both + 1, 1);
    static const char *const stub[] = {"127.0.0.53:53"};
    assert_int_equal(read_target("127.0.0.53:53", false), 0);
    expect(stub, 1);
}

static void other_hosts_need_off_host(void **state)
{
    (void)state;
    static const char *const hosts[] = {"192.0.2.1:80", "[2001:db8::1]:80", "printer.lan:631"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(read_target(hosts[i], false), -EPERM);
        assert_int_equal(read_target(hosts[i], true), 0);
    }
    assert_int_equal(t.kind, SERVE_NAME);
    assert_string_equal(t.host, "printer.lan");
    assert_int_equal(t.port, 631);
}

static void nobodys_and_groups_addresses_and_secrets_are_never_dialled(void **state)
{
    (void)state;
    static const char *const never[] = {"169.254.169.254:80",
                                        "[::ffff:169.254.169.254]:80",
                                        "[fd00:ec2::254]:80",
                                        "0.0.0.0:80",
                                        "[::]:80",
                                        "224.0.0.1:80",
                                        "[ff02::1]:80",
                                        "[::ffff:0.0.0.0]:80",
                                        "127.0.0.1:0"};
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        assert_int_equal(read_target(never[i], true), -EPERM);
    assert_int_equal(read_target("[::ffff:192.0.2.1]:80", false), -EPERM);
    assert_int_equal(read_target("[::ffff:127.0.0.1]:80", false), 0);
}

static void a_path_is_a_unix_socket(void **state)
{
    (void)state;
    assert_int_equal(read_target("unix:/run/app.sock", false), 0);
    assert_int_equal(t.kind, SERVE_UNIX);
    assert_string_equal(t.path, "/run/app.sock");
}

static void anything_else_is_no_target(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",          "3000",       "unix:",       "unix:/",          "unix:x",
        "localhost", "localhost:", "localhost:0", "localhost:65536", "a b:80",
        ":80",       "a/b:80",     "[::1:80",     "http://x:80"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(read_target(bad[i], true), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(this_machine_is_tried_on_both_loopbacks),
        cmocka_unit_test(other_hosts_need_off_host),
        cmocka_unit_test(nobodys_and_groups_addresses_and_secrets_are_never_dialled),
        cmocka_unit_test(a_path_is_a_unix_socket),
        cmocka_unit_test(anything_else_is_no_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
