/* TCP and unix sockets over loopback: edges, ends, resets, limits. */
#include "gateway/io/tcp.h"

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
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "gateway/io/machine.h"
#include "tests/support/spin.h"

#define ROOM 65536

/* Linux: where tcpi_segs_in lies in struct tcp_info, which is shorter in the C library. */
#define SEGMENTS_IN 140

enum act { ACT_NOTHING, ACT_CLOSE, ACT_RESET, ACT_ATTACH, ACT_SAY };

struct end {
    struct env *env;
    struct sock *sock;
    unsigned connected, ready, over; /* over: end of data or an error was read */
    int connect_err;
    ssize_t ending;
    enum act on_ready, on_connect;
    bool ignores;     /* reads nothing by itself */
    size_t read_size; /* of one read; stops at a short one, as the rule allows */
    uint8_t got[ROOM];
    size_t len;
    volatile unsigned bytes;
};

struct world {
    struct machine *machine;
    struct io_loop *loop;
    struct env *env;
    struct sock_listener *listener;
    struct addr at;
    unsigned accepted;
    bool close_listener;
    struct addr from;
    struct end client, server;
};

static const struct sock_handler HANDLER;

/* What leaves the socket open. */
static bool act_on(struct end *e, enum act what)
{
    struct iovec area = {(void *)(uintptr_t) "hello", 5};
    if (what == ACT_ATTACH)
        sock_attach(e->env, e->sock, &HANDLER, e);
    else if (what == ACT_SAY)
        assert_int_equal(sock_writev(e->env, e->sock, &area, 1), 5);
    return what == ACT_ATTACH || what == ACT_SAY;
}

static void act(struct end *e, enum act what)
{
    if (act_on(e, what))
        return;
    if (what == ACT_CLOSE)
        sock_close(e->env, e->sock);
    else if (what == ACT_RESET)
        sock_reset(e->env, e->sock);
    if (what != ACT_NOTHING)
        e->sock = NULL;
}

static void drain(struct end *e)
{
    for (;;) {
        struct iovec area = {e->got + e->len, e->read_size};
        ssize_t n = sock_readv(e->env, e->sock, &area, 1);
        if (n == -EAGAIN)
            return;
        if (n <= 0) {
            e->ending = n;
            e->over++;
            return;
        }
        e->len += (size_t)n;
        e->bytes += (unsigned)n;
        if ((size_t)n < e->read_size)
            return;
    }
}

static void on_connect(void *arg, int err)
{
    struct end *e = arg;
    e->connected++;
    e->connect_err = err;
    act(e, e->on_connect);
}

static void on_ready(void *arg)
{
    struct end *e = arg;
    e->ready++;
    if (e->on_ready != ACT_NOTHING) {
        act(e, e->on_ready);
        return;
    }
    if (!e->ignores)
        drain(e);
}

static const struct sock_handler HANDLER = {on_connect, on_ready};

static void on_accept(void *arg, struct sock *s, const struct addr *from)
{
    struct world *w = arg;
    w->accepted++;
    w->from = *from;
    if (w->server.sock) { /* one is enough */
        sock_close(w->env, s);
    } else {
        w->server.sock = s;
        sock_attach(w->env, s, &HANDLER, &w->server);
    }
    if (w->close_listener) {
        listener_close(w->env, w->listener);
        w->listener = NULL;
    }
}

static const struct listen_handler LISTENER = {on_accept};

static int build(void **state)
{
    static struct world world;
    memset(&world, 0, sizeof(world));
    assert_int_equal(machine_new(&world.machine, NULL), 0);
    world.env = world.client.env = world.server.env = machine_env(world.machine);
    world.loop = machine_loop(world.machine);
    world.client.read_size = world.server.read_size = 4096;
    *state = &world;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;
    sock_close(w->env, w->client.sock);
    sock_close(w->env, w->server.sock);
    listener_close(w->env, w->listener);
    return machine_free(w->machine);
}

static void listen_on(struct world *w, const char *where)
{
    struct addr local;
    assert_int_equal(addr_parse(&local, where), 0);
    assert_int_equal(sock_listen(w->env, &w->listener, &local, &LISTENER, w), 0);
    w->at = listener_local(w->env, w->listener);
    assert_true(addr_port(&w->at) != 0);
}

