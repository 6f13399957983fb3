/* Last words, and who does not listen to them. */
#include "adapters/farewell.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/local_world.h"

static struct world world;
static struct farewells farewells;
static struct sock *sock;

static int set_up(void **state)
{
    (void)state;
    world_init(&world);
    farewells_init(&farewells, &world.env);
    sock = world_sock(&world);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    farewells_deinit(&farewells);
    world_deinit(&world);
    return 0;
}

static void says_them_and_waits_for_the_client_to_finish(void **state)
{
    (void)state;
    farewells_say(&farewells, sock, "bye", 3);
    assert_string_equal(world_heard(sock), "bye");
    assert_true(sock->finished);
    world_say(sock, "but I had more to say");
    assert_int_equal(sock->in_len, 0); /* read, or closing would reset */
    assert_false(world_is_over(sock));
    world_finish(sock);
    assert_true(sock->closed);
}

static void goes_on_when_the_client_reads_slowly(void **state)
{
    (void)state;
    sock->room = 2;
    farewells_say(&farewells, sock, "goodbye", 7);
    world_run(&world);
    assert_string_equal(world_heard(sock), "go");
    assert_false(sock->finished);
    world_make_room(sock, 100);
    assert_string_equal(world_heard(sock), "goodbye");
    assert_true(sock->finished);
    world_finish(sock);
}

static void has_two_seconds_of_patience(void **state)
{
    (void)state;
    farewells_say(&farewells, sock, "bye", 3);
    world_wait(&world, MSEC(1900));
    assert_false(world_is_over(sock));
    world_wait(&world, MSEC(200));
    assert_true(sock->closed);
}

static void does_not_listen_for_ever_to_who_never_stops(void **state)
{
    (void)state;
    static char bulk[256 * 1024];
    farewells_say(&farewells, sock, "bye", 3);
    for (int i = 0; i < 8 && !world_is_over(sock); i++)
        world_send(sock, bulk, sizeof(bulk));
    assert_true(sock->closed);
}

static void a_broken_connection_ends_at_once(void **state)
{
    (void)state;
    farewells_say(&farewells, sock, "bye", 3);
    world_break(sock, -ECONNRESET);
    assert_true(sock->closed);
}

static void closing_all_closes_those_who_still_wait(void **state)
{
    (void)state;
    farewells_say(&farewells, sock, NULL, 0);
    farewells_deinit(&farewells);
    assert_true(sock->closed);
}

static struct fake_pipe far;

static void a_service_reads_an_end_and_may_end_too(void **state)
{
    (void)state;
    fake_pipe_init(&far);
    farewells_end_pipe(&farewells, &far.pipe);
    assert_true(far.finished);
    assert_false(fake_pipe_is_over(&far));
    fake_pipe_say(&far, "one more thing");
    assert_int_equal(far.coming_len, 0);
    fake_pipe_end(&far);
    assert_true(far.closed);
    world_break(sock, -ECONNRESET);
    sock_close(&world.env, sock);
}

static void a_service_that_never_ends_has_two_seconds(void **state)
{
    (void)state;
    fake_pipe_init(&far);
    farewells_end_pipe(&farewells, &far.pipe);
    world_wait(&world, MSEC(2100));
    assert_true(far.closed);
    fake_pipe_init(&far);
    farewells_end_pipe(&farewells, &far.pipe);
    fake_pipe_break(&far, PIPE_RESET_SESSION_LOST);
    assert_true(far.closed);
    fake_pipe_init(&far);
    fake_pipe_end(&far);
    farewells_end_pipe(&farewells, &far.pipe); /* it has ended before */
    assert_true(far.closed);
    sock_close(&world.env, sock);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(says_them_and_waits_for_the_client_to_finish),
        TEST(goes_on_when_the_client_reads_slowly),
        TEST(has_two_seconds_of_patience),
        TEST(does_not_listen_for_ever_to_who_never_stops),
        TEST(a_broken_connection_ends_at_once),
        TEST(a_service_reads_an_end_and_may_end_too),
        TEST(a_service_that_never_ends_has_two_seconds),
        TEST(closing_all_closes_those_who_still_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
