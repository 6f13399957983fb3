/* Addresses as text and by class. */
#include "gateway/base/addr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct addr ip(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse_ip(&a, text, 0), 0);
    return a;
}

static void prints_what_it_reads(void **state)
{
    static const char *const good[] = {
        "192.0.2.7:4433", "0.0.0.0:0",        "255.255.255.255:65535", "[2001:db8::1]:443",
        "[::]:0",         "[fe80::1%2]:4433", "[::ffff:192.0.2.1]:80", "[fe80::%4294967295]:1",
    };
    char text[ADDR_TEXT_MAX];
    struct addr a;
    (void)state;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(addr_parse(&a, good[i]), 0);
        assert_string_equal(addr_print(&a, text), good[i]);
    }
    assert_string_equal(addr_print_ip(&a, text), "fe80::%4294967295");
    memset(&a, 0, sizeof(a));
    assert_string_equal(addr_print(&a, text), "none");
    assert_string_equal(addr_print_ip(&a, text), "none");
}

static void fits_the_longest_address_in_its_buffer(void **state)
{
    static const char longest[] = "[2001:2001:2001:2001:2001:2001:2001:2001%4294967295]:65535";
    char text[ADDR_TEXT_MAX];
    struct addr a;
    (void)state;

    assert_int_equal(addr_parse(&a, longest), 0);
    assert_string_equal(addr_print(&a, text), longest);
}

static void refuses_what_is_no_address(void **state)
{
    static const char *const bad[] = {
        "",
        ":",
        "192.0.2.7",
        "192.0.2.7:",
        "192.0.2.7:65536",
        "192.0.2:1",
        "192.0.2.07:1",
        "1.2.3.4.5:1",
        "2001:db8::1:443",
        "[2001:db8::1]",
        "[2001:db8::1]443",
        "[192.0.2.7]:1",
        "[::1:5",
        "::1]:5",
        "[]:5",
        "[fe80::1%]:1",
        "[fe80::1%eth0]:1",
        "[fe80::1%-1]:1",
        "[fe80::1%4294967296]:1",
        " 1.2.3.4:5",
        "1.2.3.4 :5",
        "host:80",
        "[::1]:+5",
        "[2001:2001:2001:2001:2001:2001:2001:2001:2001:2001:2001:2001:2001]:1",
    };
    struct addr a;
    (void)state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(addr_parse(&a, bad[i]), -EINVAL);
}

static void refuses_every_cut_of_an_address(void **state)
{
    static const char whole[] = "[2001:db8::1%2]:4433";
    char cut[sizeof(whole)];
    struct addr a;
    (void)state;

    for (size_t len = 0; len < sizeof(whole) - 4; len++) {
        memcpy(cut, whole, len);
        cut[len] = '\0';
        assert_int_equal(addr_parse(&a, cut), -EINVAL);
    }
}

static void compares_family_address_scope_and_port(void **state)
{
    struct addr a = ip("fe80::1%2"), b = ip("fe80::1%3"), c = a, none;
    (void)state;

    memset(&none, 0, sizeof(none));
    assert_true(addr_equal(&a, &c));
    addr_set_port(&c, 5);
    assert_int_equal(addr_port(&c), 5);
    assert_false(addr_equal(&a, &c));
    assert_true(addr_same_ip(&a, &c));
    assert_false(addr_same_ip(&a, &b));
    assert_false(addr_same_ip(&a, &none));
    assert_true(addr_equal(&none, &none));
    a = ip("0.0.0.0");
    assert_false(addr_same_ip(&a, &none));
    addr_set_port(&none, 5);
    assert_true(addr_is_none(&none));
    assert_int_equal(addr_len(&none), 0);
}

static void takes_what_the_kernel_gives(void **state)
{
    struct addr a, b;
    struct sockaddr other = {.sa_family = AF_UNIX};
    (void)state;

    assert_int_equal(addr_parse(&a, "[fe80::1%2]:4433"), 0);
    a.v6.sin6_flowinfo = 77; /* means nothing to us and must not make two of one address */
    b = addr_from_sockaddr(&a.sa);
    assert_true(addr_equal(&a, &b));
    assert_int_equal(b.v6.sin6_flowinfo, 0);
    assert_int_equal(addr_parse(&a, "192.0.2.7:1"), 0);
    b = addr_from_sockaddr(&a.sa);
    assert_true(addr_equal(&a, &b));
    b = addr_from_sockaddr(&other);
    assert_true(addr_is_none(&b));
    b = addr_from_sockaddr(NULL);
    assert_true(addr_is_none(&b));
}

