/* Sockets that go to another process. */
#include "gateway/io/give.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "gateway/io/loop.h"
#include "gateway/io/tcp.h"
#include "gateway/io/udp.h"

static struct io_loop *loop;
static struct sock *ours; /* our end; the other is `theirs` */
static int theirs;

static int set_up(void **state)
{
    int pair[2];
    (void)state;

    assert_int_equal(io_loop_new(&loop), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ours = io_sock_new(loop, pair[0]);
    theirs = pair[1];
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    io_sock_close(ours);
    if (theirs >= 0)
        (void)close(theirs);
    return io_loop_free(loop);
}

static void on_datagrams(void *arg, const struct udp_rx *rx)
{
    (void)arg;
    (void)rx;
}

static const struct udp_handler HANDLER = {on_datagrams, NULL};

static struct addr open_udp(struct udp_socket **out)
{
    const struct addr local = addr_loopback(false, 0);
    assert_int_equal(io_udp_open(loop, out, &local, UDP_PKTINFO, -1, &HANDLER, NULL), 0);
    return io_udp_local(*out);
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);
    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static void a_given_socket_is_like_one_that_a_program_opens(void **state)
{
    char text[GIVE_TEXT_MAX];
    struct udp_socket *s;
    struct addr local = open_udp(&s), got = {0};
    socklen_t got_len = sizeof(got);
    size_t len = 0;
    int fd = -1;
    (void)state;

    assert_int_equal(io_udp_give(ours, s, "line\n", 5), 0);
    assert_int_equal(give_receive(theirs, text, sizeof(text), &len, &fd), 0);
    assert_int_equal(len, 5);
    assert_memory_equal(text, "line\n", 5);
    assert_int_equal(getsockname(fd, &got.sa, &got_len), 0);
    assert_true(addr_equal(&got, &local));
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(option(fd, IPPROTO_IP, IP_PKTINFO), 0);
    assert_int_equal(option(fd, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_WANT);
    (void)close(fd);
}

static void several_are_told_apart(void **state)
{
    char text[GIVE_TEXT_MAX];
    struct addr local[3];
    (void)state;

    for (size_t i = 0; i < 3; i++) {
        struct udp_socket *s;
        local[i] = open_udp(&s);
        assert_int_equal(io_udp_give(ours, s, "abc" + i, 1), 0);
    }
    for (size_t i = 0; i < 3; i++) {
        struct addr got = {0};
        socklen_t got_len = sizeof(got);
        size_t len = 0;
        int fd = -1;
        assert_int_equal(give_receive(theirs, text, sizeof(text), &len, &fd), 0);
        assert_int_equal(len, 1);
        assert_int_equal(text[0], "abc"[i]);
        assert_int_equal(getsockname(fd, &got.sa, &got_len), 0);
        assert_true(addr_equal(&got, &local[i]));
        (void)close(fd);
    }
}

static void what_comes_without_a_socket_and_the_end_are_errors(void **state)
{
    char text[16];
    struct udp_socket *s;
    size_t len = 0;
    int fd = -1;
    (void)state;

    const struct iovec area = {(void *)(uintptr_t) "x", 1};
    assert_int_equal(io_sock_writev(ours, &area, 1), 1);
    assert_int_equal(give_receive(theirs, text, sizeof(text), &len, &fd), -EBADMSG);
    io_sock_finish(ours);
    assert_int_equal(give_receive(theirs, text, sizeof(text), &len, &fd), -ECONNRESET);
    (void)close(theirs);
    theirs = -1;
    (void)open_udp(&s);
    assert_int_equal(io_udp_give(ours, s, "x", 1), -EPIPE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_given_socket_is_like_one_that_a_program_opens),
        TEST(several_are_told_apart),
        TEST(what_comes_without_a_socket_and_the_end_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
