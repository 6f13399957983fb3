/* Two path sets: what they learn of one another, who is followed, and what strangers can do. */
#include "gateway/transport/path_set.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/path_world.h"

static void both_learn_to_speak_and_measure(void **state)
{
    (void)state;
    world_begin();
    world_run(SEC(1));
    for (int side = 0; side < 2; side++) {
        const struct path_slot *p = world_slot_of(side, 0);
        assert_true(path_set_speaks_probes(&world.set[side]));
        assert_int_equal(p->rtt, MSEC(20));
        assert_int_equal(p->state, PATH_GOOD);
        assert_true(p == path_table_current(&world.set[side]) && p->full_size);
        assert_true(addr_equal(&p->seen, &world.link[0].end[side]));
        assert_int_equal(world.switches[side], 0);
    }
    assert_true(path_set_token(&world.set[0]) != path_set_token(&world.set[1]));
}

/* The address of `side` on the first link changes, as by a NAT that forgot, or a new Wi-Fi. */
static void move(int side)
{
    world.link[0].end[side] = world_address(side == DIALLER ? "10.9.9.1:1001" : "10.9.9.2:2002");
}

static void a_side_that_moves_unknowingly_is_followed_within_round_trips(int side)
{
    world_begin();
    world_talk();
    world_run(SEC(2));
    move(side);
    world_run(MSEC(200));
    assert_int_equal(world_link_of(!side), 0);
    assert_int_equal(world.switches[!side], 1);
    assert_int_equal(world.switches[side], 0);
    world_run(SEC(10));
    assert_int_equal(world.switches[0] + world.switches[1], 1);
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
        world_begin();
        world_run(SEC(2));
        move(side);
        path_set_kick(&world.set[side], world.now);
        world_flush(side);
        world_run(MSEC(100));
        assert_int_equal(world_link_of(!side), 0);
        assert_int_equal(world.switches[!side], 1);
        world_run(SEC(60));
        assert_int_equal(world.switches[0] + world.switches[1], 1);
    }
}

static void an_idle_side_that_moves_unknowingly_is_found_by_keep_alives(void **state)
{
    (void)state;
    world_begin();
    world_run(SEC(2));
    move(DIALLER);
    world_run(SEC(20));
    assert_int_equal(world_link_of(ACCEPTOR), 0);
    world_begin();
    world_run(SEC(2));
    move(ACCEPTOR);
    world_run(SEC(30));
    assert_int_equal(world_link_of(DIALLER), 0);
}

static void a_long_round_trip_is_measured_too(void **state)
{
    (void)state;
    world_begin();
    world.link[1].delay = MSEC(600);
    world_add(DIALLER, 1);
    world_run(SEC(10));
    assert_int_equal(world_slot_of(DIALLER, 1)->rtt, MSEC(1200));
    assert_true(world_slot_of(DIALLER, 1)->full_size);
}

static void forged_and_replayed_probes_change_nothing(void **state)
{
    (void)state;
    world_begin();
    uint8_t ping[PROBE_MAX];
    struct path to, stranger = world_path_to(&world.link[2].end[DIALLER]);
    size_t len = path_set_output(&world.set[DIALLER], world.now, &to, ping);
    struct path_set *s = &world.set[ACCEPTOR];
    world_flush(ACCEPTOR);

    for (size_t n = 0; n < len; n++)
        assert_int_equal(path_set_input(s, world.now, &stranger, ping, n), -EBADMSG);
    for (size_t i = 0; i < len; i++) {
        ping[i] ^= 0x80;
        assert_int_equal(path_set_input(s, world.now, &stranger, ping, len), -EBADMSG);
        ping[i] ^= 0x80;
    }
    assert_false(path_set_speaks_probes(s));
    assert_true(path_set_deadline(s) > world.now);

    struct path from = world_path_to(&world.link[0].end[DIALLER]);
    assert_int_equal(path_set_input(s, world.now, &from, ping, len), 0);
    world_flush(ACCEPTOR);
    unsigned sent = world.sent[ACCEPTOR];
    assert_int_equal(path_set_input(s, world.now, &stranger, ping, len), -EBADMSG);
    assert_int_equal(path_set_input(s, world.now, &from, ping, len), -EBADMSG);
    world_flush(ACCEPTOR);
    assert_int_equal(world.sent[ACCEPTOR], sent);
    assert_int_equal(world_count_paths(s), 1);
    /* Nor is a probe of ours, sent back to us, one of theirs. */
    assert_int_equal(path_set_input(&world.set[DIALLER], world.now, &from, ping, len), -EBADMSG);
}

