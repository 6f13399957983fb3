/* Two path sets: what they learn of one another, who is followed, and what strangers can do. */
#include "gateway/transport/path_set.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/path_duo.h"

static void both_learn_to_speak_and_measure(void **state)
{
    (void)state;
    duo_begin();
    duo_run(SEC(1));
    for (int side = 0; side < 2; side++) {
        const struct path_slot *p = duo_slot_of(side, 0);
        assert_true(path_set_speaks_probes(&duo.set[side]));
        assert_int_equal(p->rtt, MSEC(20));
        assert_int_equal(p->state, PATH_GOOD);
        assert_true(p == path_table_current(&duo.set[side]) && p->full_size);
        assert_true(addr_equal(&p->seen, &duo.link[0].end[side]));
        assert_int_equal(duo.switches[side], 0);
    }
    assert_true(path_set_token(&duo.set[0]) != path_set_token(&duo.set[1]));
}

/* The address of `side` on the first link changes, as by a NAT that forgot, or a new Wi-Fi. */
static void move(int side)
{
    duo.link[0].end[side] = duo_address(side == DIALLER ? "10.9.9.1:1001" : "10.9.9.2:2002");
}

static void a_side_that_moves_unknowingly_is_followed_within_round_trips(int side)
{
    duo_begin();
    duo_talk();
    duo_run(SEC(2));
    move(side);
    duo_run(MSEC(200));
    assert_int_equal(duo_link_of(!side), 0);
    assert_int_equal(duo.switches[!side], 1);
    assert_int_equal(duo.switches[side], 0);
    duo_run(SEC(10));
    assert_int_equal(duo.switches[0] + duo.switches[1], 1);
}

static void a_dialler_that_moves_unknowingly_is_followed(void **state)
{
    (void)state;
    a_side_that_moves_unknowingly_is_followed_within_round_trips(DIALLER);
}

static void an_acceptor_that_moves_unknowingly_is_followed(void **state)
{
    (void)state;
    a_side_that_moves_unknowingly_is_followed_within_round_trips(ACCEPTOR);
}

static void a_kick_shows_an_idle_side_s_new_address(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        duo_begin();
        duo_run(SEC(2));
        move(side);
        path_set_kick(&duo.set[side], duo.now);
        duo_flush(side);
        duo_run(MSEC(100));
        assert_int_equal(duo_link_of(!side), 0);
        assert_int_equal(duo.switches[!side], 1);
        duo_run(SEC(60));
        assert_int_equal(duo.switches[0] + duo.switches[1], 1);
    }
}

static void an_idle_side_that_moves_unknowingly_is_found_by_keep_alives(void **state)
{
    (void)state;
    duo_begin();
    duo_run(SEC(2));
    move(DIALLER);
    duo_run(SEC(20));
    assert_int_equal(duo_link_of(ACCEPTOR), 0);
    duo_begin();
    duo_run(SEC(2));
    move(ACCEPTOR);
    duo_run(SEC(30));
    assert_int_equal(duo_link_of(DIALLER), 0);
}

static void a_long_round_trip_is_measured_too(void **state)
{
    (void)state;
    duo_begin();
    duo.link[1].delay = MSEC(600);
    duo_add(DIALLER, 1);
    duo_run(SEC(10));
    assert_int_equal(duo_slot_of(DIALLER, 1)->rtt, MSEC(1200));
    assert_true(duo_slot_of(DIALLER, 1)->full_size);
}

static void forged_and_replayed_probes_change_nothing(void **state)
{
    (void)state;
    duo_begin();
    uint8_t ping[PROBE_MAX];
    struct path to, stranger = duo_path_to(&duo.link[2].end[DIALLER]);
    size_t len = path_set_output(&duo.set[DIALLER], duo.now, &to, ping);
    struct path_set *s = &duo.set[ACCEPTOR];
    duo_flush(ACCEPTOR);

    for (size_t n = 0; n < len; n++)
        assert_int_equal(path_set_input(s, duo.now, &stranger, ping, n), -EBADMSG);
    for (size_t i = 0; i < len; i++) {
        ping[i] ^= 0x80;
        assert_int_equal(path_set_input(s, duo.now, &stranger, ping, len), -EBADMSG);
        ping[i] ^= 0x80;
    }
    assert_false(path_set_speaks_probes(s));
    assert_true(path_set_deadline(s) > duo.now);

    struct path from = duo_path_to(&duo.link[0].end[DIALLER]);
    assert_int_equal(path_set_input(s, duo.now, &from, ping, len), 0);
    duo_flush(ACCEPTOR);
    unsigned sent = duo.sent[ACCEPTOR];
    assert_int_equal(path_set_input(s, duo.now, &stranger, ping, len), -EBADMSG);
    assert_int_equal(path_set_input(s, duo.now, &from, ping, len), -EBADMSG);
    duo_flush(ACCEPTOR);
    assert_int_equal(duo.sent[ACCEPTOR], sent);
    assert_int_equal(duo_count_paths(s), 1);
    /* Nor is a probe of ours, sent back to us, one of theirs. */
    assert_int_equal(path_set_input(&duo.set[DIALLER], duo.now, &from, ping, len), -EBADMSG);
}

