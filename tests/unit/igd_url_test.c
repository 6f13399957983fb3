/* URLs that a device on the network gives us, and where they may lead. */
#include "gateway/nat/igd_url.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct addr router(void)
{
    struct addr a;
    assert_int_equal(addr_parse_ip(&a, "192.168.7.1", 0), 0);
    return a;
}

static int parse(struct igd_url *out, const char *text)
{
    const struct addr r = router();
    return igd_url_parse(out, text, strlen(text), &r);
}

static void an_address_of_the_router_is_taken_apart(void **state)
{
    (void)state;
    struct igd_url u;
    char at[ADDR_TEXT_MAX];

    assert_int_equal(parse(&u, "http://192.168.7.1:5000/rootDesc.xml"), 0);
    assert_string_equal(addr_print(&u.at, at), "192.168.7.1:5000");
    assert_string_equal(u.path, "/rootDesc.xml");
    assert_int_equal(parse(&u, "HTTP://192.168.7.1"), 0);
    assert_string_equal(addr_print(&u.at, at), "192.168.7.1:80");
    assert_string_equal(u.path, "/");
}

static void another_host_is_not_talked_to(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "http://192.168.7.2:5000/",
        "http://example.org/",
        "http://127.0.0.1:631/",
        "http://192.168.7.1@10.0.0.1/",
        "https://192.168.7.1/",
        "ftp://192.168.7.1/",
        "http://",
        "http:///x",
        "",
        "http://192.168.7.1:0/",
        "http://192.168.7.1:70000/",
        "http://192.168.7.1/a b",
        "http://192.168.7.1/a\r\nX: y",
        "http://[::ffff:192.168.7.1]/x",
        "http://192.168.7.1\x01/",
    };
    struct igd_url u;

    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
        assert_int_equal(parse(&u, BAD[i]), -EINVAL);
}

static void a_path_has_an_end(void **state)
{
    (void)state;
    char text[400] = "http://192.168.7.1/";
    struct igd_url u;

    memset(text + strlen(text), 'a', 254);
    assert_int_equal(parse(&u, text), 0);
    assert_int_equal(strlen(u.path), 255);
    strcat(text, "a");
    assert_int_equal(parse(&u, text), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_of_the_router_is_taken_apart),
        cmocka_unit_test(another_host_is_not_talked_to),
        cmocka_unit_test(a_path_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
