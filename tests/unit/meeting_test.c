/* When openers are sent and when both dial. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/punch/meeting.h"

#define NOW SEC(1000)

/* The next step, at its time. */
static enum meeting_step next(struct meeting *m, instant *now)
{
    instant due = meeting_due(m);
    *now = due > *now ? due : *now;
    return meeting_next(m, *now);
}

static void who_answers_opens_at_once_and_dials_at_the_moment(void **state)
{
    struct meeting m = {0};
    instant now = NOW;
    (void)state;

    meeting_begin(&m, NOW, NOW + SEC(25), NOW + SEC(60), false);
    assert_int_equal(meeting_next(&m, now), MEETING_OPEN);
    assert_int_equal(meeting_next(&m, now), MEETING_WAIT);
    assert_int_equal(next(&m, &now), MEETING_OPEN);
    assert_true(now == NOW + SEC(10));
    assert_int_equal(next(&m, &now), MEETING_OPEN);
    assert_int_equal(next(&m, &now), MEETING_DIAL);
    assert_true(now == NOW + SEC(25));
}

static void who_has_the_answer_dials_at_once_and_at_the_moment(void **state)
{
    struct meeting m = {0};
    instant now = NOW;
    (void)state;

    meeting_begin(&m, NOW, NOW + SEC(7), NOW + SEC(60), true);
    assert_int_equal(next(&m, &now), MEETING_OPEN);
    assert_int_equal(next(&m, &now), MEETING_DIAL);
    assert_true(now == NOW + MEETING_DIAL_AFTER);
    assert_int_equal(next(&m, &now), MEETING_DIAL);
    assert_true(now == NOW + SEC(7));
}

static void a_moment_that_is_past_is_now(void **state)
{
    struct meeting m = {0};
    instant now = NOW;
    (void)state;

    meeting_begin(&m, NOW, NOW - SEC(7), NOW + SEC(60), false);
    assert_int_equal(next(&m, &now), MEETING_OPEN);
    assert_int_equal(next(&m, &now), MEETING_DIAL);
    assert_true(now == NOW + MEETING_DIAL_AFTER);
}

static void it_dials_three_times_and_opens_to_the_end(void **state)
{
    struct meeting m = {0};
    instant now = NOW;
    unsigned dials = 0, opens = 0;
    enum meeting_step step;
    (void)state;

    meeting_begin(&m, NOW, NOW + SEC(25), NOW + SEC(600), true);
    while ((step = next(&m, &now)) != MEETING_OVER) {
        dials += step == MEETING_DIAL;
        opens += step == MEETING_OPEN;
    }
    assert_int_equal(dials, MEETING_DIALS);
    assert_int_equal(opens, 60);
    assert_true(now == NOW + SEC(600));
    assert_int_equal(meeting_next(&m, now + SEC(1)), MEETING_OVER);
}

static void who_wakes_late_opens_once(void **state)
{
    struct meeting m = {0};
    (void)state;

    meeting_begin(&m, NOW, NOW + SEC(1), NOW + SEC(600), false);
    assert_int_equal(meeting_next(&m, NOW + SEC(300)), MEETING_OPEN);
    assert_int_equal(meeting_next(&m, NOW + SEC(300)), MEETING_DIAL);
    assert_int_equal(meeting_next(&m, NOW + SEC(300)), MEETING_WAIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_answers_opens_at_once_and_dials_at_the_moment),
        cmocka_unit_test(who_has_the_answer_dials_at_once_and_at_the_moment),
        cmocka_unit_test(a_moment_that_is_past_is_now),
        cmocka_unit_test(it_dials_three_times_and_opens_to_the_end),
        cmocka_unit_test(who_wakes_late_opens_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
