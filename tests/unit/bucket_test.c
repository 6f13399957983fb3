/* The token bucket at its edges. */
#include "gateway/base/bucket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void gives_a_whole_burst_at_once_and_no_more(void **state)
{
    (void)state;
    for (uint64_t rate = 1; rate < 5000000000; rate = rate * 3 + 1) {
        struct bucket b = bucket_of(rate, 32);
        for (int i = 0; i < 32; i++)
            assert_true(bucket_take(&b, SEC(1), 1));
        assert_false(bucket_take(&b, SEC(1), 1));
    }
}

static void gives_its_rate_in_the_long_run(void **state)
{
    struct bucket b = bucket_of(3, 5);
    unsigned given = 0;
    (void)state;

    for (instant now = 0; now < SEC(100); now += MSEC(7))
        given += bucket_take(&b, now, 1);
    assert_in_range(given, 303, 305);
}

static void is_full_again_after_a_long_sleep(void **state)
{
    struct bucket b = bucket_of(1, 4);
    (void)state;

    assert_true(bucket_take(&b, 0, 4));
    assert_false(bucket_take(&b, SEC(4) - 1, 4));
    assert_true(bucket_take(&b, SEC(4), 4));
    assert_true(bucket_take(&b, UINT64_MAX - 1, 4));
    assert_false(bucket_take(&b, UINT64_MAX - 1, 1));
}

static void says_when_it_will_do(void **state)
{
    struct bucket b = bucket_of(1000, 10);
    (void)state;

    assert_int_equal(bucket_ready(&b, SEC(1), 10), SEC(1));
    assert_true(bucket_take(&b, SEC(1), 10));
    assert_int_equal(bucket_ready(&b, SEC(1), 3), SEC(1) + MSEC(3));
    assert_false(bucket_take(&b, SEC(1) + MSEC(3) - 1, 3));
    assert_true(bucket_take(&b, SEC(1) + MSEC(3), 3));
}

static void never_gives_more_than_a_burst(void **state)
{
    struct bucket b = bucket_of(1000, 10);
    (void)state;

    assert_false(bucket_take(&b, SEC(50), 11));
    assert_true(bucket_take(&b, SEC(50), 10));
}

static void stands_still_when_the_clock_goes_back(void **state)
{
    struct bucket b = bucket_of(1, 1);
    (void)state;

    assert_true(bucket_take(&b, SEC(10), 1));
    assert_false(bucket_take(&b, SEC(5), 1));
    assert_false(bucket_take(&b, SEC(10), 1));
    assert_true(bucket_take(&b, SEC(11), 1));
}

static void counts_what_is_there(void **state)
{
    struct bucket b = bucket_of(1000, 10);
    (void)state;

    assert_int_equal(bucket_level(&b, SEC(1)), 10);
    assert_true(bucket_take(&b, SEC(1), 10));
    assert_int_equal(bucket_level(&b, SEC(1)), 0);
    assert_int_equal(bucket_level(&b, SEC(1) + MSEC(3) - 1), 2);
    assert_int_equal(bucket_level(&b, SEC(1) + MSEC(3)), 3);
}

static void what_was_charged_and_not_there_flows_in_first(void **state)
{
    struct bucket b = bucket_of(1000, 10);
    (void)state;

    bucket_charge(&b, SEC(1), 4);
    assert_int_equal(bucket_level(&b, SEC(1)), 6);
    bucket_charge(&b, SEC(1), 10);
    assert_int_equal(bucket_level(&b, SEC(1)), 0);
    assert_false(bucket_take(&b, SEC(1), 1));
    assert_int_equal(bucket_ready(&b, SEC(1), 1), SEC(1) + MSEC(5));
    assert_int_equal(bucket_level(&b, SEC(1) + MSEC(4)), 0);
    assert_true(bucket_take(&b, SEC(1) + MSEC(5), 1));
}

static void no_more_than_a_burst_ever_lacks(void **state)
{
    struct bucket b = bucket_of(1000, 1000);
    (void)state;

    for (int i = 0; i < 100; i++)
        bucket_charge(&b, SEC(1), 1000);
    assert_int_equal(bucket_ready(&b, SEC(1), 0), SEC(2));
    assert_int_equal(bucket_level(&b, SEC(3)), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_a_whole_burst_at_once_and_no_more),
        cmocka_unit_test(gives_its_rate_in_the_long_run),
        cmocka_unit_test(is_full_again_after_a_long_sleep),
        cmocka_unit_test(says_when_it_will_do),
        cmocka_unit_test(never_gives_more_than_a_burst),
        cmocka_unit_test(stands_still_when_the_clock_goes_back),
        cmocka_unit_test(counts_what_is_there),
        cmocka_unit_test(what_was_charged_and_not_there_flows_in_first),
        cmocka_unit_test(no_more_than_a_burst_ever_lacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
