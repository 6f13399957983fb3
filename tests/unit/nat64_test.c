#include "gateway/nat/nat64.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse_ip(&a, text, 4433), 0);
    return a;
}

static struct nat64 found(const char *text)
{
    const struct addr list[] = {at("192.0.0.170"), at(text)};
    struct nat64 n;
    assert_int_equal(nat64_find(&n, list, 2), 0);
    return n;
}

/* RFC 6052 §2.4, and what ipv4only.arpa looks like behind each prefix. */
static const struct {
    unsigned bits;
    const char *prefix, *name, *address;
} CASES[] = {
    {32, "2001:db8::/32", "2001:db8:c000:aa::", "2001:db8:c000:221::"},
    {40, "2001:db8:100::/40", "2001:db8:1c0:0:aa::", "2001:db8:1c0:2:21::"},
    {48, "2001:db8:122::/48", "2001:db8:122:c000:0:aa00::", "2001:db8:122:c000:2:2100::"},
    {56, "2001:db8:122:300::/56", "2001:db8:122:3c0:0:ab::", "2001:db8:122:3c0:0:221::"},
    {64, "2001:db8:122:344::/64", "2001:db8:122:344:c0:0:aa00::", "2001:db8:122:344:c0:2:2100::"},
    {96, "2001:db8:122:344::/96", "2001:db8:122:344::192.0.0.171", "2001:db8:122:344::192.0.2.33"},
    {96, "64:ff9b::/96", "64:ff9b::c000:aa", "64:ff9b::192.0.2.33"},
};

static void the_prefix_is_found_at_each_length(void **state)
{
    char text[NAT64_TEXT_MAX];
    (void)state;

    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        const struct nat64 n = found(CASES[i].name);
        assert_int_equal(n.bits, CASES[i].bits);
        assert_string_equal(nat64_print(&n, text), CASES[i].prefix);
    }
}

static void addresses_are_wrapped_and_unwrapped_as_the_rfc_shows(void **state)
{
    const struct addr v4 = at("192.0.2.33");
    (void)state;

    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        const struct nat64 n = found(CASES[i].name);
        const struct addr v6 = at(CASES[i].address), made = nat64_wrap(&n, &v4);
        struct addr back;
        assert_true(addr_equal(&made, &v6));
        assert_true(nat64_unwrap(&n, &v6, &back));
        assert_true(addr_equal(&back, &v4));
    }
}

static void a_name_without_made_addresses_has_no_prefix(void **state)
{
    const struct addr list[] = {at("192.0.0.170"), at("2001:db8::1"), at("2001:db8::192.0.0.172")};
    struct nat64 n;
    (void)state;

    assert_int_equal(nat64_find(&n, list, 3), -ENOENT);
    assert_int_equal(n.bits, 0);
    assert_int_equal(nat64_find(&n, list, 0), -ENOENT);
}

static void a_prefix_that_leads_into_this_machine_or_a_disguise_is_refused(void **state)
{
    static const char *const BAD[] = {"::192.0.0.170", "::ffff:192.0.0.170", "fe80::192.0.0.170",
                                      "ff02::192.0.0.170", "100::192.0.0.171"};
    (void)state;

    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        const struct addr a = at(BAD[i]);
        struct nat64 n;
        assert_int_equal(nat64_find(&n, &a, 1), -ENOENT);
    }
}

static void only_addresses_of_the_internet_are_covered(void **state)
{
    static const char *const NOT[] = {"10.0.0.1",        "192.168.1.1", "100.64.0.1",
                                      "127.0.0.1",       "169.254.1.1", "0.0.0.0",
                                      "255.255.255.255", "224.0.0.1",   "2001:db8::1"};
    const struct nat64 n = found("64:ff9b::192.0.0.170"), none = {.bits = 0};
    const struct addr good = at("198.51.100.9");
    struct addr out;
    (void)state;

    assert_true(nat64_covers(&n, &good));
    assert_false(nat64_covers(&none, &good));
    for (size_t i = 0; i < sizeof(NOT) / sizeof(NOT[0]); i++) {
        const struct addr a = at(NOT[i]);
        assert_false(nat64_covers(&n, &a));
    }
    const struct addr inside = at("64:ff9b::127.0.0.1"), other = at("2001:db8::198.51.100.9");
    assert_false(nat64_unwrap(&n, &inside, &out));
    assert_true(nat64_holds(&n, &inside));
    assert_false(nat64_holds(&n, &other));
    assert_false(nat64_holds(&n, &good));
    assert_false(nat64_holds(&none, &inside));
    assert_false(nat64_unwrap(&n, &other, &out));
    assert_false(nat64_unwrap(&n, &good, &out));
    assert_false(nat64_unwrap(&none, &other, &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_prefix_is_found_at_each_length),
        cmocka_unit_test(addresses_are_wrapped_and_unwrapped_as_the_rfc_shows),
        cmocka_unit_test(a_name_without_made_addresses_has_no_prefix),
        cmocka_unit_test(a_prefix_that_leads_into_this_machine_or_a_disguise_is_refused),
        cmocka_unit_test(only_addresses_of_the_internet_are_covered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