static void dial(struct world *w)
{
    assert_int_equal(sock_connect(w->env, &w->client.sock, &w->at, &HANDLER, &w->client), 0);
    assert_int_equal(w->client.connected, 0);
}

static void connect_both(struct world *w, const char *where)
{
    listen_on(w, where);
    dial(w);
    assert_true(spin_until(w->loop, &w->client.connected, 1));
    assert_int_equal(w->client.connect_err, 0);
    assert_true(spin_until(w->loop, &w->server.ready, 1));
}

static void say(struct end *e, const char *text)
{
    struct iovec area = {(void *)(uintptr_t)text, strlen(text)};
    assert_int_equal(sock_writev(e->env, e->sock, &area, 1), area.iov_len);
}

static void carry_both_ways(struct world *w)
{
    say(&w->client, "question");
    assert_true(spin_until(w->loop, &w->server.bytes, 8));
    struct iovec parts[2] = {{(void *)(uintptr_t) "ans", 3}, {(void *)(uintptr_t) "wer", 3}};
    assert_int_equal(sock_writev(w->env, w->server.sock, parts, 2), 6);
    assert_true(spin_until(w->loop, &w->client.bytes, 6));
    assert_memory_equal(w->server.got, "question", 8);
    assert_memory_equal(w->client.got, "answer", 6);
    sock_finish(w->env, w->client.sock);
    assert_true(spin_until(w->loop, &w->server.over, 1));
    assert_int_equal(w->server.ending, 0);
    say(&w->server, "late");
    assert_true(spin_until(w->loop, &w->client.bytes, 10));
    sock_close(w->env, w->server.sock);
    w->server.sock = NULL;
    assert_true(spin_until(w->loop, &w->client.over, 1));
    assert_int_equal(w->client.ending, 0);
}

static void carries_bytes_and_half_close_over_ipv4(void **state)
{
    struct world *w = *state;
    connect_both(w, "127.0.0.1:0");
    struct addr local = sock_local(w->env, w->client.sock);
    assert_true(addr_equal(&local, &w->from));
    carry_both_ways(w);
}

static void carries_bytes_and_half_close_over_ipv6(void **state)
{
    struct world *w = *state;
    connect_both(w, "[::1]:0");
    carry_both_ways(w);
}

static void two_share_a_local_port_to_different_places(void **state)
{
    struct world *w = *state;
    struct sock_listener *other;
    struct end second = {.env = w->env, .read_size = 4096};
    struct addr local = addr_loopback(false, 0), at = local;

    listen_on(w, "127.0.0.1:0");
    assert_int_equal(
        sock_connect_from(w->env, &w->client.sock, &local, &w->at, &HANDLER, &w->client), 0);
    assert_true(spin_until(w->loop, &w->client.connected, 1));
    assert_int_equal(w->client.connect_err, 0);
    local = sock_local(w->env, w->client.sock);
    assert_true(spin_until(w->loop, &w->accepted, 1));
    assert_true(addr_equal(&local, &w->from));

    assert_int_equal(sock_listen(w->env, &other, &at, &LISTENER, w), 0);
    at = listener_local(w->env, other);
    assert_int_equal(sock_connect_from(w->env, &second.sock, &local, &at, &HANDLER, &second), 0);
    assert_true(spin_until(w->loop, &second.connected, 1));
    assert_int_equal(second.connect_err, 0);
    assert_true(spin_until(w->loop, &w->accepted, 2));
    assert_true(addr_equal(&local, &w->from));
    sock_close(w->env, second.sock);
    assert_true(sock_connect_from(w->env, &second.sock, &local, &w->at, &HANDLER, &second) < 0);
    listener_close(w->env, other);
}

