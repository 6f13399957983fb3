/* When a path counts as dead, and what happens then. */
#include "gateway/transport/path_watch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/path_duo.h"

static void silence_is_suspect_after_3_s_and_left_after_6500_ms(void **state)
{
    (void)state;
    duo_begin();
    duo.link[1].delay = MSEC(50);
    duo_add(DIALLER, 1);
    duo_talk();
    duo_run(SEC(5));
    assert_int_equal(duo_link_of(DIALLER), 0);
    duo.link[0].lost[0] = duo.link[0].lost[1] = true;
    duo.link[1].lost[ACCEPTOR] = true; /* it cannot tell which of the two is better off */
    duo_run(MSEC(2900));
    assert_false(path_set_is_suspect(&duo.set[DIALLER]));
    duo_run(MSEC(200));
    assert_true(path_set_is_suspect(&duo.set[DIALLER]));
    duo_run(MSEC(3300));
    assert_int_equal(duo_link_of(DIALLER), 0);
    duo_run(MSEC(200));
    duo.link[1].lost[ACCEPTOR] = false;
    duo_run(MSEC(1200));
    assert_int_equal(duo_link_of(DIALLER), 1);
    assert_int_equal(duo_link_of(ACCEPTOR), 1);
    assert_false(path_set_is_suspect(&duo.set[DIALLER]));
    duo_run(SEC(30));
    assert_int_equal(duo_link_of(DIALLER), 1);
    assert_int_equal(duo.switches[DIALLER] + duo.switches[ACCEPTOR], 2);
}

static void with_nowhere_to_go_it_stays_and_recovers(void **state)
{
    (void)state;
    duo_begin();
    duo_talk();
    duo_run(SEC(2));
    duo.link[0].lost[0] = duo.link[0].lost[1] = true;
    duo_run(SEC(25));
    assert_true(path_set_is_suspect(&duo.set[DIALLER]));
    duo.link[0].lost[0] = duo.link[0].lost[1] = false;
    duo_run(MSEC(100));
    assert_false(path_set_is_suspect(&duo.set[DIALLER]));
    assert_int_equal(duo.switches[DIALLER], 0);
}

static void a_path_dead_in_one_direction_is_left(void **state)
{
    (void)state;
    duo_begin();
    duo.link[1].delay = MSEC(30);
    duo_add(DIALLER, 1);
    duo_talk();
    duo_run(SEC(5));
    duo.link[0].lost[DIALLER] = true; /* we hear them, they do not hear us */
    duo_run(SEC(30));
    assert_int_equal(duo_link_of(DIALLER), 1);
    assert_int_equal(duo_link_of(ACCEPTOR), 1);
}

static void after_a_kick_a_dead_path_is_left_sooner(void **state)
{
    (void)state;
    duo_begin();
    duo.link[1].delay = MSEC(50);
    duo_add(DIALLER, 1);
    duo_run(SEC(5));
    duo.link[0].lost[0] = duo.link[0].lost[1] = true;
    path_set_kick(&duo.set[DIALLER], duo.now);
    duo_flush(DIALLER);
    duo_run(SEC(1));
    assert_int_equal(duo_link_of(DIALLER), 1);
    assert_int_equal(duo_link_of(ACCEPTOR), 1);
}

static void heavy_loss_neither_fails_nor_moves_it(void **state)
{
    (void)state;
    duo_begin();
    duo_add(DIALLER, 1);
    duo_talk();
    for (unsigned i = 0; i < 300; i++) { /* every other 100 ms nothing passes */
        duo.link[0].lost[0] = duo.link[0].lost[1] = i % 2;
        duo_run(MSEC(100));
    }
    assert_int_equal(duo.switches[0] + duo.switches[1], 0);
}

static void a_cut_is_survived_within_two_seconds(void **state)
{
    (void)state;
    duo_begin_direct_with_spare();
    duo_cut(1);
    duo_run(MSEC(1200));
    assert_false(path_set_is_suspect(&duo.set[DIALLER]));
    duo_run(MSEC(800));
    duo_both_are_on(0);
    assert_int_equal(duo_switches(), 2);
}

static void what_was_cut_is_used_again_when_it_is_back(void **state)
{
    static const instant away[] = {SEC(2), SEC(8), SEC(20), SEC(300)};
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        duo_begin_direct_with_spare();
        duo_cut(1);
        duo_run(away[i]);
        duo_both_are_on(0);
        duo_mend(1);
        duo_run(away[i] < SEC(10) ? MSEC(1100) : SEC(11));
        duo_both_are_on(1);
        assert_int_equal(duo_switches(), 4);
    }
}

