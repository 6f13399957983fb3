/* Standard input and output as one end of a stream: pipes and files in place of both. */
#include "gateway/io/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/io/machine.h"

/* An echo server in the same loop: says everything back, and ends when the other side does. */
struct echo {
    struct env *env;
    struct sock_listener *listener;
    struct sock *sock;
    bool resets;
    uint8_t data[4096]; /* read and not yet sent back: from `at`, `held` bytes */
    size_t at, held;
};

/* False while the other side does not take it; it is told when it does. */
static bool give_back(struct echo *e)
{
    while (e->held > 0) {
        struct iovec out = {e->data + e->at, e->held};
        ssize_t n = sock_writev(e->env, e->sock, &out, 1);
        if (n < 0)
            return false;
        e->at += (size_t)n;
        e->held -= (size_t)n;
    }
    return true;
}

static void on_echo_ready(void *arg)
{
    struct echo *e = arg;
    ssize_t n = -EAGAIN;

    while (give_back(e)) {
        struct iovec area = {e->data, sizeof(e->data)};
        n = sock_readv(e->env, e->sock, &area, 1);
        if (n <= 0)
            break;
        if (e->resets) {
            sock_reset(e->env, e->sock);
            e->sock = NULL;
            return;
        }
        e->at = 0;
        e->held = (size_t)n;
    }
    if (n == 0) {
        sock_close(e->env, e->sock);
        e->sock = NULL;
    }
}

static const struct sock_handler ECHO_SOCK = {NULL, on_echo_ready};

static void on_echo_accept(void *arg, struct sock *sock, const struct addr *from)
{
    struct echo *e = arg;
    (void)from;
    e->sock = sock;
    sock_attach(e->env, sock, &ECHO_SOCK, e);
}

static const struct listen_handler ECHO_LISTEN = {on_echo_accept};

struct client {
    struct io_loop *loop;
    int err;
};

static void on_connect(void *arg, int err)
{
    struct client *c = arg;
    c->err = err;
    io_loop_stop(c->loop);
}

static void on_nothing(void *arg)
{
    (void)arg;
}

static const struct sock_handler CLIENT = {on_connect, on_nothing};

/* Runs terminal_join() with these descriptors in place of standard input and output. */
static int join_with(int in, int out, bool resets)
{
    struct machine *m;
    assert_int_equal(machine_new(&m, NULL), 0);
    struct echo e = {.env = machine_env(m), .resets = resets};
    struct client c = {.loop = machine_loop(m)};
    const struct addr any = addr_loopback(false, 0);
    struct sock *s;

    assert_int_equal(sock_listen(e.env, &e.listener, &any, &ECHO_LISTEN, &e), 0);
    struct addr at = listener_local(e.env, e.listener);
    assert_int_equal(sock_connect(e.env, &s, &at, &CLIENT, &c), 0);
    io_loop_run(c.loop);
    assert_int_equal(c.err, 0);

    int kept_in = dup(STDIN_FILENO), kept_out = dup(STDOUT_FILENO);
    (void)fflush(stdout);
    assert_true(dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0);
    int err = terminal_join(c.loop, e.env, s, (const uint8_t *)"early ", 6);
    assert_true(dup2(kept_in, STDIN_FILENO) >= 0 && dup2(kept_out, STDOUT_FILENO) >= 0);
    (void)close(kept_in);
    (void)close(kept_out);
    if (e.sock)
        sock_close(e.env, e.sock);
    listener_close(e.env, e.listener);
    assert_int_equal(machine_free(m), 0);
    return err;
}

static void carries_a_pipe_there_and_back(void **state)
{
    (void)state;
    int in[2], out[2];
    char heard[32] = "";
    assert_int_equal(pipe(in) | pipe(out), 0);
    assert_int_equal(write(in[1], "hello", 5), 5);
    (void)close(in[1]);

    assert_int_equal(join_with(in[0], out[1], false), 0);
    assert_int_equal(read(out[0], heard, sizeof(heard) - 1), 11);
    assert_string_equal(heard, "early hello");
    (void)close(in[0]);
    (void)close(out[0]);
    (void)close(out[1]);
}

static void carries_a_file_of_a_mebibyte(void **state)
{
    (void)state;
    FILE *in = tmpfile(), *out = tmpfile();
    static uint8_t data[1 << 20], heard[(1 << 20) + 6];
    assert_true(in && out);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 31 >> 3);
    assert_int_equal(fwrite(data, 1, sizeof(data), in), sizeof(data));
    rewind(in);

    assert_int_equal(join_with(fileno(in), fileno(out), false), 0);
    rewind(out);
    assert_int_equal(fread(heard, 1, sizeof(heard), out), sizeof(heard));
    assert_memory_equal(heard + 6, data, sizeof(data));
    (void)fclose(in);
    (void)fclose(out);
}

static void tells_of_a_reset(void **state)
{
    (void)state;
    int in[2], out[2];
    assert_int_equal(pipe(in) | pipe(out), 0);
    assert_int_equal(write(in[1], "hello", 5), 5);

    assert_int_equal(join_with(in[0], out[1], true), -ECONNRESET);
    for (int i = 0; i < 2; i++) {
        (void)close(in[i]);
        (void)close(out[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_a_pipe_there_and_back),
        cmocka_unit_test(carries_a_file_of_a_mebibyte),
        cmocka_unit_test(tells_of_a_reset),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