/* As for a peer that is met half-way: who calls before we do is let in. */
static void one_listens_at_the_port_that_connections_share(void **state)
{
    struct world *w = *state;
    struct sock_listener *shared, *plain;
    struct end second = {.env = w->env, .read_size = 4096};
    const struct addr any = addr_loopback(false, 0);

    listen_on(w, "127.0.0.1:0");
    assert_int_equal(sock_connect_from(w->env, &w->client.sock, &any, &w->at, &HANDLER, &w->client),
                     0);
    assert_true(spin_until(w->loop, &w->accepted, 1));
    const struct addr local = sock_local(w->env, w->client.sock);
    assert_int_equal(sock_listen_shared(w->env, &shared, &local, &LISTENER, w), 0);
    assert_int_equal(sock_connect(w->env, &second.sock, &local, &HANDLER, &second), 0);
    assert_true(spin_until(w->loop, &w->accepted, 2));
    sock_close(w->env, second.sock);
    /* And the other way round: one more connects from where it is listened. */
    assert_int_equal(sock_listen(w->env, &plain, &any, &LISTENER, w), 0);
    const struct addr to = listener_local(w->env, plain);
    second = (struct end){.env = w->env, .read_size = 4096};
    assert_int_equal(sock_connect_from(w->env, &second.sock, &local, &to, &HANDLER, &second), 0);
    assert_true(spin_until(w->loop, &second.connected, 1));
    assert_int_equal(second.connect_err, 0);
    assert_true(spin_until(w->loop, &w->accepted, 3));
    assert_true(addr_equal(&local, &w->from));
    sock_close(w->env, second.sock);
    listener_close(w->env, plain);
    listener_close(w->env, shared);
}

/* ---- edges ---- */

/* One edge brings data and the end; the reader stops at the short read, as it may. */
static void tells_the_end_that_came_with_the_data(void **state)
{
    struct world *w = *state;
    connect_both(w, "127.0.0.1:0");
    for (unsigned round = 0; round < 2; round++) {
        say(&w->client, "last words");
        sock_finish(w->env, w->client.sock);
        assert_true(spin_until(w->loop, &w->server.over, 1));
        assert_int_equal(w->server.len, 10);
        sock_close(w->env, w->client.sock);
        sock_close(w->env, w->server.sock);
        w->client.sock = w->server.sock = NULL;
        w->server.over = w->client.connected = 0;
        w->server.len = 0;
        dial(w);
        assert_true(spin_until(w->loop, &w->client.connected, 1));
    }
}

static void tells_data_once_until_there_is_more(void **state)
{
    struct world *w = *state;
    connect_both(w, "127.0.0.1:0");
    w->server.ignores = true;
    say(&w->client, "x");
    unsigned before = w->server.ready;
    assert_true(spin_until(w->loop, &w->server.ready, before + 1));
    spin_for(w->loop, MSEC(3));
    assert_int_equal(w->server.ready, before + 1);
    say(&w->client, "y");
    assert_true(spin_until(w->loop, &w->server.ready, before + 2));
}

static void hands_what_was_ready_to_the_next_handler(void **state)
{
    struct world *w = *state;
    connect_both(w, "127.0.0.1:0");
    w->server.ignores = true;
    say(&w->client, "hello");
    spin_for(w->loop, MSEC(2));
    w->server.ignores = false;
    sock_attach(w->env, w->server.sock, &HANDLER, &w->server);
    assert_true(spin_until(w->loop, &w->server.bytes, 5));
}

/* Linux tells that writing is possible when an end of data has arrived, too. */
static void tells_of_room_only_who_has_had_none(void **state)
{
    struct world *w = *state;
    connect_both(w, "127.0.0.1:0");
    say(&w->client, "hello");
    assert_true(spin_until(w->loop, &w->server.bytes, 5));
    unsigned before = w->server.ready;
    sock_finish(w->env, w->server.sock);
    assert_true(spin_until(w->loop, &w->client.over, 1));
    spin_for(w->loop, MSEC(2));
    assert_int_equal(w->server.ready, before);
}

/* One that takes a fresh connection over knows that it may write, and spares a read in vain. */
static void whoever_takes_a_fresh_connection_is_told_when_there_are_bytes(void **state)
{
    struct world *w = *state;
    w->client.on_connect = ACT_ATTACH;
    connect_both(w, "127.0.0.1:0");
    spin_for(w->loop, MSEC(2));
    assert_int_equal(w->client.ready, 0);
    say(&w->server, "hello");
    assert_true(spin_until(w->loop, &w->client.bytes, 5));
    assert_int_equal(w->client.ready, 1);
}

static int fd_of(const struct sock *s)
{
    const struct io_watch *watch = (const void *)s;
    return watch->fd;
}

