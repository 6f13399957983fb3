/* Who may talk to us, by address. */
#include "gateway/node/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t SECRET[MAP_SECRET_LEN] = {1, 2, 3};

static struct addr at(const char *ip)
{
    struct addr a;
    assert_int_equal(addr_parse_ip(&a, ip, 4433), 0);
    return a;
}

static void set(struct access *a, const char *const *allow, const char *const *block)
{
    struct addr_prefix list[2][4];
    struct access_lists lists = {.allow = list[0], .block = list[1]};

    for (; allow && allow[lists.allow_count]; lists.allow_count++)
        assert_int_equal(addr_prefix_parse(&list[0][lists.allow_count], allow[lists.allow_count]),
                         0);
    for (; block && block[lists.block_count]; lists.block_count++)
        assert_int_equal(addr_prefix_parse(&list[1][lists.block_count], block[lists.block_count]),
                         0);
    assert_int_equal(access_set(a, &lists), 0);
}

static bool admits(struct access *a, instant now, const char *ip)
{
    struct addr from = at(ip);
    return access_admits(a, now, &from);
}

static int begin(void **state)
{
    static struct access access;
    access_init(&access, SECRET);
    *state = &access;
    return 0;
}

static int end(void **state)
{
    access_deinit(*state);
    return 0;
}

static void lets_everybody_in_without_lists(void **state)
{
    struct access *a = *state;
    const struct addr none = {0};

    assert_true(admits(a, SEC(1), "192.0.2.1"));
    assert_true(admits(a, SEC(1), "2001:db8::1"));
    assert_true(access_admits(a, SEC(1), &none));
    assert_int_equal(access_count_shut(a, SEC(1)), 0);
}

static void keeps_out_whom_the_block_list_names(void **state)
{
    struct access *a = *state;
    set(a, NULL, (const char *[]){"192.0.2.0/25", "2001:db8:1::/48", NULL});
    assert_false(admits(a, 1, "192.0.2.127"));
    assert_true(admits(a, 1, "192.0.2.128"));
    assert_false(admits(a, 1, "2001:db8:1:ffff::9"));
    assert_true(admits(a, 1, "2001:db8:2::9"));
}

static void lets_in_only_whom_the_allow_list_names(void **state)
{
    struct access *a = *state;
    set(a, (const char *[]){"192.0.2.0/24", NULL}, NULL);
    assert_true(admits(a, 1, "192.0.2.9"));
    assert_false(admits(a, 1, "198.51.100.9"));
    assert_false(admits(a, 1, "2001:db8::9"));
}

static void more_may_be_blocked_than_the_lists_name(void **state)
{
    struct access *a = *state;
    struct addr_prefix more[2];

    assert_int_equal(addr_prefix_parse(&more[0], "192.0.2.0/24"), 0);
    assert_int_equal(addr_prefix_parse(&more[1], "198.51.100.0/24"), 0);
    assert_false(access_block_more(a, more, 0));
    assert_true(admits(a, 1, "198.51.100.1"));
    assert_true(access_block_more(a, more, 2));
    assert_false(access_block_more(a, more, 2)); /* the same */
    assert_false(admits(a, 1, "192.0.2.1"));
    assert_false(admits(a, 1, "198.51.100.1"));
    set(a, (const char *[]){"198.51.100.0/24", NULL}, NULL);
    assert_false(admits(a, 1, "198.51.100.1"));
    assert_true(access_block_more(a, more, 1));
    assert_true(admits(a, 1, "198.51.100.1"));
}

static void deny_beats_allow(void **state)
{
    struct access *a = *state;
    set(a, (const char *[]){"192.0.2.0/24", NULL}, (const char *[]){"192.0.2.7", NULL});
    assert_true(admits(a, 1, "192.0.2.6"));
    assert_false(admits(a, 1, "192.0.2.7"));
}

