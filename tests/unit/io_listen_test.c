/* Listeners at their limits, and unix sockets by path. */
#include "gateway/io/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cmocka.h>

#include "gateway/io/anyip.h"
#include "gateway/io/inherit.h"
#include "gateway/io/machine.h"
#include "gateway/io/tcp.h"
#include "tests/support/spin.h"

#define CALLERS 300

struct world {
    struct machine *machine;
    struct io_loop *loop;
    struct env *env;
    struct sock_listener *listener;
    struct sock *accepted[CALLERS];
    unsigned count, connected, ready;
    int connect_err;
    struct addr from;
    char base[32], folder[4096];
};

static void on_accept(void *arg, struct sock *s, const struct addr *from)
{
    struct world *w = arg;
    assert_true(w->count < CALLERS);
    w->accepted[w->count++] = s;
    w->from = *from;
}

static const struct listen_handler LISTENER = {on_accept};

static void on_connect(void *arg, int err)
{
    struct world *w = arg;
    w->connect_err = err;
    w->connected++;
}

static void on_ready(void *arg)
{
    ((struct world *)arg)->ready++;
}

static const struct sock_handler HANDLER = {on_connect, on_ready};

static int build(void **state)
{
    static struct world world;
    memset(&world, 0, sizeof(world));
    assert_int_equal(machine_new(&world.machine, NULL), 0);
    world.env = machine_env(world.machine);
    world.loop = machine_loop(world.machine);
    strcpy(world.base, "/tmp/overlay-listen-XXXXXX");
    assert_non_null(mkdtemp(world.base));
    strcpy(world.folder, world.base);
    *state = &world;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;
    for (unsigned i = 0; i < w->count; i++)
        sock_close(w->env, w->accepted[i]);
    listener_close(w->env, w->listener);
    char command[64];
    (void)snprintf(command, sizeof(command), "rm -rf %s", w->base);
    return machine_free(w->machine) < 0 || system(command) != 0 ? -1 : 0;
}

/* ---- out of descriptors ---- */

static int dial(const struct addr *to)
{
    int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &to->sa, addr_len(to)), 0);
    return fd;
}

static rlim_t limit_descriptors(rlim_t limit)
{
    struct rlimit r;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
    rlim_t before = r.rlim_cur;
    r.rlim_cur = limit;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
    return before;
}

static void listen_on_loopback(struct world *w)
{
    struct addr local = addr_loopback(false, 0);
    assert_int_equal(sock_listen(w->env, &w->listener, &local, &LISTENER, w), 0);
}

static void accepts_many_callers(void **state)
{
    struct world *w = *state;
    int fd[CALLERS];
    listen_on_loopback(w);
    struct addr at = listener_local(w->env, w->listener);
    for (unsigned i = 0; i < CALLERS; i++)
        fd[i] = dial(&at);
    io_loop_turn(w->loop, 0);
    assert_true(w->count < CALLERS); /* the others get their turn too */
    assert_true(spin_until(w->loop, &w->count, CALLERS));
    for (unsigned i = 0; i < CALLERS; i++)
        (void)close(fd[i]);
}

/* valgrind keeps a table of descriptors of its own, and its own limit. */
static void skip_under_valgrind(void)
{
    if (getenv("UNDER_VALGRIND"))
        skip();
}

/* The callers come first and then the limit: accept() has no descriptor left for any of them. */
static void refuses_callers_when_no_descriptor_is_left(void **state)
{
    struct world *w = *state;
    char byte;
    int fd[20];
    skip_under_valgrind();
    listen_on_loopback(w);
    struct addr at = listener_local(w->env, w->listener);
    for (unsigned i = 0; i < 20; i++)
        fd[i] = dial(&at);
    int lowest = dup(0); /* descriptors are given out lowest first */
    (void)close(lowest);
    rlim_t before = limit_descriptors((rlim_t)lowest + 3);
    spin_for(w->loop, MSEC(5));
    assert_int_equal(w->count, 3);
    (void)limit_descriptors(before);
    for (unsigned i = 3; i < 20; i++) {
        assert_int_equal(recv(fd[i], &byte, 1, 0), -1);
        assert_int_equal(errno, ECONNRESET);
    }
    int late = dial(&at); /* and all is well again */
    assert_true(spin_until(w->loop, &w->count, 4));
    (void)close(late);
    for (unsigned i = 0; i < 20; i++)
        (void)close(fd[i]);
}

