#include "gateway/punch/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct punch_plan *plan_of(enum nat_class ours, enum nat_class theirs)
{
    const struct nat_facts a = {.class = ours, .last_port = 5000};
    const struct nat_facts b = {.class = theirs, .last_port = 5000};
    return punch_plan_of(&a, &b);
}

static bool tries(enum nat_class ours, enum nat_class theirs, enum punch_way way)
{
    const struct punch_plan *plan = plan_of(ours, theirs);
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
            assert_ptr_equal(plan_of(a, b), plan_of(b, a));
}

static void every_plan_begins_with_the_plain_punch_and_does_nothing_twice(void **state)
{
    (void)state;
    for (unsigned a = 0; a < NAT_CLASSES; a++)
        for (unsigned b = 0; b < NAT_CLASSES; b++) {
            const struct punch_plan *plan = plan_of(a, b);
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
    assert_ptr_equal(plan_of(NAT_CLASSES, NAT_RANDOM), plan_of(NAT_UNKNOWN, NAT_RANDOM));
    assert_ptr_equal(plan_of(NAT_CONE, 250), plan_of(NAT_CONE, NAT_UNKNOWN));
}

/* As one server alone sees a NAT that changes ports: it counts them up, keeps to a block, neither;
 * or nobody has seen it. */
static const struct nat_facts UNSURE[] = {
    {.delta = 1, .span = 3, .last_port = 5000},
    {.span = 400, .last_port = 5000},
    {.span = 40000, .last_port = 5000},
    {.class = NAT_UNKNOWN},
};

static bool searches(const struct punch_plan *plan, enum punch_way way)
{
    for (size_t i = 0; i < plan->steps; i++)
        if (plan->step[i].way == way)
            return true;
    return false;
}

static void what_cannot_be_told_orders_the_strategies_and_forbids_none(void **state)
{
    const struct nat_facts cone = {.class = NAT_CONE};
    (void)state;
    for (size_t i = 0; i < sizeof(UNSURE) / sizeof(UNSURE[0]); i++) {
        const struct punch_plan *plan = punch_plan_of(&cone, &UNSURE[i]);
        assert_int_equal(plan->step[0].way, PUNCH_OPEN);
        assert_true(searches(plan, PUNCH_BIRTHDAY));
        assert_true(searches(plan, PUNCH_REROLL));
        assert_true(searches(plan, PUNCH_TWO_STAGE));
        assert_true(punch_plan_guesses(plan));
        assert_int_equal(searches(plan, PUNCH_PREDICT), i == 0);
        assert_int_equal(searches(plan, PUNCH_BLOCK), i <= 1);
    }
    assert_false(punch_plan_guesses(punch_plan_of(&cone, &cone)));
}

static void of_two_nats_each_side_knows_whose_is_searched(void **state)
{
    static const enum nat_class CLASS[] = {NAT_PUBLIC, NAT_CONE, NAT_SEQUENTIAL, NAT_BLOCK,
                                           NAT_RANDOM};
    struct nat_facts all[9];
    size_t n = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(CLASS) / sizeof(CLASS[0]); i++)
        all[n++] = (struct nat_facts){.class = CLASS[i], .last_port = 5000};
    for (size_t i = 0; i < sizeof(UNSURE) / sizeof(UNSURE[0]); i++)
        all[n++] = UNSURE[i];
    for (enum punch_way way = 0; way < PUNCH_WAYS; way++)
        for (size_t a = 0; a < n; a++)
            for (size_t b = 0; b < n; b++) {
                static const enum punch_role OTHER[] = {[PUNCH_IDLE] = PUNCH_IDLE,
                                                        [PUNCH_SHOWS] = PUNCH_SEARCHES,
                                                        [PUNCH_SEARCHES] = PUNCH_SHOWS,
                                                        [PUNCH_BOTH] = PUNCH_BOTH};
                enum punch_role ours = punch_role_in(way, true, &all[a], &all[b]);
                assert_int_equal(punch_role_in(way, false, &all[b], &all[a]), OTHER[ours]);
                assert_ptr_equal(punch_plan_of(&all[a], &all[b]), punch_plan_of(&all[b], &all[a]));
            }
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
        cmocka_unit_test(what_cannot_be_told_orders_the_strategies_and_forbids_none),
        cmocka_unit_test(of_two_nats_each_side_knows_whose_is_searched),
        cmocka_unit_test(every_way_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
