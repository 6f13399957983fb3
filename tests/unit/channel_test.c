/* One end of a control connection, line by line. */
#include "config/control/channel.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_env.h"

static struct fake_env env;
static struct channel channel;
static struct sock *far;
static char lines[1024];
static int gone, flushed;
static bool hold_next, close_next;

static void on_line(void *arg, const char *line, size_t len)
{
    (void)arg;
    assert_int_equal(strlen(line), len);
    strcat(lines, line);
    strcat(lines, "|");
    if (hold_next)
        channel_hold(&channel, true);
    if (close_next)
        channel_close(&channel);
}

static void on_gone(void *arg, int err)
{
    (void)arg;
    gone = err ? err : 1;
}

static void on_flushed(void *arg)
{
    (void)arg;
    flushed++;
}

static const struct channel_handler HANDLER = {on_line, on_gone, on_flushed};

static void on_accept(void *arg, struct sock *sock, const struct addr *from)
{
    (void)arg;
    (void)from;
    far = sock;
}

static const struct listen_handler LISTEN = {on_accept};

static int set_up(void **state)
{
    struct sock_listener *l;
    (void)state;

    fake_env_init(&env);
    assert_int_equal(sock_listen_unix(&env.env, &l, "/x", &LISTEN, NULL), 0);
    (void)fake_accept(&env, l, NULL);
    listener_close(&env.env, l);
    channel_init(&channel, &env.env, far, 64, &HANDLER, NULL);
    lines[0] = '\0';
    gone = flushed = 0;
    hold_next = close_next = false;
    fake_env_settle(&env);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    channel_close(&channel);
    fake_env_deinit(&env);
    return 0;
}

static void say(const char *text)
{
    fake_sock_says(far, text, strlen(text));
}

static void lines_are_told_one_by_one(void **state)
{
    (void)state;

    say("a");
    assert_string_equal(lines, "");
    say("b\nc\n\nd");
    assert_string_equal(lines, "ab|c||");
    say("\n");
    assert_string_equal(lines, "ab|c||d|");
}

static void lines_wait_while_the_owner_is_busy(void **state)
{
    (void)state;

    hold_next = true;
    say("a\nb\nc\n");
    assert_string_equal(lines, "a|");
    channel_hold(&channel, false);
    fake_env_settle(&env);
    assert_string_equal(lines, "a|b|");
}

static void a_long_line_ends_it_and_the_longest_does_not(void **state)
{
    (void)state;
    char text[65];

    memset(text, 'x', sizeof(text));
    fake_sock_says(far, text, 62);
    say("\n");
    assert_int_equal(strlen(lines), 63);
    fake_sock_says(far, text, 64);
    assert_int_equal(gone, -EMSGSIZE);
    assert_true(fake_sock_closed(far));
}

static void the_owner_may_close_it_while_it_is_told(void **state)
{
    (void)state;

    close_next = true;
    say("a\nb\n");
    assert_string_equal(lines, "a|");
    assert_false(channel_is_open(&channel));
    assert_int_equal(gone, 0);
}

static void an_end_comes_after_the_lines_before_it(void **state)
{
    (void)state;

    fake_sock_says(far, "a\nb", 3);
    fake_sock_ends(far);
    assert_string_equal(lines, "a|");
    assert_int_equal(gone, 1);
}

static void an_error_is_told(void **state)
{
    (void)state;

    fake_sock_fails(far, -ECONNRESET);
    assert_int_equal(gone, -ECONNRESET);
}

static void what_does_not_fit_is_sent_later(void **state)
{
    (void)state;
    char heard[32];

    fake_sock_room(far, 3);
    channel_send(&channel, "hello\n", 6);
    assert_false(channel_is_flushed(&channel));
    assert_int_equal(fake_sock_heard(far, heard, sizeof(heard)), 3);
    fake_sock_room(far, 100);
    assert_int_equal(fake_sock_heard(far, heard, sizeof(heard)), 3);
    assert_true(channel_is_flushed(&channel));
    assert_int_equal(flushed, 1);
}

static void an_answer_is_sent_after_the_other_side_finished(void **state)
{
    (void)state;
    char heard[32];

    fake_sock_room(far, 3);
    channel_send(&channel, "hello\n", 6);
    fake_sock_ends(far);
    assert_int_equal(gone, 0);
    fake_sock_room(far, 100);
    assert_int_equal(fake_sock_heard(far, heard, sizeof(heard)), 6);
    assert_int_equal(gone, 1);
}

static void the_socket_can_be_taken_out_with_what_was_read(void **state)
{
    (void)state;
    uint8_t *early;
    size_t len;

    hold_next = true;
    say("raw\nbytes");
    struct sock *sock = channel_take(&channel, &early, &len);
    assert_ptr_equal(sock, far);
    assert_int_equal(len, 5);
    assert_memory_equal(early, "bytes", 5);
    assert_false(channel_is_open(&channel));
    free(early);
    sock_close(&env.env, sock);
}

#define WITH_CHANNEL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CHANNEL(lines_are_told_one_by_one),
        WITH_CHANNEL(lines_wait_while_the_owner_is_busy),
        WITH_CHANNEL(a_long_line_ends_it_and_the_longest_does_not),
        WITH_CHANNEL(the_owner_may_close_it_while_it_is_told),
        WITH_CHANNEL(an_end_comes_after_the_lines_before_it),
        WITH_CHANNEL(an_error_is_told),
        WITH_CHANNEL(what_does_not_fit_is_sent_later),
        WITH_CHANNEL(an_answer_is_sent_after_the_other_side_finished),
        WITH_CHANNEL(the_socket_can_be_taken_out_with_what_was_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