static uint32_t segments_in(const struct sock *s)
{
    uint8_t info[256] = {0};
    uint32_t segments;
    socklen_t len = sizeof(info);
    assert_int_equal(getsockopt(fd_of(s), IPPROTO_TCP, TCP_INFO, info, &len), 0);
    assert_true(len >= SEGMENTS_IN + sizeof(segments));
    memcpy(&segments, info + SEGMENTS_IN, sizeof(segments));
    return segments;
}

static uint32_t segments_of_a_hello(struct world *w, bool speaks)
{
    struct end *c = &w->client;
    c->on_connect = ACT_SAY;
    assert_int_equal(speaks ? sock_connect_speaking(w->env, &c->sock, &w->at, &HANDLER, c)
                            : sock_connect(w->env, &c->sock, &w->at, &HANDLER, c),
                     0);
    assert_true(spin_until(w->loop, &w->server.bytes, 5));
    uint32_t segments = segments_in(w->server.sock);
    sock_close(w->env, c->sock);
    sock_close(w->env, w->server.sock);
    c->sock = w->server.sock = NULL;
    w->server.bytes = 0;
    return segments;
}

static void the_first_bytes_of_one_that_speaks_save_a_packet(void **state)
{
    struct world *w = *state;
    listen_on(w, "127.0.0.1:0");
    uint32_t silent = segments_of_a_hello(w, false), speaking = silent;
    /* Where the machine is kept from running us for long, the kernel gives up waiting. */
    for (unsigned tries = 0; tries < 5 && speaking == silent; tries++)
        speaking = segments_of_a_hello(w, true);
    assert_int_equal(speaking, silent - 1);
}

static void tells_room_for_writing_again(void **state)
{
    static uint8_t block[1 << 16];
    struct world *w = *state;
    connect_both(w, "127.0.0.1:0");
    w->server.ignores = true;
    struct iovec area = {block, sizeof(block)};
    size_t sent = 0;
    ssize_t n;
    while ((n = sock_writev(w->env, w->client.sock, &area, 1)) > 0)
        sent += (size_t)n;
    assert_int_equal(n, -EAGAIN);
    spin_for(w->loop, MSEC(2));
    unsigned before = w->client.ready;
    for (size_t got = 0; got < sent;) {
        struct iovec in = {w->server.got, ROOM};
        n = sock_readv(w->env, w->server.sock, &in, 1);
        if (n > 0)
            got += (size_t)n;
        else
            spin_for(w->loop, MSEC(1));
    }
    assert_true(spin_until(w->loop, &w->client.ready, before + 1));
    assert_true(sock_writev(w->env, w->client.sock, &area, 1) > 0);
}

