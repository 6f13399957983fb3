/* Whose socket it is, asked of the real kernel. Another user's sockets need root to make. */
#include "gateway/io/owner.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#define NOBODY 65534

struct pair {
    int listener, client, server;
    struct addr client_at, server_at;
};

static struct addr name_of(int fd)
{
    struct addr a = {0};
    socklen_t len = sizeof(a);
    assert_int_equal(getsockname(fd, &a.sa, &len), 0);
    return a;
}

static int bound(int type, const struct addr *at)
{
    int fd = socket(at->sa.sa_family, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, &at->sa, addr_len(at)), 0);
    return fd;
}

static struct pair connected(bool v6)
{
    struct addr local = addr_loopback(v6, 0);
    struct pair p = {.listener = bound(SOCK_STREAM, &local)};
    assert_int_equal(listen(p.listener, 5), 0);
    p.server_at = name_of(p.listener);
    p.client = socket(local.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(p.client, &p.server_at.sa, addr_len(&p.server_at)), 0);
    p.client_at = name_of(p.client);
    p.server = accept(p.listener, NULL, NULL);
    assert_true(p.server >= 0);
    return p;
}

static void disconnect(struct pair *p)
{
    (void)close(p->listener);
    (void)close(p->client);
    (void)close(p->server);
}

static int build(void **state)
{
    static struct owner owner;
    *state = &owner;
    return 0;
}

static int end(void **state)
{
    owner_deinit(*state);
    return 0;
}

static void finds_the_owner_of_a_connection(void **state)
{
    for (int v6 = 0; v6 < 2; v6++) {
        struct pair p = connected(v6);
        uint32_t uid = 1;
        assert_int_equal(owner_of_tcp(*state, &p.client_at, &p.server_at, &uid), 0);
        assert_int_equal(uid, geteuid());
        disconnect(&p);
    }
}

static void knows_no_owner_of_a_connection_that_is_not(void **state)
{
    struct pair p = connected(false);
    uint32_t uid = 7;
    struct addr other = p.client_at;
    addr_set_port(&other, (uint16_t)(addr_port(&other) ^ 1));
    assert_int_equal(owner_of_tcp(*state, &other, &p.server_at, &uid), -ENOENT);
    struct addr none = {0}, v6 = addr_loopback(true, 1);
    assert_int_equal(owner_of_tcp(*state, &none, &p.server_at, &uid), -ENOENT);
    assert_int_equal(owner_of_tcp(*state, &v6, &p.server_at, &uid), -ENOENT);
    /* The kernel would answer with the listener of the port. */
    assert_int_equal(owner_of_tcp(*state, &p.server_at, &other, &uid), -ENOENT);
    assert_int_equal(uid, 7);
    disconnect(&p);
}

/* The kernel shows uid 0 for a socket that was closed: that must not look like root. */
static void knows_no_owner_of_a_socket_that_was_closed(void **state)
{
    struct pair p = connected(false);
    uint32_t uid = 7;
    assert_int_equal(send(p.client, "x", 1, 0), 1);
    (void)close(p.client);
    assert_int_equal(owner_of_tcp(*state, &p.client_at, &p.server_at, &uid), -ENOENT);
    assert_int_equal(uid, 7);
    p.client = dup(0);
    disconnect(&p);
}

static void finds_the_owner_of_one_that_got_our_end(void **state)
{
    struct pair p = connected(false);
    uint32_t uid = 7;
    assert_int_equal(shutdown(p.server, SHUT_WR), 0); /* the client is in CLOSE_WAIT */
    assert_int_equal(owner_of_tcp(*state, &p.client_at, &p.server_at, &uid), 0);
    assert_int_equal(uid, geteuid());
    disconnect(&p);
}

