/* Which path is used: tiers, round trips, relays, and rest. */
#include "gateway/transport/path_choice.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/path_duo.h"

static void both_move_once(instant from, instant to)
{
    duo_begin();
    duo.link[0].delay = from;
    duo.link[1].delay = to;
    duo_add(DIALLER, 1);
    duo_talk();
    duo_run(SEC(30));
    assert_int_equal(duo_link_of(DIALLER), 1);
    assert_int_equal(duo_link_of(ACCEPTOR), 1);
    assert_int_equal(duo.switches[DIALLER], 1);
    assert_int_equal(duo.switches[ACCEPTOR], 1);
}

static void the_dialler_moves_both_to_a_faster_path(void **state)
{
    (void)state;
    both_move_once(MSEC(10), MSEC(2));
}

/* A hundred milliseconds of them, while the new path answers within ten. */
static void packets_under_way_by_the_old_path_do_not_drag_it_back(void **state)
{
    (void)state;
    both_move_once(MSEC(100), MSEC(5));
}

static void a_little_faster_is_not_worth_a_change(void **state)
{
    (void)state;
    duo_begin();
    duo.link[1].delay = MSEC(9);
    duo_add(DIALLER, 1);
    duo_run(SEC(60));
    assert_int_equal(duo_link_of(DIALLER), 0);
    assert_int_equal(duo_slot_of(DIALLER, 1)->state, PATH_GOOD);
}

static void the_acceptor_alone_does_not_chase_speed(void **state)
{
    (void)state;
    duo_begin();
    duo.link[1].delay = MSEC(1);
    duo.link[1].lost[DIALLER] = true; /* so the dialler cannot prove it */
    duo_add(ACCEPTOR, 1);
    duo_run(SEC(60));
    assert_int_equal(duo_link_of(ACCEPTOR), 0);
    assert_int_equal(duo_link_of(DIALLER), 0);
}

static void a_narrow_path_is_never_chosen_for_speed(void **state)
{
    (void)state;
    duo_begin();
    duo.link[1].delay = MSEC(1);
    duo.link[1].mtu = 1000;
    duo_add(DIALLER, 1);
    duo_talk();
    duo_run(SEC(60));
    assert_int_equal(duo_link_of(DIALLER), 0);
    assert_false(duo_slot_of(DIALLER, 1)->full_size);
}

static void a_straight_path_replaces_a_relay_within_two_round_trips(void **state)
{
    (void)state;
    for (instant direct = MSEC(2); direct < MSEC(400); direct *= 3) { /* even if it is slower */
        duo_begin_with_relay(MSEC(30), direct);
        duo_talk();
        duo_run(MSEC(200));
        duo_add_direct();
        duo_run(4 * direct + MSEC(1));
        duo_both_are_on(1);
        duo_run(SEC(120));
        duo_both_are_on(1);
        assert_int_equal(duo_switches(), 2);
    }
}

static void it_is_enough_that_one_side_knows_of_it(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        duo_begin_with_relay(MSEC(30), MSEC(10));
        duo_add(side, 1);
        duo_run(MSEC(100));
        duo_both_are_on(1);
        assert_int_equal(duo_switches(), 2);
    }
}

static void udp_comes_before_tcp_and_tcp_before_a_relay(void **state)
{
    (void)state;
    duo_begin_with_relay(MSEC(5), MSEC(20));
    duo.link[1].kind = PATH_TCP;
    duo.link[2].delay = MSEC(40);
    duo_talk();
    duo_add_direct();
    duo_run(SEC(1));
    duo_both_are_on(1);
    duo_add(DIALLER, 2);
    duo_run(SEC(1));
    duo_both_are_on(2);
    duo_run(SEC(60));
    assert_int_equal(duo_switches(), 4);
}

static void of_a_relay_and_a_turn_server_the_quicker_one_is_used(void **state)
{
    (void)state;
    duo_begin_with_relay(MSEC(50), MSEC(10));
    duo.link[1].kind = PATH_TURN;
    duo_talk();
    duo_run(SEC(2));
    duo_add(DIALLER, 1);
    duo_run(SEC(1));
    duo_both_are_on(1);
    duo_run(SEC(60));
    assert_int_equal(duo_switches(), 2);
}

static void a_narrow_path_never_replaces_a_relay(void **state)
{
    (void)state;
    duo_begin_with_relay(MSEC(30), MSEC(2));
    duo.link[1].mtu = 1000;
    duo_talk();
    duo_add_direct();
    duo_run(SEC(200));
    duo_both_are_on(0);
    assert_int_equal(duo_switches(), 0);
    duo.link[1].mtu = PROBE_FULL; /* somebody has mended it */
    duo_run(SEC(130));
    duo_both_are_on(1);
}