/* A read stops short of an urgent byte (telnet's interrupt); the rest must not hang. */
static void reads_past_urgent_data_and_keeps_the_byte(void **state)
{
    struct world *w = *state;
    connect_both(w, "127.0.0.1:0");
    spin_for(w->loop, MSEC(1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sock_close(w->env, w->server.sock);
    w->server.sock = NULL;
    assert_int_equal(connect(fd, &w->at.sa, addr_len(&w->at)), 0);
    assert_int_equal(send(fd, "abc", 3, 0), 3);
    assert_int_equal(send(fd, "!", 1, MSG_OOB), 1);
    assert_int_equal(send(fd, "def", 3, 0), 3);
    assert_true(spin_until(w->loop, &w->server.bytes, 7));
    assert_memory_equal(w->server.got, "abc!def", 7);
    (void)close(fd);
}

/* ---- resets ---- */

static void tells_a_reset_from_an_end(void **state)
{
    struct world *w = *state;
    connect_both(w, "127.0.0.1:0");
    sock_reset(w->env, w->client.sock);
    w->client.sock = NULL;
    assert_true(spin_until(w->loop, &w->server.over, 1));
    assert_int_equal(w->server.ending, -ECONNRESET);
}

static void tells_a_reset_by_the_server_to_the_client(void **state)
{
    struct world *w = *state;
    connect_both(w, "127.0.0.1:0");
    sock_reset(w->env, w->server.sock);
    w->server.sock = NULL;
    assert_true(spin_until(w->loop, &w->client.over, 1));
    assert_int_equal(w->client.ending, -ECONNRESET);
}

static void tells_a_reset_behind_data(void **state)
{
    struct world *w = *state;
    connect_both(w, "127.0.0.1:0");
    say(&w->client, "data");
    sock_reset(w->env, w->client.sock);
    w->client.sock = NULL;
    assert_true(spin_until(w->loop, &w->server.over, 1));
    assert_int_equal(w->server.ending, -ECONNRESET);
}

static void tells_an_error_before_unread_bytes_are_read(void **state)
{
    struct world *w = *state;
    connect_both(w, "127.0.0.1:0");
    w->server.ignores = true;
    say(&w->client, "data");
    spin_for(w->loop, MSEC(2));
    assert_int_equal(sock_error(w->env, w->server.sock), 0);
    unsigned before = w->server.ready;
    sock_reset(w->env, w->client.sock);
    w->client.sock = NULL;
    assert_true(spin_until(w->loop, &w->server.ready, before + 1));
    assert_int_equal(sock_error(w->env, w->server.sock), -ECONNRESET);
}

static void tells_a_reset_behind_an_end(void **state)
{
    struct world *w = *state;
    connect_both(w, "127.0.0.1:0");
    sock_finish(w->env, w->client.sock);
    assert_true(spin_until(w->loop, &w->server.over, 1));
    assert_int_equal(w->server.ending, 0);
    sock_reset(w->env, w->client.sock);
    w->client.sock = NULL;
    assert_true(spin_until(w->loop, &w->server.over, 2));
    assert_int_equal(w->server.ending, -ECONNRESET);
}

/* What a process that is killed does to its sockets. */
static void be_killed_with(int fd)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)raise(SIGKILL);
        _exit(1);
    }
    assert_true(pid > 0);
    (void)close(fd);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

/* The watch is the first member, so its descriptor can be had without a function for tests. */
static void a_killed_process_resets_what_it_had_accepted(void **state)
{
    struct world *w = *state;
    connect_both(w, "127.0.0.1:0");
    say(&w->server, "half of it");
    assert_true(spin_until(w->loop, &w->client.bytes, 10));
    int stands_in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int killed = dup(fd_of(w->server.sock));
    assert_int_equal(dup2(stands_in, fd_of(w->server.sock)), fd_of(w->server.sock));
    be_killed_with(killed);
    assert_true(spin_until(w->loop, &w->client.over, 1));
    assert_int_equal(w->client.ending, -ECONNRESET);
    (void)close(stands_in);
}

static void a_killed_process_resets_what_it_had_dialled(void **state)
{
    struct world *w = *state;
    connect_both(w, "127.0.0.1:0");
    int stands_in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int killed = dup(fd_of(w->client.sock));
    assert_int_equal(dup2(stands_in, fd_of(w->client.sock)), fd_of(w->client.sock));
    be_killed_with(killed);
    assert_true(spin_until(w->loop, &w->server.over, 1));
    assert_int_equal(w->server.ending, -ECONNRESET);
    (void)close(stands_in);
}

/* Closing in the ordinary way loses nothing, however much the kernel still has to send. */
static void close_with_a_full_buffer(struct world *w, struct end *from, struct end *to)
{
    static uint8_t block[1 << 16];
    struct iovec area = {block, sizeof(block)};
    size_t sent = 0, got = 0;
    ssize_t n;

    to->ignores = true;
    while ((n = sock_writev(w->env, from->sock, &area, 1)) > 0)
        sent += (size_t)n;
    assert_int_equal(n, -EAGAIN);
    sock_close(w->env, from->sock);
    from->sock = NULL;
    struct iovec in = {to->got, ROOM};
    while ((n = sock_readv(w->env, to->sock, &in, 1)) != 0) {
        if (n == -EAGAIN)
            spin_for(w->loop, MSEC(1));
        else
            assert_true(n > 0);
        got += n > 0 ? (size_t)n : 0;
    }
    assert_int_equal(got, sent);
}

static void closing_a_dialled_one_still_sends_what_was_written(void **state)
{
    struct world *w = *state;
    connect_both(w, "127.0.0.1:0");
    close_with_a_full_buffer(w, &w->client, &w->server);
}

