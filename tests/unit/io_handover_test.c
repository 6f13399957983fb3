/* Programs that get the sockets which are handed over. */
#include "gateway/io/handover.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sys/socket.h>

static int ours, theirs; /* a gateway's end, and that of who runs programs */

static int set_up(void **state)
{
    int pair[2];
    (void)state;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ours = pair[0];
    theirs = pair[1];
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (ours >= 0)
        (void)close(ours);
    if (theirs >= 0)
        (void)close(theirs);
    return 0;
}

static int runs(struct handover *h, const char *script, int fd, int *status)
{
    char *argv[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c", (char *)(uintptr_t)script,
                    NULL};
    char word[] = "OVERLAY_WORD=7";
    char *environment[] = {word, NULL};
    const struct handover_program program = {argv, environment, fd};
    static struct handover_event event;

    int pid = handover_start(h, &program);
    if (pid < 0)
        return pid;
    assert_int_equal(handover_wait(h, &event), 0);
    assert_int_equal(event.what, HANDOVER_PROGRAM);
    assert_int_equal(event.pid, pid);
    *status = event.status;
    return 0;
}

static void a_program_has_environment_socket_and_status(void **state)
{
    struct handover h;
    int status = -1, pair[2];
    char got[2] = "";
    (void)state;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(handover_begin(&h, theirs), 0);
    theirs = -1;
    assert_int_equal(runs(&h, "printf x >&3; exit $OVERLAY_WORD", pair[1], &status), 0);
    assert_int_equal(status, 7);
    assert_int_equal(read(pair[0], got, 1), 1);
    assert_int_equal(read(pair[0], got + 1, 1), 0); /* nobody else holds it any more */
    assert_string_equal(got, "x");
    assert_int_equal(runs(&h, "kill -9 $$", -1, &status), 0);
    assert_int_equal(status, 137);
    (void)close(pair[0]);
    handover_end(&h);
}

/* Of ours, in the place of whatever was there. */
static void a_program_inherits_the_socket_and_no_more(void **state)
{
    struct handover h;
    int status = -1, pair[2];
    char script[128];
    (void)state;

    assert_int_equal(handover_begin(&h, theirs), 0);
    theirs = -1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    (void)snprintf(script, sizeof(script),
                   "for n in %d %d %d %d; do [ $n -gt 3 ] && [ -e /proc/self/fd/$n ] && exit 9; "
                   "done; [ -e /proc/self/fd/3 ]",
                   pair[0], pair[1], h.signals, h.from);
    assert_int_equal(runs(&h, script, pair[1], &status), 0);
    assert_int_equal(status, 0);
    (void)close(pair[0]);
    handover_end(&h);
}

static void a_program_that_is_not_there_is_an_error(void **state)
{
    char *argv[] = {(char *)(uintptr_t) "/nonexistent/program", NULL};
    char *environment[] = {NULL};
    const struct handover_program program = {argv, environment, -1};
    struct handover h;
    (void)state;

    assert_int_equal(handover_begin(&h, theirs), 0);
    theirs = -1;
    assert_int_equal(handover_start(&h, &program), -ENOENT);
    handover_end(&h);
}

static void signals_and_the_end_of_the_gateway_are_told(void **state)
{
    static struct handover_event event;
    struct handover h;
    (void)state;

    assert_int_equal(handover_begin(&h, theirs), 0);
    theirs = -1;
    assert_int_equal(raise(SIGTERM), 0);
    assert_int_equal(handover_wait(&h, &event), 0);
    assert_int_equal(event.what, HANDOVER_SIGNAL);
    assert_int_equal(event.number, SIGTERM);
    assert_false(event.typed);
    (void)close(ours);
    ours = -1;
    assert_int_equal(handover_wait(&h, &event), 0);
    assert_int_equal(event.what, HANDOVER_OVER);
    handover_end(&h);
}

static void what_came_from_elsewhere_is_dropped(void **state)
{
    const struct addr any = addr_loopback(false, 0);
    struct addr at[3];
    char got[8] = "";
    int fd[3];
    (void)state;

    for (size_t i = 0; i < 3; i++) {
        socklen_t len = sizeof(at[i]);
        at[i] = (struct addr){0};
        fd[i] = socket(AF_INET, SOCK_DGRAM, 0);
        assert_int_equal(bind(fd[i], &any.sa, addr_len(&any)), 0);
        assert_int_equal(getsockname(fd[i], &at[i].sa, &len), 0);
    }
    assert_int_equal(sendto(fd[1], "bad", 3, 0, &at[0].sa, addr_len(&at[0])), 3);
    assert_int_equal(sendto(fd[2], "good", 4, 0, &at[0].sa, addr_len(&at[0])), 4);
    assert_int_equal(handover_connect(fd[0], &at[2]), 0);
    assert_int_equal(sendto(fd[1], "bad", 3, 0, &at[0].sa, addr_len(&at[0])), 3);
    assert_int_equal(recv(fd[0], got, sizeof(got), 0), 4);
    assert_memory_equal(got, "good", 4);
    assert_int_equal(recv(fd[0], got, sizeof(got), MSG_DONTWAIT), -1);
    for (size_t i = 0; i < 3; i++)
        (void)close(fd[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_program_has_environment_socket_and_status),
        TEST(a_program_inherits_the_socket_and_no_more),
        TEST(a_program_that_is_not_there_is_an_error),
        TEST(signals_and_the_end_of_the_gateway_are_told),
        TEST(what_came_from_elsewhere_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
