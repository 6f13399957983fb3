#include "gateway/node/punch_budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct punch_common all;

static int begin(void **state)
{
    (void)state;
    all = (struct punch_common){.secret = {{1, 2}, {3, 4}}};
    return 0;
}

static struct addr port(uint16_t n)
{
    static const uint8_t IP[4] = {203, 0, 113, 9};
    return addr_v4(IP, n);
}

/* How many of `n` probes may be sent. */
static unsigned take(struct punch_budget *b, instant now, uint16_t to, unsigned n)
{
    const struct addr a = port(to);
    unsigned taken = 0;
    for (unsigned i = 0; i < n; i++)
        taken += punch_budget_take(b, &all, now, &a);
    return taken;
}

static void an_address_gets_twenty_probes_in_an_hour(void **state)
{
    struct punch_budget b = {0};
    (void)state;
    assert_int_equal(take(&b, SEC(1), 5000, 12), 12);
    assert_int_equal(take(&b, SEC(60), 5000, 100), 8);
    assert_int_equal(take(&b, SEC(60), 5001, 5), 5);
    assert_int_equal(take(&b, SEC(3601) - 1, 5000, 100), 0);
    assert_int_equal(take(&b, SEC(3601), 5000, 100), 20);
}

static void an_opener_is_not_counted_but_makes_a_mapping(void **state)
{
    struct punch_budget b = {0};
    const struct addr a = port(5000);
    (void)state;
    assert_false(punch_budget_has_mapping(&b, SEC(1), &a));
    punch_budget_sent(&b, SEC(1), &a);
    assert_true(punch_budget_has_mapping(&b, SEC(2), &a));
    assert_int_equal(take(&b, SEC(2), 5000, 100), 20);
}

static void one_that_answered_gets_as_many_as_it_takes(void **state)
{
    struct punch_budget b = {0};
    const struct addr a = port(5000), stranger = port(6000);
    (void)state;
    punch_budget_answered(&b, &all, &stranger); /* nobody asked it */
    assert_int_equal(take(&b, SEC(1), 5000, 20), 20);
    punch_budget_answered(&b, &all, &a);
    assert_int_equal(take(&b, SEC(1), 5000, 100), 100);
    assert_int_equal(take(&b, SEC(3601), 5000, 100), 20); /* that was long ago */
}

static void every_port_of_a_host_gets_twenty_however_many_are_named(void **state)
{
    struct punch_budget b = {0};
    (void)state;
    for (uint16_t i = 0; i < 32; i++)
        assert_int_equal(take(&b, SEC(1), (uint16_t)(5000 + i), 1), 1);
    for (uint16_t i = 0; i < 32; i++)
        assert_in_range(take(&b, SEC(60), (uint16_t)(5000 + i), 100), 0, 19);
    assert_in_range(take(&b, SEC(3602), 5031, 100), 1, 20);
}

static void a_search_is_let_through(void **state)
{
    struct punch_budget b = {0};
    unsigned taken = 0;
    (void)state;
    for (unsigned search = 0; search < 4; search++)
        for (unsigned i = 0; i < 1024; i++)
            taken += take(&b, SEC(1), (uint16_t)(1024 + 61 * i), 1);
    assert_int_equal(taken, 4 * 1024);
}

static void a_port_of_a_search_that_answered_gets_as_many_as_it_takes(void **state)
{
    struct punch_budget b = {0};
    (void)state;
    for (uint16_t i = 0; i < 64; i++)
        (void)take(&b, SEC(1), (uint16_t)(5000 + i), 15);
    const struct addr hit = port(5060);
    punch_budget_answered(&b, &all, &hit);
    assert_int_equal(take(&b, SEC(1), 5060, 100), 100);
    for (uint16_t i = 0; i < 60; i++) /* none of them forgotten */
        assert_in_range(take(&b, SEC(1), (uint16_t)(5000 + i), 100), 0, 5);
}

static void hosts_that_cannot_be_counted_get_nothing(void **state)
{
    struct punch_budget b = {0};
    uint8_t ip[4] = {192, 0, 2, 0};
    (void)state;
    for (; ip[3] < PUNCH_BUDGET_ADDRESSES; ip[3]++) {
        const struct addr a = addr_v4(ip, 5000);
        assert_true(punch_budget_take(&b, &all, SEC(1), &a));
    }
    const struct addr more = addr_v4(ip, 5000);
    assert_false(punch_budget_take(&b, &all, SEC(1), &more));
    assert_true(punch_budget_take(&b, &all, SEC(3601), &more));
}