static void an_answer_is_never_larger_than_its_question(void **state)
{
    (void)state;
    world_begin();
    uint8_t in[PROBE_MAX], out[PROBE_MAX];
    struct path to, from = world_path_to(&world.link[0].end[DIALLER]);
    size_t len = path_set_output(&world.set[DIALLER], world.now, &to, in);
    world_flush(ACCEPTOR);

    assert_int_equal(path_set_input(&world.set[ACCEPTOR], world.now, &from, in, len), 0);
    assert_int_equal(path_set_deadline(&world.set[ACCEPTOR]), 0);
    size_t answer = path_set_output(&world.set[ACCEPTOR], world.now, &to, out);
    assert_in_range(answer, 1, len);
    assert_int_equal(out[1], PROBE_PONG);
    assert_int_equal(path_set_output(&world.set[ACCEPTOR], world.now, &to, out), 0);
}

static void hints_of_strangers_cost_little_and_move_nothing(void **state)
{
    (void)state;
    world_begin();
    world_run(SEC(1));
    unsigned before = world.sent[ACCEPTOR];
    for (uint32_t i = 0; i < 10000; i++) {
        const uint8_t ip[4] = {192, 0, (uint8_t)(i >> 8), (uint8_t)i};
        struct addr a = addr_v4(ip, 5000);
        struct path p = world_path_to(&a);
        path_set_hint(&world.set[ACCEPTOR], world.now, &p);
        world_run(MSEC(1));
    }
    assert_true(world.sent[ACCEPTOR] - before < 10 * 21 + 32);
    assert_int_equal(world.switches[ACCEPTOR], 0);
    assert_true(world_count_paths(&world.set[ACCEPTOR]) <= 1 + 4 + 1);
    assert_int_equal(world_slot_of(ACCEPTOR, 0)->state, PATH_GOOD);
}

static void a_guess_that_arrives_becomes_a_path_of_both(void **state)
{
    (void)state;
    uint8_t out[PROBE_MIN];
    world_begin();
    world_run(SEC(1));
    const struct path guessed = world_path_to(&world.link[1].end[ACCEPTOR]);
    path_set_guess(&world.set[DIALLER], &guessed.remote, out);
    world_send_over(DIALLER, &guessed, out, sizeof(out));
    world_run(SEC(1));
    for (int side = 0; side < 2; side++) {
        assert_int_equal(world_slot_of(side, 1)->state, PATH_GOOD);
        assert_true(world_slot_of(side, 1)->full_size);
    }
}

static void there_is_room_for_sixteen_paths(void **state)
{
    (void)state;
    world_begin();
    int err = 0;
    unsigned count = 1;
    for (uint8_t i = 1; i < 30 && err == 0; i++) {
        const uint8_t ip[4] = {198, 51, 100, i};
        struct addr a = addr_v4(ip, 5000);
        struct path p = world_path_to(&a);
        err = path_set_add(&world.set[DIALLER], world.now, &p);
        count += err == 0;
    }
    assert_int_equal(err, -ENOSPC);
    assert_int_equal(count, PATH_SET_MAX);
    world_flush(DIALLER);
    world_run(SEC(30)); /* they fail, and give way */
    world_add(DIALLER, 1);
    world_run(SEC(1));
    assert_int_equal(world_slot_of(DIALLER, 1)->state, PATH_GOOD);
}

static void the_local_address_is_taken_from_what_arrives(void **state)
{
    (void)state;
    world_begin();
    struct path p = world_path_to(&world.link[0].end[DIALLER]);
    p.local = world_address("10.0.0.2:0");
    path_set_heard(&world.set[ACCEPTOR], world.now, &p);
    assert_true(addr_equal(&path_set_current(&world.set[ACCEPTOR])->local, &p.local));
    path_set_kick(&world.set[ACCEPTOR], world.now);
    assert_true(addr_is_none(&path_set_current(&world.set[ACCEPTOR])->local));
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
