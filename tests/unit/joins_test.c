/* The test is both ends: the caller of `overlay pipe` and the far side. */
#include "adapters/joins.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/local_world.h"

static struct world world;
static struct joins joins;
static struct fake_pipe far;

static int set_up(void **state)
{
    (void)state;
    world_init(&world);
    joins_init(&joins, &world.env);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    joins_deinit(&joins);
    world_deinit(&world);
    return 0;
}

static struct sock *join(uint64_t id)
{
    struct sock *sock = world_sock(&world);

    fake_pipe_init(&far);
    assert_int_equal(joins_add(&joins, sock, (const uint8_t *)"early", 5, &far.pipe, id), 0);
    world_run(&world);
    return sock;
}

static void carries_what_came_early_and_forgets_a_whole_one(void **state)
{
    (void)state;
    struct sock *sock = join(7);

    assert_string_equal(fake_pipe_heard(&far), "early");
    fake_pipe_say(&far, "answer");
    fake_pipe_end(&far);
    world_finish(sock);
    world_run(&world);
    assert_string_equal(world_heard(sock), "answer");
    assert_true(fake_pipe_is_over(&far));
    assert_false(joins_broke_off(&joins, 7));
}

static void remembers_one_whose_data_broke_off(void **state)
{
    (void)state;
    (void)join(7);

    fake_pipe_say(&far, "half an ans");
    fake_pipe_break(&far, PIPE_RESET_SESSION_LOST);
    world_run(&world);
    assert_true(joins_broke_off(&joins, 7));
    assert_false(joins_broke_off(&joins, 8));
    assert_false(joins_broke_off(&joins, 0));
}

static void remembers_the_last_64_of_them(void **state)
{
    (void)state;

    for (uint64_t id = 1; id <= JOINS_REMEMBERED + 1; id++) {
        (void)join(id);
        fake_pipe_break(&far, PIPE_RESET_SESSION_LOST);
        world_run(&world);
        world_deinit(&world); /* which has room for few clients */
        world_init(&world);
    }
    assert_false(joins_broke_off(&joins, 1));
    assert_true(joins_broke_off(&joins, 2));
    assert_true(joins_broke_off(&joins, JOINS_REMEMBERED + 1));
}

static void all_are_aborted_at_the_end(void **state)
{
    (void)state;
    (void)join(1);

    joins_deinit(&joins);
    assert_true(far.reset);
    joins_init(&joins, &world.env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(carries_what_came_early_and_forgets_a_whole_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(remembers_one_whose_data_broke_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(remembers_the_last_64_of_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_are_aborted_at_the_end, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
