/* Which addresses a remote peer may make us probe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gateway/punch/attempt.h"

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static bool may(const char *text, bool shares_network)
{
    struct addr a = at(text);
    return punch_may_probe(&a, NULL, 0, shares_network);
}

static void public_addresses_may_be_probed(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "203.0.113.7:4433", "8.8.8.8:1024",        "172.32.0.1:5000",
        "100.128.0.1:5000", "192.169.0.1:65535",   "11.0.0.1:7777",
        "[2600::1]:7777",   "[2a02:1234::9]:1024", "[2001:200::1]:5000"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_true(may(texts[i], false));
}

static void private_addresses_only_on_a_shared_network(void **state)
{
    (void)state;
    static const char *const texts[] = {"10.1.2.3:7777",    "172.16.0.1:7777", "172.31.255.1:7777",
                                        "192.168.1.2:7777", "100.64.0.1:7777", "100.127.0.1:7777",
                                        "[fc00::1]:7777",   "[fd12:3::4]:7777"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_false(may(texts[i], false));
        assert_true(may(texts[i], true));
    }
}

static void what_nobody_is_at_is_never_probed(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0.0.0.0:7777",     "0.1.2.3:7777",     "127.0.0.1:7777",   "127.9.9.9:7777",
        "169.254.1.1:7777", "224.0.0.251:5353", "239.1.1.1:7777",   "255.255.255.255:7777",
        "240.0.0.1:7777",   "192.0.0.9:7777",   "192.88.99.1:7777", "[::]:7777",
        "[::1]:7777",       "[fe80::1%2]:7777", "[fe80::1]:7777",   "[febf::1]:7777",
        "[fec0::1]:7777",   "[ff02::1]:7777",   "[ff0e::1]:7777",   "[100::1]:7777",
        "[4000::1]:7777"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(may(texts[i], true));
}

static void ipv4_in_disguise_is_never_probed(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[::ffff:203.0.113.7]:7777", /* mapped */
        "[::ffff:127.0.0.1]:7777",
        "[::203.0.113.7]:7777",              /* compatible */
        "[::ffff:0:203.0.113.7]:7777",       /* translated, RFC 2765 */
        "[64:ff9b::203.0.113.7]:7777",       /* NAT64 */
        "[64:ff9b:1::10.0.0.1]:7777",        /* RFC 8215 */
        "[2002:7f00:1::1]:7777",             /* 6to4 */
        "[2001:0:1234::5678]:7777",          /* Teredo */
        "[2001:1:2:3:0:5efe:10.0.0.1]:7777", /* ISATAP */
        "[2600::200:5efe:127.0.0.1]:7777",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(may(texts[i], true));
}

static void low_ports_are_never_probed(void **state)
{
    (void)state;
    assert_false(may("203.0.113.7:0", true));
    assert_false(may("203.0.113.7:53", true));
    assert_false(may("203.0.113.7:1023", true));
    assert_false(may("[2600::1]:443", true));
}

static void no_address_is_not_probed(void **state)
{
    (void)state;
    assert_false(punch_may_probe(&(struct addr){0}, NULL, 0, true));
}

static void own_addresses_are_not_probed(void **state)
{
    (void)state;
    const struct addr own[] = {at("203.0.113.7:7777"), at("[2600::1]:0")};
    struct addr a = at("203.0.113.7:7777"), b = at("203.0.113.7:7778"), c = at("[2600::1]:9999");

    assert_false(punch_may_probe(&a, own, 2, false));
    assert_true(punch_may_probe(&b, own, 2, false)); /* another machine behind our NAT */
    assert_false(punch_may_probe(&c, own, 2, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_addresses_may_be_probed),
        cmocka_unit_test(private_addresses_only_on_a_shared_network),
        cmocka_unit_test(what_nobody_is_at_is_never_probed),
        cmocka_unit_test(ipv4_in_disguise_is_never_probed),
        cmocka_unit_test(low_ports_are_never_probed),
        cmocka_unit_test(no_address_is_not_probed),
        cmocka_unit_test(own_addresses_are_not_probed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
