#include "gateway/stun_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/env.h"
#include "gateway/crypto/tls_client.h"
#include "gateway/io/machine.h"
#include "gateway/io/resolve.h"
#include "gateway/nat/stun_query.h"
#include "gateway/wire/turn.h"

#define CONNECT_WITHIN SEC(10)

struct test;

/* One server, from its name to its answer. */
struct job {
    struct test *test;
    struct cli_stun *entry;
    struct resolve *resolve;
    struct addr list[RESOLVE_MAX]; /* streams: one after another until one can be connected */
    int count, at;
    struct stun_query query;
    bool asking, over;
    struct timer timer;
    struct sock *sock;
    struct tls_client *tls;
    bool secure; /* the handshake is done */
    struct turn_frames frames;
    uint8_t request[EXCHANGE_MAX_DATAGRAM];
    size_t request_len, request_sent;
};

struct test {
    struct machine *machine;
    struct env *env;
    struct resolver *resolver;
    struct udp_socket *udp[2]; /* IPv4, IPv6; NULL until it is needed */
    struct job *jobs;
    size_t count, over;
};

static void close_stream(struct job *j)
{
    if (j->sock)
        sock_close(j->test->env, j->sock);
    j->sock = NULL;
    tls_client_free(j->tls);
    j->tls = NULL;
    j->secure = false;
    j->request_sent = 0;
}

static void end(struct job *j, int err, const char *reason)
{
    if (j->over)
        return;
    j->over = true;
    j->entry->err = err;
    (void)snprintf(j->entry->reason, sizeof(j->entry->reason), "%s", reason);
    timer_stop(j->test->env, &j->timer);
    close_stream(j);
    if (++j->test->over == j->test->count)
        io_loop_stop(machine_loop(j->test->machine));
}

/* The query is settled. */
static void conclude(struct job *j)
{
    char reason[128];

    switch (j->query.state) {
    case STUN_ASKING:
        break;
    case STUN_ANSWERED:
        j->entry->seen = j->query.mapped;
        end(j, 0, "");
        break;
    case STUN_REFUSED:
        (void)snprintf(reason, sizeof(reason), "the server refused: %u %s", j->query.code,
                       j->query.reason);
        end(j, -EPROTO, reason);
        break;
    case STUN_SILENT:
        end(j, -ETIMEDOUT, "no answer");
        break;
    }
}

/* ---- datagrams ---- */

static void send_due(struct job *j)
{
    instant now = env_now(j->test->env);
    uint8_t out[EXCHANGE_MAX_DATAGRAM];
    size_t len = stun_query_output(&j->query, now, out);

    if (len > 0) {
        struct udp_tx tx = {.to = &j->query.server, .data = out, .len = len};
        /* One that the kernel has no room for is as good as lost: the query repeats itself. */
        (void)!udp_send(j->test->env, j->test->udp[addr_is_v6(&j->query.server)], &tx);
    }
    timer_set(j->test->env, &j->timer, j->query.due);
    conclude(j);
}

static void on_datagrams(void *arg, const struct udp_rx *rx)
{
    struct test *t = arg;
    for (size_t at = 0; at < rx->len; at += rx->segment) {
        size_t len = rx->len - at < rx->segment ? rx->len - at : rx->segment;
        for (size_t i = 0; i < t->count; i++) {
            struct job *j = &t->jobs[i];
            if (j->asking && !j->over && !j->sock &&
                stun_query_input(&j->query, rx->now, &rx->from, rx->data + at, len) == 0)
                conclude(j);
        }
    }
}

static const struct udp_handler DATAGRAMS = {on_datagrams, NULL};

static void fresh_query(struct job *j, const struct addr *server,
                        const struct stun_schedule *schedule)
{
    uint8_t id[STUN_ID_LEN];
    env_random(j->test->env, id, sizeof(id));
    stun_query_init(&j->query, server, schedule, id, env_now(j->test->env));
    j->asking = true;
}