static void sees_an_ipv4_address_in_its_disguise(void **state)
{
    struct addr disguised = ip("::ffff:127.0.0.1"), plain = addr_unmapped(disguised);
    struct addr other = ip("2001:db8::1"), same = addr_unmapped(other);
    (void)state;

    assert_false(addr_is_v6(&plain));
    assert_true(addr_is_loopback(&plain));
    assert_true(addr_is_loopback(&disguised));
    assert_true(addr_equal(&other, &same));
}

static void tells_the_classes_apart(void **state)
{
    static const struct {
        const char *text;
        char class; /* l loopback, u unspecified, m multicast, k link local, p private, - public */
    } known[] = {
        {"127.0.0.1", 'l'},
        {"127.255.0.9", 'l'},
        {"::1", 'l'},
        {"0.0.0.0", 'u'},
        {"::", 'u'},
        {"224.0.0.1", 'm'},
        {"239.255.1.2", 'm'},
        {"ff02::1", 'm'},
        {"169.254.169.254", 'k'},
        {"fe80::1%2", 'k'},
        {"febf::1", 'k'},
        {"10.1.2.3", 'p'},
        {"172.16.0.1", 'p'},
        {"172.31.255.255", 'p'},
        {"192.168.1.1", 'p'},
        {"100.64.0.1", 'p'},
        {"100.127.255.255", 'p'},
        {"fd00::1", 'p'},
        {"fc00::1", 'p'},
        {"172.32.0.1", '-'},
        {"100.128.0.1", '-'},
        {"192.0.2.7", '-'},
        {"126.255.255.255", '-'},
        {"128.0.0.1", '-'},
        {"223.255.255.255", '-'},
        {"240.0.0.1", '-'},
        {"2001:db8::1", '-'},
        {"fec0::1", '-'},
        {"::2", '-'},
        {"::ffff:10.0.0.1", 'p'},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct addr a = ip(known[i].text);
        assert_int_equal(addr_is_loopback(&a), known[i].class == 'l');
        assert_int_equal(addr_is_unspecified(&a), known[i].class == 'u');
        assert_int_equal(addr_is_multicast(&a), known[i].class == 'm');
        assert_int_equal(addr_is_link_local(&a), known[i].class == 'k');
        assert_int_equal(addr_is_private(&a), known[i].class == 'p');
    }
}

static void knows_the_range_that_customers_of_a_provider_share(void **state)
{
    (void)state;
    const struct addr first = ip("100.64.0.0"), last = ip("100.127.255.255");
    const struct addr before = ip("100.63.255.255"), after = ip("100.128.0.0"),
                      home = ip("10.0.0.1");

    assert_true(addr_is_shared(&first));
    assert_true(addr_is_shared(&last));
    assert_false(addr_is_shared(&before));
    assert_false(addr_is_shared(&after));
    assert_false(addr_is_shared(&home));
}

static bool within(const char *prefix, const char *text)
{
    struct addr_prefix p;
    struct addr a = ip(text);
    assert_int_equal(addr_prefix_parse(&p, prefix), 0);
    return addr_prefix_contains(&p, &a);
}