static void a_path_that_becomes_narrow_is_left_for_the_relay(void **state)
{
    (void)state;
    duo_begin_with_relay(MSEC(30), MSEC(5));
    duo_talk();
    duo_add_direct();
    duo_run(SEC(2));
    duo_both_are_on(1);
    duo.link[1].mtu = 1000;
    duo_run(SEC(3));
    duo_both_are_on(0);
    duo_run(SEC(300));
    duo_both_are_on(0);
    assert_int_equal(duo_switches(), 4);
}

static void a_path_narrow_in_one_direction_makes_nobody_chase(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        duo_begin_with_relay(MSEC(30), MSEC(5));
        duo.link[1].narrow[side] = true;
        duo_talk();
        duo_add_direct();
        duo_run(SEC(300));
        assert_int_equal(duo_link_of(side), 0);
        assert_int_equal(duo_link_of(!side), 1);
        assert_int_equal(duo_switches(), 1);
    }
}

static void an_ipv6_path_needs_3_ms_less(void **state)
{
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        duo_begin();
        duo.link[1].delay = MSEC(9); /* 2 ms quicker, there and back */
        if (v6) {
            duo.link[1].end[DIALLER] = duo_address("[2001:db8::1]:1000");
            duo.link[1].end[ACCEPTOR] = duo_address("[2001:db8::2]:2000");
        }
        duo_add(DIALLER, 1);
        duo_run(SEC(30));
        duo_both_are_on(v6);
    }
}

static void an_idle_session_rests_on_its_relay(void **state)
{
    (void)state;
    duo_begin_direct_with_spare();
    duo.talking = false;
    duo_run(SEC(290));
    duo_both_are_on(1);
    duo_run(SEC(20));
    duo_both_are_on(0);
    assert_int_equal(duo_switches(), 2);
    unsigned before = duo.sent[0] + duo.sent[1];
    duo_run(SEC(3600));
    duo_both_are_on(0);
    assert_in_range(duo.sent[0] + duo.sent[1] - before, 2 * 3600 / 29, 2 * 3600 / 24);
    assert_false(path_set_take_wake(&duo.set[DIALLER]));
}

static void data_wakes_it_and_it_goes_straight_again(void **state)
{
    (void)state;
    duo_begin_direct_with_spare();
    duo.talking = false;
    duo_run(SEC(1000));
    duo_both_are_on(0);
    duo_talk();
    duo_run(MSEC(150));
    duo_both_are_on(1);
    for (int side = 0; side < 2; side++) {
        assert_true(path_set_take_wake(&duo.set[side]));
        assert_false(path_set_take_wake(&duo.set[side]));
    }
}

static void without_a_relay_an_idle_session_stays_where_it_is(void **state)
{
    (void)state;
    duo_begin();
    duo_add(DIALLER, 1);
    duo_run(SEC(3600));
    duo_both_are_on(0);
    assert_int_equal(duo_switches(), 0);
    duo_talk();
    duo_run(SEC(1));
    assert_false(path_set_take_wake(&duo.set[DIALLER]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_dialler_moves_both_to_a_faster_path),
        cmocka_unit_test(packets_under_way_by_the_old_path_do_not_drag_it_back),
        cmocka_unit_test(a_little_faster_is_not_worth_a_change),
        cmocka_unit_test(the_acceptor_alone_does_not_chase_speed),
        cmocka_unit_test(a_narrow_path_is_never_chosen_for_speed),
        cmocka_unit_test(a_straight_path_replaces_a_relay_within_two_round_trips),
        cmocka_unit_test(it_is_enough_that_one_side_knows_of_it),
        cmocka_unit_test(udp_comes_before_tcp_and_tcp_before_a_relay),
        cmocka_unit_test(of_a_relay_and_a_turn_server_the_quicker_one_is_used),
        cmocka_unit_test(a_narrow_path_never_replaces_a_relay),
        cmocka_unit_test(a_path_that_becomes_narrow_is_left_for_the_relay),
        cmocka_unit_test(a_path_narrow_in_one_direction_makes_nobody_chase),
        cmocka_unit_test(an_ipv6_path_needs_3_ms_less),
        cmocka_unit_test(an_idle_session_rests_on_its_relay),
        cmocka_unit_test(data_wakes_it_and_it_goes_straight_again),
        cmocka_unit_test(without_a_relay_an_idle_session_stays_where_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