static void closing_an_accepted_one_still_sends_what_was_written(void **state)
{
    struct world *w = *state;
    connect_both(w, "127.0.0.1:0");
    close_with_a_full_buffer(w, &w->server, &w->client);
}

static void says_that_a_write_after_a_reset_failed(void **state)
{
    struct world *w = *state;
    connect_both(w, "127.0.0.1:0");
    w->server.ignores = true;
    sock_reset(w->env, w->client.sock);
    w->client.sock = NULL;
    spin_for(w->loop, MSEC(2));
    struct iovec area = {w->server.got, 10};
    ssize_t n = sock_writev(w->env, w->server.sock, &area, 1);
    assert_true(n == -ECONNRESET || n == -EPIPE);
    assert_int_equal(sock_writev(w->env, w->server.sock, &area, 1), -EPIPE);
}

/* ---- connecting ---- */

static void reports_a_refused_connection(void **state)
{
    struct world *w = *state;
    listen_on(w, "127.0.0.1:0");
    listener_close(w->env, w->listener);
    w->listener = NULL;
    dial(w);
    assert_true(spin_until(w->loop, &w->client.connected, 1));
    assert_int_equal(w->client.connect_err, -ECONNREFUSED);
    assert_int_equal(w->client.ready, 0);
}

static void may_be_closed_by_its_handlers(void **state)
{
    struct world *w = *state;
    listen_on(w, "127.0.0.1:0");
    w->client.on_connect = ACT_CLOSE;
    w->server.on_ready = ACT_RESET;
    w->close_listener = true;
    dial(w);
    assert_true(spin_until(w->loop, &w->client.connected, 1));
    assert_true(spin_until(w->loop, &w->server.ready, 1));
    spin_for(w->loop, MSEC(2));
    assert_null(w->client.sock);
    assert_null(w->server.sock);
    assert_null(w->listener);
    assert_int_equal(w->client.ready, 0);
    assert_int_equal(w->server.ready, 1);
}

static void refuses_an_address_in_use(void **state)
{
    struct world *w = *state;
    struct sock_listener *second = NULL;
    listen_on(w, "127.0.0.1:0");
    assert_int_equal(sock_listen(w->env, &second, &w->at, &LISTENER, w), -EADDRINUSE);
}

static void sends_small_writes_at_once(void **state)
{
    struct world *w = *state;
    int on = 0;
    socklen_t len = sizeof(on);
    connect_both(w, "127.0.0.1:0");
    assert_int_equal(getsockopt(fd_of(w->client.sock), IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    assert_int_equal(on, 1);
    on = 0;
    assert_int_equal(getsockopt(fd_of(w->server.sock), IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    assert_int_equal(on, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, build, end)
    const struct CMUnitTest tests[] = {
        TEST(carries_bytes_and_half_close_over_ipv4),
        TEST(carries_bytes_and_half_close_over_ipv6),
        TEST(two_share_a_local_port_to_different_places),
        TEST(one_listens_at_the_port_that_connections_share),
        TEST(tells_the_end_that_came_with_the_data),
        TEST(tells_data_once_until_there_is_more),
        TEST(hands_what_was_ready_to_the_next_handler),
        TEST(tells_of_room_only_who_has_had_none),
        TEST(whoever_takes_a_fresh_connection_is_told_when_there_are_bytes),
        TEST(the_first_bytes_of_one_that_speaks_save_a_packet),
        TEST(tells_room_for_writing_again),
        TEST(reads_past_urgent_data_and_keeps_the_byte),
        TEST(tells_a_reset_from_an_end),
        TEST(tells_a_reset_by_the_server_to_the_client),
        TEST(tells_a_reset_behind_data),
        TEST(tells_an_error_before_unread_bytes_are_read),
        TEST(tells_a_reset_behind_an_end),
        TEST(a_killed_process_resets_what_it_had_accepted),
        TEST(a_killed_process_resets_what_it_had_dialled),
        TEST(closing_a_dialled_one_still_sends_what_was_written),
        TEST(closing_an_accepted_one_still_sends_what_was_written),
        TEST(says_that_a_write_after_a_reset_failed),
        TEST(reports_a_refused_connection),
        TEST(may_be_closed_by_its_handlers),
        TEST(refuses_an_address_in_use),
        TEST(sends_small_writes_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