static void knows_what_a_prefix_contains(void **state)
{
    static const char *const bad[] = {"",          "/8",          "10.0.0.0/33",
                                      "10.0.0.0/", "::/129",      "10.0.0.0/8/",
                                      "10.0.0/8",  "10.0.0.0/-1", "10.0.0.0/08"};
    struct addr_prefix p;
    (void)state;

    assert_true(within("10.0.0.0/8", "10.255.0.1"));
    assert_false(within("10.0.0.0/8", "11.0.0.0"));
    assert_true(within("192.0.2.128/25", "192.0.2.200"));
    assert_false(within("192.0.2.128/25", "192.0.2.127"));
    assert_true(within("0.0.0.0/0", "203.0.113.9"));
    assert_false(within("0.0.0.0/0", "2001:db8::1"));
    assert_true(within("2001:db8::/32", "2001:db8:ffff::1"));
    assert_true(within("[::1]", "::1"));
    assert_false(within("192.0.2.7", "192.0.2.6"));
    assert_true(within("10.0.0.0/8", "::ffff:10.1.1.1"));
    assert_true(within("::ffff:10.0.0.0/104", "10.1.1.1"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(addr_prefix_parse(&p, bad[i]), -EINVAL);
}

static bool one_caller(const char *a, const char *b)
{
    const struct addr x = ip(a), y = ip(b);
    return addr_same_caller(&x, &y) && addr_same_caller(&y, &x);
}

static void takes_a_64_of_ipv6_for_one_caller(void **state)
{
    (void)state;
    assert_true(one_caller("192.0.2.1", "192.0.2.1"));
    assert_true(one_caller("192.0.2.1", "::ffff:192.0.2.1"));
    assert_false(one_caller("192.0.2.1", "192.0.2.2"));
    assert_false(one_caller("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
    assert_true(one_caller("2001:db8::1", "2001:db8::ffff:1"));
    assert_false(one_caller("2001:db8::1", "2001:db8:0:1::1"));
    assert_false(one_caller("2001:db8::1", "192.0.2.1"));
    assert_int_equal(addr_caller(&(struct addr){0}).len, 0);
}

static void prints_a_prefix_as_it_is_written(void **state)
{
    static const char *const text[] = {"192.0.2.0/24", "192.0.2.7", "2001:db8::/32", "::/0", "::1"};
    char out[ADDR_PREFIX_TEXT_MAX];
    struct addr_prefix p, other;
    (void)state;

    for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
        assert_int_equal(addr_prefix_parse(&p, text[i]), 0);
        assert_string_equal(addr_prefix_print(&p, out), text[i]);
        assert_true(addr_prefix_is_exact(&p));
    }
    assert_int_equal(addr_prefix_parse(&p, "192.0.2.128/24"), 0);
    assert_false(addr_prefix_is_exact(&p));
    assert_int_equal(addr_prefix_parse(&p, "192.0.2.128/25"), 0);
    assert_true(addr_prefix_is_exact(&p));
    assert_int_equal(addr_prefix_parse(&other, "192.0.2.128/26"), 0);
    assert_false(addr_prefix_equal(&p, &other));
    assert_true(addr_prefix_equal(&p, &p));
}

static bool is_everybody(const char *prefix, const char *text)
{
    struct addr_prefix p;
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    assert_int_equal(addr_prefix_parse(&p, prefix), 0);
    return addr_prefix_is_everybody(&p, &a);
}

static void knows_who_is_everybody_in_a_network(void **state)
{
    (void)state;
    assert_true(is_everybody("192.168.1.0/24", "192.168.1.255:1"));
    assert_true(is_everybody("10.0.0.0/8", "10.255.255.255:1"));
    assert_true(is_everybody("192.168.1.0/24", "[::ffff:192.168.1.255]:1"));
    assert_false(is_everybody("192.168.0.0/16", "192.168.1.255:1"));
    assert_false(is_everybody("192.168.1.0/24", "192.168.2.255:1"));
    assert_false(is_everybody("192.0.2.1/32", "192.0.2.1:1"));
    assert_false(is_everybody("192.0.2.0/31", "192.0.2.1:1"));
    assert_false(is_everybody("2001:db8::/64", "[2001:db8::ffff:ffff:ffff:ffff]:1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_what_it_reads),
        cmocka_unit_test(fits_the_longest_address_in_its_buffer),
        cmocka_unit_test(refuses_what_is_no_address),
        cmocka_unit_test(refuses_every_cut_of_an_address),
        cmocka_unit_test(compares_family_address_scope_and_port),
        cmocka_unit_test(takes_what_the_kernel_gives),
        cmocka_unit_test(sees_an_ipv4_address_in_its_disguise),
        cmocka_unit_test(tells_the_classes_apart),
        cmocka_unit_test(knows_the_range_that_customers_of_a_provider_share),
        cmocka_unit_test(knows_what_a_prefix_contains),
        cmocka_unit_test(prints_a_prefix_as_it_is_written),
        cmocka_unit_test(knows_who_is_everybody_in_a_network),
        cmocka_unit_test(takes_a_64_of_ipv6_for_one_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