/* `printf x | nc -N` has sent its end of data before the gateway can ask. */
static void finds_the_owner_of_one_that_sent_its_end(void **state)
{
    struct pair p = connected(false);
    uint32_t uid = 7;
    assert_int_equal(shutdown(p.client, SHUT_WR), 0);
    assert_int_equal(owner_of_tcp(*state, &p.client_at, &p.server_at, &uid), 0);
    assert_int_equal(uid, geteuid());
    (void)close(p.client);
    assert_int_equal(owner_of_tcp(*state, &p.client_at, &p.server_at, &uid), -ENOENT);
    p.client = dup(0);
    disconnect(&p);
}

/* Java and others speak to 127.0.0.1 from a v6 socket. */
static void finds_the_owner_of_a_v6_socket_that_speaks_to_v4(void **state)
{
    struct addr local = addr_loopback(false, 0);
    int listener = bound(SOCK_STREAM, &local);
    assert_int_equal(listen(listener, 5), 0);
    struct addr at = name_of(listener);
    uint8_t ip[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
    struct addr mapped = addr_v6(ip, addr_port(&at), 0);
    int client = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, &mapped.sa, addr_len(&mapped)), 0);
    struct addr from = name_of(client);
    uint32_t uid = 7;
    assert_int_equal(owner_of_tcp(*state, &from, &mapped, &uid), 0);
    from = addr_unmapped(from);
    assert_int_equal(owner_of_tcp(*state, &from, &at, &uid), 0);
    assert_int_equal(uid, geteuid());
    (void)close(client);
    (void)close(listener);
}

static void finds_the_owner_of_a_datagram(void **state)
{
    for (int v6 = 0; v6 < 2; v6++) {
        struct addr local = addr_loopback(v6, 0), any = local, other = addr_loopback(v6, 9);
        int server = bound(SOCK_DGRAM, &local);
        struct addr at = name_of(server);
        int client = bound(SOCK_DGRAM, &local);
        struct addr from = name_of(client);
        uint32_t uid = 7;
        assert_int_equal(owner_of_udp(*state, &from, &at, &uid), 0); /* bound, not connected */
        assert_int_equal(uid, geteuid());
        assert_int_equal(connect(client, &at.sa, addr_len(&at)), 0);
        assert_int_equal(owner_of_udp(*state, &from, &at, &uid), 0);
        assert_int_equal(owner_of_udp(*state, &from, &other, &uid), -ENOENT);
        (void)close(client);
        assert_int_equal(owner_of_udp(*state, &from, &at, &uid), -ENOENT);
        memset(v6 ? (void *)&any.v6.sin6_addr : (void *)&any.v4.sin_addr, 0, v6 ? 16 : 4);
        client = bound(SOCK_DGRAM, &any); /* bound to no address, as most are */
        from = name_of(client);
        struct addr sender = addr_loopback(v6, addr_port(&from));
        uid = 7;
        assert_int_equal(owner_of_udp(*state, &sender, &at, &uid), 0);
        assert_int_equal(uid, geteuid());
        (void)close(client);
        (void)close(server);
    }
}

/* Runs `make` as NOBODY in another process, which keeps its socket until this one is asked. */
static void with_stranger(int type,
                          void (*check)(struct owner *o, const struct addr *from,
                                        const struct addr *to),
                          struct owner *o)
{
    struct addr local = addr_loopback(false, 0);
    int server = bound(type, &local), says[2], ends[2];
    struct addr at = name_of(server), from;
    if (type == SOCK_STREAM)
        assert_int_equal(listen(server, 5), 0);
    assert_int_equal(pipe(says), 0);
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        (void)close(ends[1]);
        if (setuid(NOBODY) < 0)
            _exit(1);
        int fd = socket(AF_INET, type, 0);
        if (connect(fd, &at.sa, addr_len(&at)) < 0)
            _exit(2);
        from = name_of(fd);
        if (write(says[1], &from, sizeof(from)) != sizeof(from))
            _exit(3);
        _exit(read(ends[0], &byte, 1) == 0 ? 0 : 4);
    }
    assert_int_equal(read(says[0], &from, sizeof(from)), sizeof(from));
    check(o, &from, &at);
    (void)close(ends[1]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    (void)close(ends[0]);
    (void)close(says[0]);
    (void)close(says[1]);
    (void)close(server);
}