static void peers_in_league_have_one_share_of_an_address(void **state)
{
    static struct punch_budget b[10];
    unsigned taken = 0;
    (void)state;
    memset(b, 0, sizeof(b));
    for (unsigned i = 0; i < 10; i++)
        taken += take(&b[i], SEC(1 + 60 * i), 5000, 15);
    assert_int_equal(taken, 20);
    for (unsigned i = 0; i < 10; i++) /* nor among the ports of a search */
        for (uint16_t k = 0; k < 20; k++)
            (void)take(&b[i], SEC(1200), (uint16_t)(7000 + k), 4);
    for (uint16_t k = 0; k < 20; k++)
        assert_in_range(take(&b[9], SEC(1200), (uint16_t)(7000 + k), 1), 0, 0);
    assert_int_equal(take(&b[9], SEC(1200), 6000, 15), 15);
    const struct addr a = port(5000);
    punch_budget_answered(&b[0], &all, &a); /* to whom it answers it is no third */
    assert_int_equal(take(&b[0], SEC(1200), 5000, 100), 100);
    assert_int_equal(take(&b[1], SEC(1200), 5000, 100), 0);
    assert_int_equal(take(&b[2], SEC(3601), 5000, 100), 20);
}

static void another_network_is_another_start(void **state)
{
    struct punch_budget b = {0}, fresh = {0};
    (void)state;
    assert_int_equal(take(&b, SEC(1), 5000, 100), 20);
    punch_common_clear(&all);
    assert_int_equal(take(&fresh, SEC(2), 5000, 100), 20);
}

static void many_addresses_hardly_get_in_one_anothers_way(void **state)
{
    static struct punch_budget b;
    unsigned taken = 0;
    (void)state;
    for (uint16_t i = 0; i < 4000; i++) {
        b = (struct punch_budget){0};
        taken += take(&b, SEC(1), (uint16_t)(2000 + i), 20);
    }
    assert_in_range(taken, 4000 * 20 * 9 / 10, 4000 * 20);
}

static void is_unspent_when_the_last_of_it_is_long_ago(void **state)
{
    struct punch_budget b = {0};
    (void)state;
    assert_int_equal(punch_budget_ends(&b), 0);
    assert_int_equal(take(&b, SEC(1), 5000, 1), 1);
    assert_int_equal(take(&b, SEC(7), 5001, 1), 1);
    assert_int_equal(punch_budget_ends(&b), SEC(7) + PUNCH_BUDGET_TIME);
}

static void knows_for_a_while_where_a_main_socket_has_sent_to(void **state)
{
    struct punch_budget b = {0};
    const struct addr a = port(5000), other = port(5001);
    (void)state;
    assert_int_equal(take(&b, SEC(1), 5000, 1), 1);
    assert_false(punch_budget_has_mapping(&b, SEC(1), &a)); /* by another socket */
    punch_budget_sent(&b, SEC(1), &a);
    assert_true(punch_budget_has_mapping(&b, SEC(30), &a));
    assert_false(punch_budget_has_mapping(&b, SEC(30), &other));
    assert_false(punch_budget_has_mapping(&b, SEC(60), &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_address_gets_twenty_probes_in_an_hour, begin),
        cmocka_unit_test_setup(an_opener_is_not_counted_but_makes_a_mapping, begin),
        cmocka_unit_test_setup(one_that_answered_gets_as_many_as_it_takes, begin),
        cmocka_unit_test_setup(every_port_of_a_host_gets_twenty_however_many_are_named, begin),
        cmocka_unit_test_setup(a_search_is_let_through, begin),
        cmocka_unit_test_setup(a_port_of_a_search_that_answered_gets_as_many_as_it_takes, begin),
        cmocka_unit_test_setup(hosts_that_cannot_be_counted_get_nothing, begin),
        cmocka_unit_test_setup(peers_in_league_have_one_share_of_an_address, begin),
        cmocka_unit_test_setup(another_network_is_another_start, begin),
        cmocka_unit_test_setup(many_addresses_hardly_get_in_one_anothers_way, begin),
        cmocka_unit_test_setup(is_unspent_when_the_last_of_it_is_long_ago, begin),
        cmocka_unit_test_setup(knows_for_a_while_where_a_main_socket_has_sent_to, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
