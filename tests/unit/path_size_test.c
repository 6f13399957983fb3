/* How large packets may be: sizes are proved, doubted, given up and tried again. */
#include "gateway/transport/path_size.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/path_duo.h"

#define ETHERNET 1472 /* bytes of UDP payload in 1500 */

static struct path_set *mine;

static int setup(void **state)
{
    (void)state;
    duo_begin();
    mine = &duo.set[DIALLER];
    duo.link[0].mtu = 65507;
    duo_run(SEC(1));
    return 0;
}

/* The dialler has much to send for so long, and what is sent is acknowledged. */
static void be_busy(instant span)
{
    for (instant end = duo.now + span; duo.now < end;) {
        path_set_busy(mine, duo.now);
        path_set_waiting(mine, duo.now, true, MSEC(50));
        duo_flush(DIALLER);
        duo_run(MSEC(10));
    }
}

static unsigned probes_in(instant span)
{
    unsigned before = duo.over[0];
    be_busy(span);
    return duo.over[0] - before;
}

static void larger_sizes_are_proved_one_after_the_other(void **state)
{
    (void)state;
    assert_int_equal(path_set_payload(mine), PROBE_FULL);
    be_busy(MSEC(20));
    assert_int_equal(path_set_payload(mine), 1372);
    be_busy(MSEC(20));
    assert_int_equal(path_set_payload(mine), 1452);
    be_busy(MSEC(20));
    assert_int_equal(path_set_payload(mine), PROBE_MAX);
    assert_int_equal(path_set_payload(&duo.set[ACCEPTOR]), PROBE_FULL);
    assert_false(path_set_take_shrink(mine));
}

static void without_much_to_send_nothing_is_tried(void **state)
{
    (void)state;
    unsigned before = duo.over[0];
    duo_talk();
    duo_run(SEC(20));
    assert_true(duo.over[0] - before < 10);
    assert_int_equal(path_set_payload(mine), PROBE_FULL);
}

static void what_does_not_pass_is_left_alone_for_ten_minutes(void **state)
{
    (void)state;
    duo.link[0].mtu = ETHERNET;
    duo_talk();
    be_busy(SEC(5));
    assert_int_equal(path_set_payload(mine), 1452);
    duo.link[0].mtu = 65507; /* nobody looks */
    be_busy(SEC(590));
    assert_int_equal(path_set_payload(mine), 1452);
    be_busy(SEC(15));
    assert_int_equal(path_set_payload(mine), PROBE_MAX);
}

static void a_kick_tries_again_at_once(void **state)
{
    (void)state;
    duo.link[0].mtu = ETHERNET;
    be_busy(SEC(5));
    duo.link[0].mtu = 65507;
    path_set_kick(mine, duo.now);
    assert_int_equal(path_set_payload(mine), PROBE_FULL);
    be_busy(SEC(1));
    assert_int_equal(path_set_payload(mine), PROBE_MAX);
}

static void a_size_that_the_socket_refuses_is_not_asked_again(void **state)
{
    (void)state;
    be_busy(MSEC(40));
    assert_int_equal(path_set_payload(mine), 1452);
    struct path to, here = *path_set_current(mine), other = duo_path_of(DIALLER, 1);
    uint8_t out[PROBE_MAX];
    path_set_busy(mine, duo.now);
    assert_int_equal(path_set_output(mine, duo.now, &to, out), PROBE_MAX);
    path_set_refused(mine, duo.now, &other, PROBE_MAX); /* that is another path's affair */
    assert_true(path_set_deadline(mine) < duo.now + SEC(1));
    path_set_refused(mine, duo.now, &here, PROBE_MAX);
    duo.link[0].mtu = 65507;
    assert_true(probes_in(SEC(10)) <= 12);
    assert_int_equal(path_set_payload(mine), 1452);
    assert_false(path_set_take_shrink(mine));
}

static void a_refused_packet_makes_all_small(void **state)
{
    (void)state;
    be_busy(SEC(1));
    assert_int_equal(path_set_payload(mine), PROBE_MAX);
    struct path here = *path_set_current(mine);
    path_set_refused(mine, duo.now, &here, PROBE_MAX);
    assert_int_equal(path_set_payload(mine), PROBE_FULL);
    assert_true(path_set_take_shrink(mine));
    assert_false(path_set_take_shrink(mine));
    duo.link[0].mtu = ETHERNET;
    be_busy(SEC(3)); /* what lies between is found anew */
    assert_int_equal(path_set_payload(mine), 1452);
}

