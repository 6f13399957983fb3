/* What watching over paths costs. */
#include "gateway/transport/path_ping.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/path_duo.h"

static void an_idle_session_costs_a_ping_each_25_s(void **state)
{
    (void)state;
    duo_begin();
    duo_run(SEC(70));
    unsigned before = duo.sent[0] + duo.sent[1];
    duo_run(SEC(600));
    assert_in_range(duo.sent[0] + duo.sent[1] - before, 2 * 600 / 28, 2 * 600 / 25);
}

static void an_unanswering_target_gets_at_most_twenty(void **state)
{
    (void)state;
    duo_begin();
    duo_run(SEC(1));
    duo.link[1].lost[0] = duo.link[1].lost[1] = true;
    duo_talk();
    duo_add(DIALLER, 1);
    duo_run(SEC(14));
    assert_int_equal(duo.over[1], 20);
    assert_int_equal(duo_slot_of(DIALLER, 1)->state, PATH_FAILED);
    duo_run(SEC(300));
    assert_int_equal(duo.over[1], 20);
}

static void a_side_without_probes_is_left_alone(void **state)
{
    (void)state;
    duo_begin();
    struct path_set_options o = duo_options(DIALLER);
    struct path_set lone;
    uint8_t out[PROBE_MAX];
    struct path to;
    unsigned sent = 0;

    path_set_init(&lone, 0, &o);
    for (instant now = 0; now < SEC(400); now += MSEC(100)) {
        path_set_heard(&lone, now, &o.first);
        while (path_set_output(&lone, now, &to, out) > 0)
            sent++;
    }
    assert_int_equal(sent, 20);
    assert_false(path_set_speaks_probes(&lone));
    assert_false(path_set_take_switch(&lone));
    assert_int_equal(path_set_deadline(&lone), INSTANT_NEVER);
}

static void while_packets_come_the_current_path_is_not_asked(void **state)
{
    (void)state;
    duo_begin();
    duo.link[0].delay = MSEC(4); /* good enough to look for no other */
    duo_talk();
    duo_run(SEC(2));
    unsigned before = duo.sent[0] + duo.sent[1];
    duo_run(SEC(600));
    assert_int_equal(duo.sent[0] + duo.sent[1] - before, 0);
}

static void others_are_measured_each_minute(void **state)
{
    (void)state;
    duo_begin();
    duo.link[1].delay = MSEC(12);
    duo_add(DIALLER, 1);
    duo_talk();
    duo_run(SEC(5));
    unsigned before = duo.sent[0] + duo.sent[1];
    duo_run(SEC(600));
    assert_in_range(duo.sent[0] + duo.sent[1] - before, 4 * 2 * 9, 4 * 2 * 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_session_costs_a_ping_each_25_s),
        cmocka_unit_test(an_unanswering_target_gets_at_most_twenty),
        cmocka_unit_test(a_side_without_probes_is_left_alone),
        cmocka_unit_test(while_packets_come_the_current_path_is_not_asked),
        cmocka_unit_test(others_are_measured_each_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