static void recovers_without_its_reserve(void **state)
{
    struct world *w = *state;
    skip_under_valgrind();
    listen_on_loopback(w);
    struct addr at = listener_local(w->env, w->listener);
    int fd = dial(&at);
    int lowest = dup(0);
    (void)close(lowest);
    rlim_t before = limit_descriptors((rlim_t)lowest);
    assert_true(io_spare_use(w->loop)); /* somebody else was faster */
    int taken = dup(0);
    assert_true(taken >= 0);
    unsigned turns = 0;
    for (instant until = io_loop_now(w->loop) + MSEC(150); io_loop_now(w->loop) < until; turns++)
        io_loop_turn(w->loop, until);
    assert_int_equal(w->count, 0);
    assert_true(turns < 20); /* it does not spin */
    (void)limit_descriptors(before);
    assert_true(spin_until(w->loop, &w->count, 1)); /* without a new caller */
    (void)close(taken);
    (void)close(fd);
}

/* Takes descriptors until `next` would be the next one. Returns how many. */
static unsigned take_below(int next, int taken[static 64])
{
    unsigned count = 0;
    for (int fd = dup(0); fd < next; fd = dup(0)) {
        assert_true(fd >= 0 && count < 64);
        taken[count++] = fd;
        if (fd == next - 1)
            return count;
    }
    fail_msg("descriptors beyond %d are taken", next);
    return count;
}

static void on_no_datagrams(void *arg, const struct udp_rx *rx)
{
    (void)arg;
    (void)rx;
}

static const struct udp_handler NO_DATAGRAMS = {on_no_datagrams, NULL};