static void check_tcp(struct owner *o, const struct addr *from, const struct addr *to)
{
    uint32_t uid = 0;
    assert_int_equal(owner_of_tcp(o, from, to, &uid), 0);
    assert_int_equal(uid, NOBODY);
}

static void check_udp(struct owner *o, const struct addr *from, const struct addr *to)
{
    uint32_t uid = 0;
    assert_int_equal(owner_of_udp(o, from, to, &uid), 0);
    assert_int_equal(uid, NOBODY);
}

static void tells_another_user(void **state)
{
    if (geteuid() != 0) {
        print_message("not root: nobody else's sockets to look at\n");
        skip();
    }
    with_stranger(SOCK_STREAM, check_tcp, *state);
    with_stranger(SOCK_DGRAM, check_udp, *state);
}

/* The descriptor may be lost under us, or hold an answer nobody read. */
static void recovers_from_a_broken_question(void **state)
{
    struct owner *o = *state;
    struct pair p = connected(false);
    uint32_t uid;
    assert_int_equal(owner_of_tcp(o, &p.client_at, &p.server_at, &uid), 0);
    assert_int_equal(shutdown(o->fd, SHUT_RDWR), -1); /* netlink knows no shutdown */
    int null = dup2(p.listener, o->fd);               /* a socket that answers nothing */
    assert_int_equal(null, o->fd);
    assert_int_equal(owner_of_tcp(o, &p.client_at, &p.server_at, &uid), -ENOENT);
    assert_int_equal(owner_of_tcp(o, &p.client_at, &p.server_at, &uid), 0);
    disconnect(&p);
}

static void skips_answers_to_older_questions(void **state)
{
    struct owner *o = *state;
    struct pair a = connected(false), b = connected(false);
    uint32_t uid;
    assert_int_equal(owner_of_tcp(o, &a.client_at, &a.server_at, &uid), 0);
    /* As if a question had been asked whose answer was never read. */
    struct {
        uint32_t len;
        uint16_t type, flags;
        uint32_t sequence, pid;
    } stale = {16, 20, 1, o->sequence, 0}; /* SOCK_DIAG_BY_FAMILY without a body: an error */
    assert_int_equal(send(o->fd, &stale, sizeof(stale), 0), sizeof(stale));
    assert_int_equal(owner_of_tcp(o, &b.client_at, &b.server_at, &uid), 0);
    assert_int_equal(uid, geteuid());
    disconnect(&a);
    disconnect(&b);
}

static void takes_microseconds(void **state)
{
    struct pair p = connected(false);
    struct timespec start, stop;
    uint32_t uid;
    assert_int_equal(owner_of_tcp(*state, &p.client_at, &p.server_at, &uid), 0);
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(owner_of_tcp(*state, &p.client_at, &p.server_at, &uid), 0);
    (void)clock_gettime(CLOCK_MONOTONIC, &stop);
    double us =
        (double)(stop.tv_sec - start.tv_sec) * 1e3 + (double)(stop.tv_nsec - start.tv_nsec) / 1e6;
    print_message("%.2f us each\n", us);
    assert_true(us < 1000);
    disconnect(&p);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, build, end)
    const struct CMUnitTest tests[] = {
        TEST(finds_the_owner_of_a_connection),
        TEST(knows_no_owner_of_a_connection_that_is_not),
        TEST(knows_no_owner_of_a_socket_that_was_closed),
        TEST(finds_the_owner_of_one_that_got_our_end),
        TEST(finds_the_owner_of_one_that_sent_its_end),
        TEST(finds_the_owner_of_a_v6_socket_that_speaks_to_v4),
        TEST(finds_the_owner_of_a_datagram),
        TEST(tells_another_user),
        TEST(recovers_from_a_broken_question),
        TEST(skips_answers_to_older_questions),
        TEST(takes_microseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