static void a_dead_path_is_left_although_nothing_is_sent(void **state)
{
    (void)state;
    duo_begin_direct_with_spare();
    duo.talking = false;
    duo_run(SEC(1));
    duo_cut(1);
    duo_run(SEC(7)); /* 5 s until it is asked */
    duo_both_are_on(0);
}

static void a_dead_relay_is_left_for_its_spare(void **state)
{
    (void)state;
    duo_begin_with_relay(MSEC(30), MSEC(40));
    duo.link[1].kind = PATH_RELAY;
    duo_talk();
    duo_add_direct();
    duo_run(SEC(20));
    duo_both_are_on(0);
    duo_cut(0);
    duo_run(SEC(2));
    duo_both_are_on(1);
}

static void a_path_on_which_a_third_is_lost_is_kept(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        duo_begin_direct_with_spare();
        duo.chance = seed;
        duo.link[1].loss = 300;
        duo.rare = true;
        duo_run(SEC(1200));
        duo_both_are_on(1);
        assert_int_equal(duo_switches(), 0);
    }
}

static void an_outage_of_both_moves_nobody(void **state)
{
    (void)state;
    for (instant span = MSEC(300); span < SEC(20); span = span * 3 / 2) {
        duo_begin_direct_with_spare();
        duo_cut(0);
        duo_cut(1);
        duo_run(span);
        duo_mend(0);
        duo_mend(1);
        duo_run(SEC(30));
        duo_both_are_on(1);
        assert_int_equal(duo_switches(), 0);
    }
}

static void a_link_that_comes_and_goes_is_tried_less_and_less(void **state)
{
    (void)state;
    duo_begin_with_relay(MSEC(30), MSEC(5));
    duo_talk();
    duo_add_direct();
    for (unsigned i = 0; i < 100; i++) {
        duo_mend(1);
        duo_run(SEC(3));
        duo_cut(1);
        duo_run(SEC(3));
    }
    assert_true(duo_switches() < 44); /* not 200 */
    duo_mend(1);
    duo_run(SEC(180));
    duo_both_are_on(1);
}

static void a_carrier_that_ends_is_left_at_once(void **state)
{
    (void)state;
    duo_begin_direct_with_spare();
    struct path p = duo_path_of(DIALLER, 1);
    path_set_gone(&duo.set[DIALLER], duo.now, &p);
    duo_note_switch(DIALLER);
    assert_int_equal(duo_link_of(DIALLER), 0);
    assert_null(path_table_find(&duo.set[DIALLER], &p));
    p = duo_path_of(DIALLER, 2); /* one that it does not know */
    path_set_gone(&duo.set[DIALLER], duo.now, &p);
    duo_flush(DIALLER);
    duo.link[1].lost[0] = duo.link[1].lost[1] = true;
    duo_run(MSEC(100));
    duo_both_are_on(0);
}

static void when_nothing_else_works_the_first_to_answer_is_taken(void **state)
{
    (void)state;
    duo_begin_with_relay(MSEC(30), MSEC(40));
    duo.link[1].kind = PATH_RELAY;
    duo_talk();
    duo_add_direct();
    duo_run(SEC(2));
    duo_cut(1);
    duo_run(SEC(150)); /* it has failed */
    struct path p = duo_path_of(DIALLER, 0);
    duo_cut(0);
    path_set_gone(&duo.set[DIALLER], duo.now, &p);
    duo_flush(DIALLER);
    duo_run(SEC(1));
    assert_int_equal(duo_link_of(DIALLER), 0);
    duo_mend(1);
    duo_run(SEC(1));
    assert_int_equal(duo_link_of(DIALLER), 1);
    assert_int_equal(duo_link_of(ACCEPTOR), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_is_suspect_after_3_s_and_left_after_6500_ms),
        cmocka_unit_test(with_nowhere_to_go_it_stays_and_recovers),
        cmocka_unit_test(a_path_dead_in_one_direction_is_left),
        cmocka_unit_test(after_a_kick_a_dead_path_is_left_sooner),
        cmocka_unit_test(heavy_loss_neither_fails_nor_moves_it),
        cmocka_unit_test(a_cut_is_survived_within_two_seconds),
        cmocka_unit_test(what_was_cut_is_used_again_when_it_is_back),
        cmocka_unit_test(a_dead_path_is_left_although_nothing_is_sent),
        cmocka_unit_test(a_dead_relay_is_left_for_its_spare),
        cmocka_unit_test(a_path_on_which_a_third_is_lost_is_kept),
        cmocka_unit_test(an_outage_of_both_moves_nobody),
        cmocka_unit_test(a_link_that_comes_and_goes_is_tried_less_and_less),
        cmocka_unit_test(a_carrier_that_ends_is_left_at_once),
        cmocka_unit_test(when_nothing_else_works_the_first_to_answer_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
