#include "tests/sim/sim_program.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CALL_BUFFER 16384

/* One connection that is echoed. */
struct call {
    struct list link;
    struct sim_echo *echo;
    struct sock *sock;
    size_t len, at; /* bytes of `data` to be written, from `at` on */
    uint8_t data[CALL_BUFFER];
};

static void call_free(struct call *c, bool reset)
{
    c->echo->open--;
    list_remove(&c->link);
    if (reset)
        sock_reset(c->echo->env, c->sock);
    else
        sock_close(c->echo->env, c->sock);
    free(c);
}

/* Writes what was read. Returns false when that cannot go on now, or never. */
static bool write_back(struct call *c)
{
    while (c->at < c->len) {
        struct iovec area = {c->data + c->at, c->len - c->at};
        ssize_t n = sock_writev(c->echo->env, c->sock, &area, 1);
        if (n == -EAGAIN)
            return false;
        if (n < 0) {
            call_free(c, false);
            return false;
        }
        c->at += (size_t)n;
    }
    c->at = c->len = 0;
    return true;
}

static void on_call_ready(void *arg)
{
    struct call *c = arg;
    if (c->echo->deaf)
        return;
    while (write_back(c)) {
        struct iovec area = {c->data, sizeof(c->data)};
        ssize_t n = sock_readv(c->echo->env, c->sock, &area, 1);
        if (n == -EAGAIN)
            return;
        if (n <= 0) {
            call_free(c, false);
            return;
        }
        c->len = (size_t)n;
    }
}

static const struct sock_handler CALL = {NULL, on_call_ready};

static void on_accept(void *arg, struct sock *sock, const struct addr *from)
{
    struct sim_echo *e = arg;
    struct call *c = calloc(1, sizeof(*c));
    (void)from;
    assert_non_null(c);
    c->echo = e;
    c->sock = sock;
    e->accepted++;
    e->open++;
    list_append(&e->calls, &c->link);
    sock_attach(e->env, sock, &CALL, c);
}

static void on_datagrams(void *arg, const struct udp_rx *rx)
{
    struct sim_echo *e = arg;
    const struct udp_tx tx = {
        .to = &rx->from, .data = rx->data, .len = rx->len, .segment = rx->segment};
    if (!e->deaf)
        assert_int_equal(udp_send(e->env, e->udp, &tx), 0);
}

void sim_echo_init(struct sim_echo *e, struct env *env, const char *local)
{
    static const struct listen_handler listen = {on_accept};
    static const struct udp_handler udp = {on_datagrams, NULL};
    struct addr a;
    memset(e, 0, sizeof(*e));
    e->env = env;
    list_init(&e->calls);
    assert_int_equal(addr_parse(&a, local), 0);
    assert_int_equal(sock_listen(env, &e->listener, &a, &listen, e), 0);
    assert_int_equal(udp_open(env, &e->udp, &a, 0, &udp, e), 0);
}

void sim_echo_reset_all(struct sim_echo *e)
{
    for (struct list *node; (node = list_first(&e->calls));)
        call_free(list_entry(node, struct call, link), true);
}

void sim_echo_deinit(struct sim_echo *e)
{
    sim_echo_reset_all(e);
    listener_close(e->env, e->listener);
    udp_close(e->env, e->udp);
}

/* ---- the caller ---- */

uint8_t sim_program_byte(uint64_t place)
{
    uint64_t z = (place >> 3) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return (uint8_t)(z >> (8 * (place & 7)));
}

static void give_up(struct sim_caller *c, int err)
{
    c->error = err;
    sock_close(c->env, c->sock);
    c->sock = NULL;
}

static void write_on(struct sim_caller *c)
{
    uint8_t data[4096];
    while (c->sock && !c->hold && c->sent < c->total) {
        size_t n = c->total - c->sent < sizeof(data) ? (size_t)(c->total - c->sent) : sizeof(data);
        for (size_t i = 0; i < n; i++)
            data[i] = sim_program_byte(c->sent + i);
        struct iovec area = {data, n};
        ssize_t wrote = sock_writev(c->env, c->sock, &area, 1);
        if (wrote == -EAGAIN)
            return;
        if (wrote < 0) {
            give_up(c, (int)wrote);
            return;
        }
        c->sent += (uint64_t)wrote;
        if (c->sent == c->total)
            sock_finish(c->env, c->sock);
    }
}

static void check(struct sim_caller *c, const uint8_t *data, size_t len)
{
    instant now = env_now(c->env);
    for (size_t i = 0; i < len; i++)
        c->corrupt |= data[i] != sim_program_byte(c->received + i);
    c->received += len;
    c->silence = c->heard > 0 && now - c->heard > c->silence ? now - c->heard : c->silence;
    c->heard = now;
}

static void read_on(struct sim_caller *c)
{
    uint8_t data[16384];
    while (c->sock && !c->ended) {
        struct iovec area = {data, sizeof(data)};
        ssize_t n = sock_readv(c->env, c->sock, &area, 1);
        if (n == -EAGAIN)
            return;
        if (n < 0)
            give_up(c, (int)n);
        else if (n == 0)
            c->ended = true;
        else
            check(c, data, (size_t)n);
    }
}

static void on_ready(void *arg)
{
    struct sim_caller *c = arg;
    read_on(c);
    write_on(c);
}

static void on_connect(void *arg, int err)
{
    struct sim_caller *c = arg;
    if (err < 0) {
        give_up(c, err);
        return;
    }
    c->connected = true;
    write_on(c);
}

void sim_caller_start(struct sim_caller *c, struct env *env, const struct addr *to, uint64_t total)
{
    static const struct sock_handler handler = {on_connect, on_ready};
    memset(c, 0, sizeof(*c));
    c->env = env;
    c->total = total;
    assert_int_equal(sock_connect(env, &c->sock, to, &handler, c), 0);
}

void sim_caller_go(struct sim_caller *c)
{
    c->hold = false;
    write_on(c);
}

void sim_caller_deinit(struct sim_caller *c)
{
    if (c->sock)
        sock_close(c->env, c->sock);
    c->sock = NULL;
}

bool sim_caller_over(void *caller)
{
    const struct sim_caller *c = caller;
    return c->ended || c->error < 0;
}

bool sim_caller_is_right(const struct sim_caller *c)
{
    return c->ended && !c->corrupt && c->error == 0 && c->sent == c->total &&
           c->received == c->total;
}