static void ask_by_datagrams(struct job *j, const struct addr *server)
{
    struct test *t = j->test;
    static const uint8_t any[16];
    bool v6 = addr_is_v6(server);
    struct addr local = v6 ? addr_v6(any, 0, 0) : addr_v4(any, 0);

    if (!t->udp[v6]) {
        int err = udp_open(t->env, &t->udp[v6], &local, 0, &DATAGRAMS, t);
        if (err < 0) {
            end(j, err, strerror(-err));
            return;
        }
    }
    fresh_query(j, server, &STUN_STANDARD);
    send_due(j);
}

/* ---- streams ---- */

static void connect_next(struct job *j);

/* Writes what is there. 0, -EAGAIN or the error. */
static int write_some(struct job *j, const uint8_t *data, size_t len, size_t *written)
{
    ssize_t n = 0;
    *written = 0;
    while (*written < len) {
        struct iovec area = {(void *)(data + *written), len - *written};
        n = sock_writev(j->test->env, j->sock, &area, 1);
        if (n < 0)
            return (int)n;
        *written += (size_t)n;
    }
    return 0;
}

static int write_plain(struct job *j)
{
    size_t n;
    int err = write_some(j, j->request + j->request_sent, j->request_len - j->request_sent, &n);
    j->request_sent += n;
    return err;
}

static int flush_tls(struct job *j)
{
    size_t len, n;
    const uint8_t *data = tls_client_output(j->tls, &len);
    int err = write_some(j, data, len, &n);
    tls_client_sent(j->tls, n);
    return err;
}

static int write_tls(struct job *j)
{
    if (!j->secure) {
        int err = tls_client_handshake(j->tls);
        if (err < 0 && err != -EAGAIN)
            return err;
        j->secure = err == 0;
    }
    if (j->secure && j->request_sent < j->request_len) {
        ssize_t n = tls_client_write(j->tls, j->request, j->request_len);
        if (n > 0)
            j->request_sent = (size_t)n;
        else if (n != -EAGAIN)
            return (int)n;
    }
    return flush_tls(j);
}

/* Bytes from the network into the TLS session: how many, 0 at the end, -EAGAIN or the error. */
static ssize_t read_raw(struct job *j)
{
    size_t room;
    uint8_t *area = tls_client_area(j->tls, &room);
    struct iovec iov = {area, room};
    ssize_t n = room > 0 ? sock_readv(j->test->env, j->sock, &iov, 1) : -EAGAIN;

    if (n > 0)
        tls_client_input(j->tls, (size_t)n);
    else if (n == 0)
        tls_client_ended(j->tls);
    return n;
}

/* Plain bytes through TLS, as sock_readv(). */
static ssize_t read_tls(struct job *j, uint8_t *area, size_t room)
{
    for (;;) {
        ssize_t raw = read_raw(j);
        if (raw < 0 && raw != -EAGAIN)
            return raw;
        int err = write_tls(j);
        if (err < 0 && err != -EAGAIN)
            return err;
        ssize_t plain = j->secure ? tls_client_read(j->tls, area, room) : -EAGAIN;
        if (plain != -EAGAIN || raw == -EAGAIN)
            return plain;
        if (raw == 0)
            return 0;
    }
}

static ssize_t read_some(struct job *j)
{
    size_t room;
    uint8_t *area = turn_frames_area(&j->frames, &room);
    struct iovec iov = {area, room};
    ssize_t n = j->tls ? read_tls(j, area, room) : sock_readv(j->test->env, j->sock, &iov, 1);
    if (n > 0)
        turn_frames_added(&j->frames, (size_t)n);
    return n;
}

static void take_frames(struct job *j)
{
    const uint8_t *frame;
    size_t len;
    int got;

    while ((got = turn_frames_next(&j->frames, &frame, &len)) > 0) {
        if (stun_query_input(&j->query, env_now(j->test->env), &j->query.origin, frame, len) == 0) {
            conclude(j);
            return;
        }
    }
    if (got < 0)
        end(j, -EBADMSG, "the server does not speak STUN");
}

static void fail_stream(struct job *j, int err)
{
    const char *why = err == -EPROTO && j->tls ? tls_client_reason(j->tls) : strerror(-err);
    char reason[128];
    (void)snprintf(reason, sizeof(reason), "%s", why); /* the TLS session goes away */
    end(j, err, reason);
}

