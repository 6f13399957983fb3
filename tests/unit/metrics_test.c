/* Where Prometheus asks: who is answered, and what happens to those who are not. */
#include "adapters/metrics.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/local_world.h"

#define HOST "Host: 127.0.0.1:9464\r\n"

static struct world world;
static struct local_users users;
static struct metrics *metrics;
static uint16_t next_port;
static bool empty;

static char *figures(void *arg)
{
    (void)arg;
    return empty ? NULL : strdup("overlay_x 1\n");
}

static int start(char *why)
{
    const struct metrics_options options = {.env = &world.env,
                                            .users = &users,
                                            .listen = {addr_loopback(false, 9464)},
                                            .write = figures};
    return metrics_new(&metrics, &options, why, 200);
}

static int set_up(void **state)
{
    char why[200];
    (void)state;
    world_init(&world);
    world.uid = 1000;
    users = (struct local_users){.uid = {1000}, .count = 1};
    next_port = 40000;
    empty = false;
    return start(why);
}

static int tear_down(void **state)
{
    (void)state;
    metrics_free(metrics);
    world_deinit(&world);
    return 0;
}

static struct sock *client(const char *text)
{
    struct sock *s = world_dial(&world, "127.0.0.1:9464", next_port++);
    assert_non_null(s);
    world_say(s, text);
    return s;
}

static void assert_status(struct sock *s, unsigned status)
{
    char wanted[32];
    snprintf(wanted, sizeof(wanted), "HTTP/1.1 %u ", status);
    if (strncmp(world_heard(s), wanted, strlen(wanted)) != 0)
        fail_msg("wanted %u, heard: %s", status, world_heard(s));
}

static void tells_the_figures(void **state)
{
    (void)state;
    struct sock *s = client("GET /metrics HTTP/1.1\r\n" HOST "\r\n");
    assert_status(s, 200);
    assert_non_null(strstr(world_heard(s), "\r\nContent-Type: text/plain; version=0.0.4; "
                                           "charset=utf-8\r\nContent-Length: 12\r\n"));
    assert_string_equal(strstr(world_heard(s), "\r\n\r\n"), "\r\n\r\noverlay_x 1\n");
    assert_true(s->finished);
    s = client("HEAD /metrics?x=1 HTTP/1.1\r\nHost: localhost:9464\r\n\r\n");
    assert_status(s, 200);
    assert_string_equal(strstr(world_heard(s), "\r\n\r\n"), "\r\n\r\n");
    empty = true;
    assert_status(client("GET /metrics HTTP/1.1\r\n" HOST "\r\n"), 503);
}

static void refuses_what_it_is_not_for(void **state)
{
    (void)state;
    assert_status(client("GET / HTTP/1.1\r\n" HOST "\r\n"), 404);
    assert_status(client("GET /metrics/x HTTP/1.1\r\n" HOST "\r\n"), 404);
    assert_status(client("POST /metrics HTTP/1.1\r\n" HOST "\r\n"), 405);
    assert_status(client("GET /metrics HTTP/1.1\r\nHost: evil.com:9464\r\n\r\n"), 421);
    assert_status(client("GET /metrics HTTP/1.1\r\nHost: x.overlay.localhost\r\n\r\n"), 421);
    assert_status(client("GET /metrics HTTP/1.1\r\n\r\n"), 421);
    assert_status(client("GET /metrics HTTP/1.1\r\n" HOST HOST "\r\n"), 421);
    assert_status(client("GET /metrics HTTP/1.1\r\n" HOST "Origin: http://127.0.0.1:9464\r\n\r\n"),
                  421);
    assert_status(client("nonsense\r\n\r\n"), 400);
    assert_status(client("GET /metrics HTTP/1.1\r\n" HOST "X : y\r\n\r\n"), 400);
    char large[9000] = "GET /metrics HTTP/1.1\r\nX: ";
    size_t len = strlen(large);
    memset(large + len, 'x', sizeof(large) - len - 1);
    large[sizeof(large) - 1] = 0;
    assert_status(client(large), 431);
}

static void a_request_may_come_in_pieces_but_not_for_ever(void **state)
{
    (void)state;
    const char *text = "GET /metrics HTTP/1.1\r\n" HOST "\r\n";
    struct sock *s = client("");
    for (const char *at = text; *at; at++) {
        assert_int_equal(s->out_len, 0);
        world_send(s, at, 1);
        world_run(&world);
    }
    assert_status(s, 200);
    for (size_t len = 0; len < strlen(text); len++) {
        s = client("");
        world_send(s, text, len);
        world_finish(s);
        world_run(&world);
        assert_true(world_is_over(s));
        assert_int_equal(s->out_len, 0);
        if (next_port % 40 == 0)
            break; /* the world has so many clients */
    }
    s = client("GET /metr");
    world_wait(&world, SEC(4));
    assert_false(world_is_over(s));
    world_wait(&world, SEC(2));
    assert_true(s->reset);
}

static void so_many_callers_and_no_more(void **state)
{
    (void)state;
    for (int i = 0; i < 16; i++)
        assert_false(world_is_over(client("GET")));
    assert_true(client("GET")->reset);
}

static void another_user_is_reset(void **state)
{
    (void)state;
    world.uid = 1001;
    assert_true(client("GET /metrics HTTP/1.1\r\n" HOST "\r\n")->reset);
}

static void a_port_that_is_taken_is_an_error_that_says_so(void **state)
{
    (void)state;
    char why[200];
    metrics_free(metrics);
    metrics = NULL;
    world.taken_tcp = 9464;
    assert_int_equal(start(why), -EADDRINUSE);
    assert_string_equal(why, "metrics: 127.0.0.1:9464: another program holds this port");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tells_the_figures),
        TEST(refuses_what_it_is_not_for),
        TEST(a_request_may_come_in_pieces_but_not_for_ever),
        TEST(so_many_callers_and_no_more),
        TEST(another_user_is_reset),
        TEST(a_port_that_is_taken_is_an_error_that_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
