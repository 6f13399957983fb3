#include "gateway/punch/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool tries(enum nat_class ours, enum nat_class theirs, enum punch_way way)
{
    const struct punch_plan *plan = punch_plan_of(ours, theirs);
    for (size_t i = 0; i < plan->steps; i++)
        if (plan->step[i].way == way)
            return true;
    return false;
}

static void both_sides_have_the_same_plan(void **state)
{
    (void)state;
    for (unsigned a = 0; a < NAT_CLASSES; a++)
        for (unsigned b = 0; b < NAT_CLASSES; b++)
            assert_ptr_equal(punch_plan_of(a, b), punch_plan_of(b, a));
}

static void every_plan_begins_with_the_plain_punch_and_does_nothing_twice(void **state)
{
    (void)state;
    for (unsigned a = 0; a < NAT_CLASSES; a++)
        for (unsigned b = 0; b < NAT_CLASSES; b++) {
            const struct punch_plan *plan = punch_plan_of(a, b);
            unsigned seen = 0;
            assert_true(plan->steps > 0);
            assert_int_equal(plan->step[0].way, PUNCH_OPEN);
            for (size_t i = 0; i < plan->steps; i++) {
                assert_true(plan->step[i].lasts > 0);
                assert_int_equal(seen & 1u << plan->step[i].way, 0);
                seen |= 1u << plan->step[i].way;
            }
        }
}

static void ports_are_searched_for_what_the_nats_are(void **state)
{
    (void)state;
    assert_true(tries(NAT_CONE, NAT_SEQUENTIAL, PUNCH_PREDICT));
    assert_true(tries(NAT_SEQUENTIAL, NAT_SEQUENTIAL, PUNCH_PREDICT));
    assert_true(tries(NAT_CONE, NAT_BLOCK, PUNCH_BLOCK));
    assert_true(tries(NAT_CONE, NAT_RANDOM, PUNCH_BIRTHDAY));
    assert_true(tries(NAT_SEQUENTIAL, NAT_BLOCK, PUNCH_MEET));
    assert_false(tries(NAT_CONE, NAT_CONE, PUNCH_BIRTHDAY));
    assert_true(tries(NAT_CONE, NAT_CONE, PUNCH_REROLL));
}

static void nothing_is_guessed_where_nothing_can_be(void **state)
{
    (void)state;
    for (enum punch_way way = 0; way < PUNCH_WAYS; way++) {
        if (!punch_way_guesses(way))
            continue;
        assert_false(tries(NAT_RANDOM, NAT_RANDOM, way));
        assert_false(tries(NAT_BLOCK, NAT_RANDOM, way));
        assert_false(tries(NAT_BLOCK, NAT_BLOCK, way));
        assert_false(tries(NAT_BLOCKED, NAT_CONE, way));
    }
}

static void a_class_that_is_none_is_an_unknown_one(void **state)
{
    (void)state;
    assert_ptr_equal(punch_plan_of(NAT_CLASSES, NAT_RANDOM),
                     punch_plan_of(NAT_UNKNOWN, NAT_RANDOM));
    assert_ptr_equal(punch_plan_of(NAT_CONE, 250), punch_plan_of(NAT_CONE, NAT_UNKNOWN));
}

static void every_way_has_a_name(void **state)
{
    (void)state;
    for (enum punch_way way = 0; way < PUNCH_WAYS; way++)
        assert_non_null(punch_way_text(way));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_have_the_same_plan),
        cmocka_unit_test(every_plan_begins_with_the_plain_punch_and_does_nothing_twice),
        cmocka_unit_test(ports_are_searched_for_what_the_nats_are),
        cmocka_unit_test(nothing_is_guessed_where_nothing_can_be),
        cmocka_unit_test(a_class_that_is_none_is_an_unknown_one),
        cmocka_unit_test(every_way_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
