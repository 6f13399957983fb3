/* Limits: five messages to one address in any second, whatever else happens. */
#include "gateway/discovery/dht_limit.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/random.h"

static struct dht_limit l;
static const uint64_t secret[2] = {1, 2};

static int start(void **state)
{
    (void)state;
    return dht_limit_init(&l, secret, 5, 50, 64);
}

static int stop(void **state)
{
    (void)state;
    dht_limit_deinit(&l);
    return 0;
}

static struct addr address(unsigned net, unsigned host, unsigned port)
{
    char text[40];
    struct addr a;
    (void)snprintf(text, sizeof(text), "20.%u.%u.%u:%u", net / 256, net % 256, host, port);
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static bool may_send(instant now, unsigned net)
{
    const struct addr a = address(net, 1, 1000);
    return dht_limit_send(&l, now, &a);
}

static void in_no_second_go_more_than_five_to_one_address(void **state)
{
    (void)state;
    instant sent[1000];
    unsigned count = 0;
    uint64_t seed = 1;

    for (instant now = SEC(5); now < SEC(65); now += MSEC(1 + random_below(&seed, 120)))
        if (may_send(now, 1))
            sent[count++] = now;
    for (unsigned i = 0; i + 5 < count; i++)
        assert_true(sent[i + 5] - sent[i] >= SEC(1));
    assert_true(count > 60 * 4); /* and not many fewer */
}

/* A stamp has 16 bits of milliseconds, a place 16 bits of seconds. */
static void what_was_sent_long_ago_is_never_new_again(void **state)
{
    (void)state;

    for (unsigned i = 0; i < 5; i++)
        assert_true(may_send(SEC(1), 1));
    assert_false(may_send(SEC(1) + MSEC(999), 1));
    for (instant now = SEC(2); now < SEC(140); now += MSEC(1) * 65535 / 2)
        assert_true(may_send(now, 1));
    for (instant now = SEC(200); now < SEC(65800); now += MSEC(300))
        assert_true(may_send(now, 2)); /* never rests, never too much */
}

static void ports_of_one_address_count_together_but_local_ones_do_not(void **state)
{
    (void)state;
    struct addr a;

    for (unsigned i = 0; i < 5; i++) {
        a = address(1, 1, 1000 + i);
        assert_true(dht_limit_send(&l, SEC(1), &a));
    }
    a = address(1, 1, 2000);
    assert_false(dht_limit_send(&l, SEC(1), &a));
    for (uint16_t port = 1; port < 20; port++) {
        a = addr_loopback(false, port);
        assert_true(dht_limit_send(&l, SEC(1), &a));
    }
}

static void a_flood_of_addresses_makes_it_forget_nobody(void **state)
{
    (void)state;
    unsigned refused = 0;

    for (unsigned i = 0; i < 5; i++)
        assert_true(may_send(SEC(1), 1));
    for (unsigned net = 2; net < 5000; net++)
        refused += !may_send(SEC(1) + MSEC(1), net);
    assert_int_equal(refused, 4998 - 63); /* as many as there are places */
    assert_false(may_send(SEC(1) + MSEC(2), 1));
    assert_true(may_send(SEC(3), 4000));
}

static void a_network_is_answered_fifty_times_a_second(void **state)
{
    (void)state;
    unsigned admitted = 0;

    for (unsigned i = 0; i < 10000; i++) {
        const struct addr a = address(1, i % 200, 1000);
        admitted += dht_limit_ask(&l, SEC(10) + MSEC(1) * i, &a);
    }
    assert_in_range(admitted, 490, 560);
    const struct addr other = address(2, 1, 1000);
    assert_true(dht_limit_ask(&l, SEC(20), &other));
}

static void there_may_be_no_limit(void **state)
{
    (void)state;
    struct dht_limit none;

    assert_int_equal(dht_limit_init(&none, secret, UINT_MAX, UINT_MAX, 8), 0);
    const struct addr a = address(1, 1, 1);
    for (unsigned i = 0; i < 1000; i++)
        assert_true(dht_limit_send(&none, 0, &a) && dht_limit_ask(&none, 0, &a));
    dht_limit_deinit(&none);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(in_no_second_go_more_than_five_to_one_address),
        TEST(what_was_sent_long_ago_is_never_new_again),
        TEST(ports_of_one_address_count_together_but_local_ones_do_not),
        TEST(a_flood_of_addresses_makes_it_forget_nobody),
        TEST(a_network_is_answered_fifty_times_a_second),
        TEST(there_may_be_no_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