static void on_ready(void *arg)
{
    struct job *j = arg;
    int err = j->tls ? write_tls(j) : write_plain(j);
    ssize_t n = 1;

    if (err < 0 && err != -EAGAIN) {
        fail_stream(j, err);
        return;
    }
    while (!j->over && (n = read_some(j)) > 0)
        take_frames(j);
    if (j->over || n == -EAGAIN)
        return;
    if (n == 0)
        end(j, -ECONNRESET, "the server closed the connection");
    else
        fail_stream(j, (int)n);
}

static void on_connect(void *arg, int err)
{
    struct job *j = arg;

    if (err < 0) {
        close_stream(j);
        j->entry->err = err;
        connect_next(j);
        return;
    }
    fresh_query(j, &j->list[j->at - 1], &STUN_STREAM);
    j->request_len = stun_query_output(&j->query, env_now(j->test->env), j->request);
    timer_set(j->test->env, &j->timer, j->query.due);
    on_ready(j);
}

static const struct sock_handler STREAM = {on_connect, on_ready};

static void connect_next(struct job *j)
{
    int err = j->entry->err ? j->entry->err : -EHOSTUNREACH;

    while (j->at < j->count && !j->sock) {
        if (j->entry->server.transport == STUN_OVER_TLS && !j->tls) {
            err = tls_client_new(&j->tls, j->entry->server.host);
            if (err < 0)
                break;
        }
        err = sock_connect(j->test->env, &j->sock, &j->list[j->at++], &STREAM, j);
        if (err < 0)
            j->sock = NULL;
    }
    if (!j->sock)
        end(j, err, strerror(-err));
    else
        timer_set(j->test->env, &j->timer, env_now(j->test->env) + CONNECT_WITHIN);
}

/* ---- all of them ---- */

static void on_timer(struct timer *timer)
{
    struct job *j = container_of(timer, struct job, timer);

    if (j->asking && !j->sock) {
        send_due(j);
    } else if (j->asking) {
        end(j, -ETIMEDOUT, "no answer");
    } else { /* this address cannot be connected in time: the next */
        close_stream(j);
        j->entry->err = -ETIMEDOUT;
        connect_next(j);
    }
}

static void on_resolved(void *arg, int err, const struct addr *list, int count)
{
    struct job *j = arg;

    j->resolve = NULL;
    if (err < 0) {
        end(j, err, err == -ENOENT ? "no such host name" : strerror(-err));
        return;
    }
    if (j->entry->server.transport == STUN_OVER_UDP) {
        ask_by_datagrams(j, &list[0]);
        return;
    }
    memcpy(j->list, list, (size_t)count * sizeof(*list));
    j->count = count;
    connect_next(j);
}

static void start(struct job *j)
{
    j->timer.fire = on_timer;
    int err = resolve_start(&j->resolve, j->test->resolver, j->entry->server.host,
                            j->entry->server.port, 0, on_resolved, j);
    if (err < 0)
        end(j, err, strerror(-err));
}

static void run(struct test *t, struct cli_stun *list)
{
    for (size_t i = 0; i < t->count; i++) {
        t->jobs[i].test = t;
        t->jobs[i].entry = &list[i];
        list[i].err = 0;
        start(&t->jobs[i]);
    }
    if (t->over < t->count)
        io_loop_run(machine_loop(t->machine));
    for (unsigned i = 0; i < 2; i++)
        if (t->udp[i])
            udp_close(t->env, t->udp[i]);
}

int stun_test_ask(struct cli_stun *list, size_t count)
{
    struct test t = {.count = count};
    int err = machine_new(&t.machine, NULL);

    if (err < 0)
        return err;
    t.env = machine_env(t.machine);
    t.jobs = calloc(count, sizeof(*t.jobs));
    err = t.jobs ? resolver_new(&t.resolver, machine_loop(t.machine), NULL) : -ENOMEM;
    if (err == 0) {
        run(&t, list);
        resolver_free(t.resolver);
    }
    free(t.jobs);
    int left = machine_free(t.machine);
    return err < 0 ? err : left;
}