static void sees_through_ipv4_in_ipv6(void **state)
{
    struct access *a = *state;
    set(a, NULL, (const char *[]){"192.0.2.0/24", "::ffff:198.51.100.0/120", NULL});
    assert_false(admits(a, 1, "::ffff:192.0.2.9"));
    assert_false(admits(a, 1, "198.51.100.9"));
    assert_true(admits(a, 1, "::ffff:203.0.113.9"));
}

static void new_lists_count_at_once(void **state)
{
    struct access *a = *state;
    set(a, NULL, (const char *[]){"203.0.113.0/24", NULL});
    assert_true(admits(a, 1, "192.0.2.1"));
    set(a, NULL, (const char *[]){"192.0.2.0/24", NULL});
    assert_false(admits(a, 1, "192.0.2.1"));
    set(a, NULL, NULL);
    assert_true(admits(a, 1, "192.0.2.1"));
}

static void shuts_an_address_for_a_while_and_its_v6_neighbours_with_it(void **state)
{
    struct access *a = *state;
    struct addr v4 = at("192.0.2.1"), v6 = at("2001:db8::1");

    assert_true(access_shut(a, &v4, SEC(10)));
    assert_true(access_shut(a, &v6, SEC(20)));
    assert_int_equal(access_count_shut(a, SEC(5)), 2);
    assert_false(admits(a, SEC(5), "192.0.2.1"));
    assert_false(admits(a, SEC(5), "::ffff:192.0.2.1"));
    assert_true(admits(a, SEC(5), "192.0.2.2"));
    assert_false(admits(a, SEC(15), "2001:db8::ffff:1"));
    assert_true(admits(a, SEC(15), "2001:db8:0:1::1"));
    assert_true(admits(a, SEC(10), "192.0.2.1"));
    assert_true(admits(a, SEC(20), "2001:db8::1"));
    assert_int_equal(access_count_shut(a, SEC(20)), 0);
}

static void shuts_no_address_that_the_allow_list_names(void **state)
{
    struct access *a = *state;
    struct addr named = at("192.0.2.1");
    set(a, (const char *[]){"192.0.2.0/24", NULL}, NULL);
    assert_false(access_shut(a, &named, SEC(10)));
    assert_true(access_admits(a, SEC(5), &named));
}

static void keeps_the_latest_of_very_many(void **state)
{
    struct access *a = *state;
    struct addr last = {0};

    for (unsigned i = 0; i < 20 * ACCESS_SHUT_MAX; i++) {
        const uint8_t ip[4] = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        last = addr_v4(ip, 1);
        assert_true(access_shut(a, &last, SEC(100) + i));
    }
    assert_false(access_admits(a, SEC(1), &last));
    assert_int_equal(access_count_shut(a, SEC(1)), ACCESS_SHUT_MAX);
}

static void counts_whom_it_refuses(void **state)
{
    struct access *a = *state;
    struct addr bad = at("192.0.2.1"), good = at("192.0.2.2");
    set(a, NULL, (const char *[]){"192.0.2.1", NULL});
    assert_false(access_enters(a, 1, &bad));
    assert_false(access_enters(a, 1, &bad));
    assert_true(access_enters(a, 1, &good));
    assert_int_equal(a->refused, 2);
}

#define SENTENCE(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SENTENCE(lets_everybody_in_without_lists),
        SENTENCE(keeps_out_whom_the_block_list_names),
        SENTENCE(lets_in_only_whom_the_allow_list_names),
        SENTENCE(more_may_be_blocked_than_the_lists_name),
        SENTENCE(deny_beats_allow),
        SENTENCE(sees_through_ipv4_in_ipv6),
        SENTENCE(new_lists_count_at_once),
        SENTENCE(shuts_an_address_for_a_while_and_its_v6_neighbours_with_it),
        SENTENCE(shuts_no_address_that_the_allow_list_names),
        SENTENCE(keeps_the_latest_of_very_many),
        SENTENCE(counts_whom_it_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