static void an_answer_is_never_larger_than_its_question(void **state)
{
    (void)state;
    duo_begin();
    uint8_t in[PROBE_MAX], out[PROBE_MAX];
    struct path to, from = duo_path_to(&duo.link[0].end[DIALLER]);
    size_t len = path_set_output(&duo.set[DIALLER], duo.now, &to, in);
    duo_flush(ACCEPTOR);

    assert_int_equal(path_set_input(&duo.set[ACCEPTOR], duo.now, &from, in, len), 0);
    assert_int_equal(path_set_deadline(&duo.set[ACCEPTOR]), 0);
    size_t answer = path_set_output(&duo.set[ACCEPTOR], duo.now, &to, out);
    assert_in_range(answer, 1, len);
    assert_int_equal(out[1], PROBE_PONG);
    assert_int_equal(path_set_output(&duo.set[ACCEPTOR], duo.now, &to, out), 0);
}

static void hints_of_strangers_cost_little_and_move_nothing(void **state)
{
    (void)state;
    duo_begin();
    duo_run(SEC(1));
    unsigned before = duo.sent[ACCEPTOR];
    for (uint32_t i = 0; i < 10000; i++) {
        const uint8_t ip[4] = {192, 0, (uint8_t)(i >> 8), (uint8_t)i};
        struct addr a = addr_v4(ip, 5000);
        struct path p = duo_path_to(&a);
        path_set_hint(&duo.set[ACCEPTOR], duo.now, &p);
        duo_run(MSEC(1));
    }
    assert_true(duo.sent[ACCEPTOR] - before < 10 * 21 + 32);
    assert_int_equal(duo.switches[ACCEPTOR], 0);
    assert_true(duo_count_paths(&duo.set[ACCEPTOR]) <= 1 + 4 + 1);
    assert_int_equal(duo_slot_of(ACCEPTOR, 0)->state, PATH_GOOD);
}

static void a_guess_that_arrives_becomes_a_path_of_both(void **state)
{
    (void)state;
    uint8_t out[PROBE_MIN];
    duo_begin();
    duo_run(SEC(1));
    const struct path guessed = duo_path_to(&duo.link[1].end[ACCEPTOR]);
    path_set_guess(&duo.set[DIALLER], &guessed.remote, out);
    duo_send_over(DIALLER, &guessed, out, sizeof(out));
    duo_run(SEC(1));
    for (int side = 0; side < 2; side++) {
        assert_int_equal(duo_slot_of(side, 1)->state, PATH_GOOD);
        assert_true(duo_slot_of(side, 1)->full_size);
    }
}

static void there_is_room_for_sixteen_paths(void **state)
{
    (void)state;
    duo_begin();
    int err = 0;
    unsigned count = 1;
    for (uint8_t i = 1; i < 30 && err == 0; i++) {
        const uint8_t ip[4] = {198, 51, 100, i};
        struct addr a = addr_v4(ip, 5000);
        struct path p = duo_path_to(&a);
        err = path_set_add(&duo.set[DIALLER], duo.now, &p);
        count += err == 0;
    }
    assert_int_equal(err, -ENOSPC);
    assert_int_equal(count, PATH_SET_MAX);
    duo_flush(DIALLER);
    duo_run(SEC(30)); /* they fail, and give way */
    duo_add(DIALLER, 1);
    duo_run(SEC(1));
    assert_int_equal(duo_slot_of(DIALLER, 1)->state, PATH_GOOD);
}

static void the_local_address_is_taken_from_what_arrives(void **state)
{
    (void)state;
    duo_begin();
    struct path p = duo_path_to(&duo.link[0].end[DIALLER]);
    p.local = duo_address("10.0.0.2:0");
    path_set_heard(&duo.set[ACCEPTOR], duo.now, &p);
    assert_true(addr_equal(&path_set_current(&duo.set[ACCEPTOR])->local, &p.local));
    path_set_kick(&duo.set[ACCEPTOR], duo.now);
    assert_true(addr_is_none(&path_set_current(&duo.set[ACCEPTOR])->local));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_learn_to_speak_and_measure),
        cmocka_unit_test(a_dialler_that_moves_unknowingly_is_followed),
        cmocka_unit_test(an_acceptor_that_moves_unknowingly_is_followed),
        cmocka_unit_test(a_kick_shows_an_idle_side_s_new_address),
        cmocka_unit_test(an_idle_side_that_moves_unknowingly_is_found_by_keep_alives),
        cmocka_unit_test(a_long_round_trip_is_measured_too),
        cmocka_unit_test(forged_and_replayed_probes_change_nothing),
        cmocka_unit_test(an_answer_is_never_larger_than_its_question),
        cmocka_unit_test(hints_of_strangers_cost_little_and_move_nothing),
        cmocka_unit_test(a_guess_that_arrives_becomes_a_path_of_both),
        cmocka_unit_test(there_is_room_for_sixteen_paths),
        cmocka_unit_test(the_local_address_is_taken_from_what_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
