/* What the three ways of mapping a port have in common. */
#include "gateway/nat/mapping.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct addr parse(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static void a_first_count_tells_nothing(void **state)
{
    (void)state;
    struct map_epoch e = {0};

    assert_false(map_epoch_take(&e, MAP_EPOCH_PCP, 5, SEC(1000)));
    assert_true(e.known);
}

static void a_count_that_goes_on_with_the_clock_is_no_restart(void **state)
{
    (void)state;
    for (enum map_epoch_rule rule = MAP_EPOCH_NATPMP; rule <= MAP_EPOCH_PCP; rule++) {
        struct map_epoch e = {0};
        (void)map_epoch_take(&e, rule, 100, SEC(1000));
        assert_false(map_epoch_take(&e, rule, 4700, SEC(5600)));
        assert_false(map_epoch_take(&e, rule, 4701, SEC(5600)));
        /* Its clock may be slow by a sixteenth, and by 2 s. */
        assert_false(map_epoch_take(&e, rule, 4701 + 1500 - 2, SEC(5600 + 1600)));
    }
}

static void a_count_that_began_anew_is_a_restart(void **state)
{
    (void)state;
    for (enum map_epoch_rule rule = MAP_EPOCH_NATPMP; rule <= MAP_EPOCH_PCP; rule++) {
        struct map_epoch e = {0};
        (void)map_epoch_take(&e, rule, 4000, SEC(1000));
        assert_true(map_epoch_take(&e, rule, 1, SEC(1010)));
        assert_false(map_epoch_take(&e, rule, 2, SEC(1011)));
        /* Started anew and counted beyond the old number meanwhile. */
        assert_true(map_epoch_take(&e, rule, 20, SEC(1111)));
    }
}

static void a_count_that_runs_ahead_is_a_restart_for_pcp_alone(void **state)
{
    (void)state;
    struct map_epoch pcp = {0}, natpmp = {0};

    (void)map_epoch_take(&pcp, MAP_EPOCH_PCP, 10, SEC(10));
    (void)map_epoch_take(&natpmp, MAP_EPOCH_NATPMP, 10, SEC(10));
    assert_true(map_epoch_take(&pcp, MAP_EPOCH_PCP, 5000, SEC(20)));
    assert_false(map_epoch_take(&natpmp, MAP_EPOCH_NATPMP, 5000, SEC(20)));
}

static void numbers_at_their_ends_do_not_wrap(void **state)
{
    (void)state;
    struct map_epoch e = {0};

    (void)map_epoch_take(&e, MAP_EPOCH_PCP, UINT32_MAX, SEC(10));
    assert_false(map_epoch_take(&e, MAP_EPOCH_PCP, UINT32_MAX, SEC(11)));
    assert_true(map_epoch_take(&e, MAP_EPOCH_PCP, 0, SEC(12)));
    assert_true(map_epoch_take(&e, MAP_EPOCH_NATPMP, 0, SEC(12) + UINT32_MAX * SEC(1)));
}

static void an_outside_that_nobody_can_have_is_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {"0.0.0.0:1",     "127.0.0.1:1",   "224.0.0.1:1",
                                      "169.254.1.1:1", "203.0.113.7:0", "[::]:1",
                                      "[::1]:1",       "[fe80::1]:1"};
    const struct addr none = {0};

    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        const struct addr a = parse(BAD[i]);
        assert_false(mapping_external_ok(&a));
    }
    assert_false(mapping_external_ok(&none));
    const struct addr good = parse("203.0.113.7:4433");
    assert_true(mapping_external_ok(&good));
}

static void a_private_or_shared_outside_means_one_more_nat(void **state)
{
    (void)state;
    const struct addr private = parse("10.0.0.5:4433"), shared = parse("100.64.1.1:4433");
    const struct addr public = parse("203.0.113.7:4433");

    assert_true(mapping_is_behind_nat(&private));
    assert_true(mapping_is_behind_nat(&shared));
    assert_false(mapping_is_behind_nat(&public));
}

static void a_lifetime_beyond_a_day_is_not_believed(void **state)
{
    (void)state;
    assert_int_equal(mapping_lifetime(7200), 7200);
    assert_int_equal(mapping_lifetime(UINT32_MAX), 86400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_count_tells_nothing),
        cmocka_unit_test(a_count_that_goes_on_with_the_clock_is_no_restart),
        cmocka_unit_test(a_count_that_began_anew_is_a_restart),
        cmocka_unit_test(a_count_that_runs_ahead_is_a_restart_for_pcp_alone),
        cmocka_unit_test(numbers_at_their_ends_do_not_wrap),
        cmocka_unit_test(an_outside_that_nobody_can_have_is_refused),
        cmocka_unit_test(a_private_or_shared_outside_means_one_more_nat),
        cmocka_unit_test(a_lifetime_beyond_a_day_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