static void connections_and_flows_leave_the_last_eight_to_the_owner(void **state)
{
    struct world *w = *state;
    struct sock_listener *control;
    struct sock *dialled, *caller;
    struct udp_socket *udp;
    char byte, path[4200];
    int taken[64];
    skip_under_valgrind();
    listen_on_loopback(w);
    struct addr at = listener_local(w->env, w->listener);
    (void)snprintf(path, sizeof(path), "%s/control.sock", w->folder);
    assert_int_equal(sock_listen_unix(w->env, &control, path, &LISTENER, w), 0);
    int fd = dial(&at);
    assert_int_equal(sock_connect_unix(w->env, &caller, path, &HANDLER, w), 0);
    unsigned count = take_below(64 - 8, taken);
    rlim_t before = limit_descriptors(64);
    assert_true(spin_until(w->loop, &w->count, 1));
    spin_for(w->loop, MSEC(5));
    assert_int_equal(w->count, 1); /* the owner alone */
    assert_int_equal(recv(fd, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(sock_connect(w->env, &dialled, &at, &HANDLER, w), -EMFILE);
    assert_int_equal(sock_connect_unix(w->env, &dialled, path, &HANDLER, w), -EMFILE);
    addr_set_port(&at, 0);
    assert_int_equal(udp_open(w->env, &udp, &at, 0, &NO_DATAGRAMS, NULL), -EMFILE);
    (void)limit_descriptors(before);
    for (unsigned i = 0; i < count; i++)
        (void)close(taken[i]);
    (void)close(fd);
    sock_close(w->env, caller);
    listener_close(w->env, control);
}

/* ---- unix sockets ---- */

static void deepen(struct world *w, size_t len)
{
    while (strlen(w->folder) < len) {
        strcat(w->folder, "/a-folder-with-a-long-name");
        assert_int_equal(mkdir(w->folder, 0700), 0);
    }
}

static char *socket_path(struct world *w)
{
    static char path[4200];
    (void)snprintf(path, sizeof(path), "%s/control.sock", w->folder);
    return path;
}

static void connect_to_path(struct world *w)
{
    struct sock *s;
    char *path = socket_path(w);
    assert_int_equal(sock_listen_unix(w->env, &w->listener, path, &LISTENER, w), 0);
    assert_int_equal(sock_connect_unix(w->env, &s, path, &HANDLER, w), 0);
    assert_int_equal(w->connected, 0);
    assert_true(spin_until(w->loop, &w->connected, 1));
    assert_true(spin_until(w->loop, &w->count, 1));
    assert_int_equal(w->connect_err, 0);
    assert_true(addr_is_none(&w->from));
    sock_close(w->env, s);
}

static void connects_by_a_short_path(void **state)
{
    connect_to_path(*state);
}

static void connects_by_a_path_longer_than_sun_path(void **state)
{
    struct world *w = *state;
    deepen(w, 400);
    connect_to_path(w);
}

static void connects_by_a_relative_path(void **state)
{
    struct world *w = *state;
    char before[4096];
    assert_non_null(getcwd(before, sizeof(before)));
    deepen(w, 200);
    assert_int_equal(chdir(w->folder), 0);
    struct sock *s;
    assert_int_equal(sock_listen_unix(w->env, &w->listener, "x.sock", &LISTENER, w), 0);
    assert_int_equal(sock_connect_unix(w->env, &s, "x.sock", &HANDLER, w), 0);
    assert_true(spin_until(w->loop, &w->connected, 1));
    sock_close(w->env, s);
    assert_int_equal(chdir(before), 0);
    listener_close(w->env, w->listener);
    w->listener = NULL;
}

static void says_when_a_name_is_too_long(void **state)
{
    struct world *w = *state;
    struct sock *s;
    char path[4300];
    deepen(w, 200);
    (void)snprintf(path, sizeof(path), "%s/%0120d", w->folder, 1);
    assert_int_equal(sock_connect_unix(w->env, &s, path, &HANDLER, w), -ENAMETOOLONG);
    assert_int_equal(sock_listen_unix(w->env, &w->listener, path, &LISTENER, w), -ENAMETOOLONG);
}

static void closes_its_file_to_others_whatever_the_umask(void **state)
{
    struct world *w = *state;
    struct stat st;
    mode_t before = umask(0);
    assert_int_equal(sock_listen_unix(w->env, &w->listener, socket_path(w), &LISTENER, w), 0);
    (void)umask(before);
    assert_int_equal(stat(socket_path(w), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    listener_close(w->env, w->listener);
    w->listener = NULL;
    assert_int_equal(stat(socket_path(w), &st), -1); /* and removes it */
}

/* As a killed process leaves it: the file is there, nobody listens. */
static void leave_stale(struct world *w)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    strcpy(at.sun_path, socket_path(w));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    (void)close(fd);
}

static void replaces_a_stale_socket(void **state)
{
    struct world *w = *state;
    leave_stale(w);
    connect_to_path(w);
}

static void leaves_a_socket_alone_that_answers(void **state)
{
    struct world *w = *state;
    struct sock_listener *second = NULL;
    connect_to_path(w);
    assert_int_equal(sock_listen_unix(w->env, &second, socket_path(w), &LISTENER, w), -EADDRINUSE);
    struct sock *s;
    assert_int_equal(sock_connect_unix(w->env, &s, socket_path(w), &HANDLER, w), 0);
    assert_true(spin_until(w->loop, &w->connected, 2));
    sock_close(w->env, s);
}

static void leaves_a_plain_file_alone(void **state)
{
    struct world *w = *state;
    struct stat st;
    int fd = open(socket_path(w), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    (void)close(fd);
    assert_int_equal(sock_listen_unix(w->env, &w->listener, socket_path(w), &LISTENER, w),
                     -EADDRINUSE);
    assert_int_equal(stat(socket_path(w), &st), 0);
}

static void reports_that_nobody_listens(void **state)
{
    struct world *w = *state;
    struct sock *s;
    assert_int_equal(sock_connect_unix(w->env, &s, socket_path(w), &HANDLER, w), -ENOENT);
    leave_stale(w);
    assert_int_equal(sock_connect_unix(w->env, &s, socket_path(w), &HANDLER, w), -ECONNREFUSED);
    spin_for(w->loop, MSEC(1));
    assert_int_equal(w->connected, 0);
}

/* ---- socket activation ---- */

/* A UDP and a TCP socket on one port. What is free for one may be taken for the other: try again.
 */
static void bind_both(int fd[static 2], struct addr *at)
{
    for (int tries = 0; tries < 100; tries++) {
        socklen_t len = addr_len(at);
        addr_set_port(at, 0);
        fd[0] = socket(AF_INET, SOCK_DGRAM, 0);
        fd[1] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(bind(fd[0], &at->sa, len), 0);
        assert_int_equal(getsockname(fd[0], &at->sa, &len), 0);
        if (bind(fd[1], &at->sa, len) == 0)
            return;
        (void)close(fd[0]);
        (void)close(fd[1]);
    }
    fail_msg("no port is free for both");
}

static void takes_a_socket_that_was_passed(void **state)
{
    (void)state;
    struct inherit in = {0};
    struct addr at = addr_loopback(false, 0);
    in.count = 2;
    bind_both(in.fd, &at);
    struct addr other = at;
    addr_set_port(&other, (uint16_t)(addr_port(&at) ^ 1));
    assert_int_equal(inherit_take(&in, &other, SOCK_DGRAM), -1);
    assert_int_equal(inherit_take(&in, &at, SOCK_STREAM), -1); /* it does not listen */
    assert_int_equal(listen(in.fd[1], 1), 0);
    int stream = in.fd[1], datagram = in.fd[0];
    assert_int_equal(inherit_take(&in, &at, SOCK_STREAM), stream);
    assert_int_equal(inherit_take(&in, &at, SOCK_STREAM), -1);
    assert_int_equal(inherit_take(&in, &at, SOCK_DGRAM), datagram);
    inherit_deinit(&in);
    (void)close(stream);
    (void)close(datagram);
}

static void reads_what_systemd_says_only_if_it_is_meant(void **state)
{
    (void)state;
    struct inherit in;
    char pid[16];
    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid() + 1);
    assert_int_equal(setenv("LISTEN_PID", pid, 1), 0);
    assert_int_equal(setenv("LISTEN_FDS", "2", 1), 0);
    inherit_init(&in);
    assert_int_equal(in.count, 0);
    assert_null(getenv("LISTEN_FDS"));
}

/* ---- the loopback device ---- */

static void opens_a_file_to_everybody_whatever_the_umask(void **state)
{
    struct world *w = *state;
    char path[64];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/names", w->base);
    mode_t before = umask(077);
    assert_int_equal(sock_listen_everyone(w->env, &w->listener, path, &LISTENER, w), 0);
    (void)umask(before);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0666);
}

static void listens_on_the_loopback_device(void **state)
{
    struct world *w = *state;
    struct addr any = addr_v4((const uint8_t[4]){0}, 0);
    int err = sock_listen_lo(w->env, &w->listener, &any, false, &LISTENER, w);
    if (err == -EPERM)
        skip(); /* a kernel before 5.7 */
    assert_int_equal(err, 0);
    struct addr at = listener_local(w->env, w->listener);
    at = addr_v4((const uint8_t[4]){127, 77, 1, 2}, addr_port(&at));
    (void)close(dial(&at));
    assert_true(spin_until(w->loop, &w->count, 1));
    /* No packet filter led it here. */
    at = sock_dialled(w->env, w->accepted[0]);
    struct addr local = sock_local(w->env, w->accepted[0]);
    assert_true(addr_equal(&at, &local));
    assert_memory_equal(&at.v4.sin_addr, "\177\115\1\2", 4);
}

static void waits_for_a_socket_that_is_passed(void **state)
{
    struct world *w = *state;
    struct addr any = addr_v4((const uint8_t[4]){0}, 80);
    assert_int_equal(sock_listen_lo(w->env, &w->listener, &any, true, &LISTENER, w), -ENOENT);
}

static void refuses_a_passed_socket_that_neighbours_reach(void **state)
{
    struct world *w = *state;
    struct addr any = addr_v4((const uint8_t[4]){0}, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_false(anyip_is_on_lo(fd));
    assert_int_equal(io_tcp_listen_lo(w->loop, &w->listener, &any, fd, &LISTENER, w), -EPERM);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (anyip_bind_lo(fd) < 0)
        skip();
    assert_true(anyip_is_on_lo(fd));
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(io_tcp_listen_lo(w->loop, &w->listener, &any, fd, &LISTENER, w), 0);
}

static void knows_which_addresses_are_this_machines(void **state)
{
    struct world *w = *state;
    static const char *const ours[] = {"127.0.0.1:0", "127.77.1.2:0"};
    static const char *const others[] = {"192.0.2.1:0", "198.51.100.7:80", "255.255.255.255:0"};
    struct addr at;
    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
        assert_int_equal(addr_parse(&at, ours[i]), 0);
        assert_true(env_is_local(w->env, &at));
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        assert_int_equal(addr_parse(&at, others[i]), 0);
        assert_false(env_is_local(w->env, &at));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, build, end)
    const struct CMUnitTest tests[] = {
        TEST(accepts_many_callers),
        TEST(refuses_callers_when_no_descriptor_is_left),
        TEST(connections_and_flows_leave_the_last_eight_to_the_owner),
        TEST(recovers_without_its_reserve),
        TEST(connects_by_a_short_path),
        TEST(connects_by_a_path_longer_than_sun_path),
        TEST(connects_by_a_relative_path),
        TEST(says_when_a_name_is_too_long),
        TEST(closes_its_file_to_others_whatever_the_umask),
        TEST(replaces_a_stale_socket),
        TEST(leaves_a_socket_alone_that_answers),
        TEST(leaves_a_plain_file_alone),
        TEST(reports_that_nobody_listens),
        TEST(takes_a_socket_that_was_passed),
        TEST(reads_what_systemd_says_only_if_it_is_meant),
        TEST(opens_a_file_to_everybody_whatever_the_umask),
        TEST(listens_on_the_loopback_device),
        TEST(waits_for_a_socket_that_is_passed),
        TEST(refuses_a_passed_socket_that_neighbours_reach),
        TEST(knows_which_addresses_are_this_machines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