static void two_lost_pings_are_no_failure(void **state)
{
    (void)state;
    duo.link[0].mtu = PROBE_FULL;
    be_busy(MSEC(300)); /* the first, and the second */
    duo.link[0].mtu = 65507;
    be_busy(SEC(1));
    assert_int_equal(path_set_payload(mine), PROBE_MAX);
}

static void a_path_that_becomes_narrower_is_noticed_within_three_seconds(void **state)
{
    (void)state;
    be_busy(SEC(3));
    duo.link[0].mtu = 1252;
    duo_talk(); /* small ones pass */
    be_busy(SEC(3));
    assert_int_equal(path_set_payload(mine), PROBE_FULL);
    assert_true(path_set_take_shrink(mine));
    assert_int_equal(duo_switches(), 0);
}

static void so_it_is_when_nothing_new_is_sent_any_more(void **state)
{
    (void)state;
    be_busy(SEC(3));
    duo.link[0].mtu = 1252;
    path_set_waiting(mine, duo.now, true, MSEC(50));
    duo_run(SEC(3));
    assert_int_equal(path_set_payload(mine), PROBE_FULL);
}

static void an_idle_session_asks_nothing(void **state)
{
    (void)state;
    be_busy(SEC(1));
    duo_run(SEC(5));
    path_set_waiting(mine, duo.now, false, MSEC(50));
    unsigned before = duo.over[0];
    duo_run(SEC(60));
    assert_true(duo.over[0] - before < 30); /* keep-alive, and answers */
    assert_int_equal(path_set_payload(mine), PROBE_MAX);
}

static void a_silent_path_is_not_judged_by_its_size(void **state)
{
    (void)state;
    duo.link[0].mtu = ETHERNET;
    be_busy(SEC(3));
    duo_cut(0);
    be_busy(SEC(3));
    assert_int_equal(path_set_payload(mine), PROBE_FULL); /* for safety */
    duo_mend(0);
    be_busy(SEC(3));
    assert_int_equal(path_set_payload(mine), 1452);
}

static void each_path_proves_its_own(void **state)
{
    (void)state;
    duo_begin_with_relay(MSEC(30), MSEC(10));
    duo.link[0].mtu = duo.link[1].mtu = 65507;
    be_busy(SEC(3));
    assert_int_equal(path_set_payload(mine), PROBE_FULL); /* a relay has its own limits */
    duo_add_direct();
    be_busy(SEC(3));
    duo_both_are_on(1);
    assert_int_equal(path_set_payload(mine), PROBE_MAX);
    duo_talk();
    duo_cut(1);
    be_busy(SEC(9));
    duo_both_are_on(0);
    assert_int_equal(path_set_payload(mine), PROBE_FULL);
}

static void paths_of_lossy_lines_grow_too(void **state)
{
    (void)state;
    duo.link[0].loss = 200;
    be_busy(SEC(30));
    unsigned large = 0;
    for (int i = 0; i < 100; i++) {
        be_busy(MSEC(500));
        large += path_set_payload(mine) > PROBE_FULL;
    }
    assert_true(large > 50);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(larger_sizes_are_proved_one_after_the_other),
        T(without_much_to_send_nothing_is_tried),
        T(what_does_not_pass_is_left_alone_for_ten_minutes),
        T(a_kick_tries_again_at_once),
        T(a_size_that_the_socket_refuses_is_not_asked_again),
        T(a_refused_packet_makes_all_small),
        T(two_lost_pings_are_no_failure),
        T(a_path_that_becomes_narrower_is_noticed_within_three_seconds),
        T(so_it_is_when_nothing_new_is_sent_any_more),
        T(an_idle_session_asks_nothing),
        T(a_silent_path_is_not_judged_by_its_size),
        T(each_path_proves_its_own),
        T(paths_of_lossy_lines_grow_too),
    };
    return cmocka_run_group_tests_name("path_size", tests, NULL, NULL);
}
