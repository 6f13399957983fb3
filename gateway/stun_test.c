#include "gateway/stun_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/env.h"
#include "gateway/io/machine.h"
#include "gateway/io/resolve.h"
#include "gateway/io/udp.h"
#include "gateway/nat/stun_query.h"
#include "gateway/relay/turn_stream.h"

#define CONNECT_WITHIN SEC(10)
#define SLOW           SEC(3) /* by then a person wonders */

struct test;

/* One server, from its name to its answer. */
struct job {
    struct test *test;
    struct cli_stun *entry;
    struct resolve *resolve;
    struct addr list[RESOLVE_MAX]; /* one after another until one answers */
    int count, at;
    struct stun_query query;
    bool asking, over;
    struct timer timer, slow;
    struct turn_stream stream;
};

struct test {
    struct machine *machine;
    struct env *env;
    struct resolver *resolver;
    struct udp_socket *udp[2]; /* IPv4, IPv6; NULL until it is needed */
    struct job *jobs;
    size_t count, over;
    void (*waiting)(void *arg, const struct cli_stun *entry);
    void *arg;
};

static void end(struct job *j, int err, const char *reason)
{
    if (j->over)
        return;
    j->over = true;
    j->entry->err = err;
    (void)snprintf(j->entry->reason, sizeof(j->entry->reason), "%s", reason);
    timer_stop(j->test->env, &j->timer);
    timer_stop(j->test->env, &j->slow);
    turn_stream_close(&j->stream);
    if (++j->test->over == j->test->count)
        io_loop_stop(machine_loop(j->test->machine));
}

static void ask_next(struct job *j, int err, const char *reason);

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
        ask_next(j, -ETIMEDOUT, "no answer");
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
            if (j->asking && !j->over && !turn_stream_is_open(&j->stream) &&
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

static int open_socket(struct test *t, bool v6)
{
    static const uint8_t any[16];
    const struct addr local = v6 ? addr_v6(any, 0, 0) : addr_v4(any, 0);

    return t->udp[v6] ? 0 : udp_open(t->env, &t->udp[v6], &local, 0, &DATAGRAMS, t);
}

/* The last address gets the time that the standard gives it; it is the only one of most. */
static void ask_by_datagrams(struct job *j)
{
    const struct addr *server = &j->list[j->at++];
    int err = io_udp_way(server);

    if (err == 0)
        err = open_socket(j->test, addr_is_v6(server));
    if (err < 0) {
        ask_next(j, err, strerror(-err));
        return;
    }
    fresh_query(j, server, j->at < j->count ? &STUN_GATHER : &STUN_STANDARD);
    send_due(j);
}

/* ---- streams ---- */

static void connect_next(struct job *j);

static void fail_stream(struct job *j, int err)
{
    char reason[128]; /* a copy: the TLS session goes away */
    (void)snprintf(reason, sizeof(reason), "%s", turn_stream_reason(&j->stream, err));
    end(j, err < 0 ? err : -ECONNRESET, reason);
}

static void take_frames(struct job *j)
{
    const uint8_t *frame;
    size_t len;
    int got;

    while ((got = turn_stream_next(&j->stream, &frame, &len)) > 0) {
        if (stun_query_input(&j->query, env_now(j->test->env), &j->query.origin, frame, len) == 0) {
            conclude(j);
            return;
        }
    }
    if (got < 0)
        fail_stream(j, got);
}

static void on_ready(void *arg)
{
    struct job *j = arg;
    int err = turn_stream_flush(&j->stream);
    ssize_t n = 1;

    if (err < 0) {
        fail_stream(j, err);
        return;
    }
    while (!j->over && ((n = turn_stream_read(&j->stream)) > 0 || n == -EINTR))
        take_frames(j);
    if (!j->over && n != -EAGAIN)
        fail_stream(j, (int)n);
}

static void on_connect(void *arg, int err)
{
    struct job *j = arg;
    uint8_t request[EXCHANGE_MAX_DATAGRAM];

    if (err < 0) {
        j->entry->err = err;
        connect_next(j);
        return;
    }
    j->stream.connected = true;
    fresh_query(j, &j->list[j->at - 1], &STUN_STREAM);
    size_t len = stun_query_output(&j->query, env_now(j->test->env), request);
    timer_set(j->test->env, &j->timer, j->query.due);
    err = turn_stream_send(&j->stream, request, len);
    if (err < 0)
        fail_stream(j, err);
    else
        on_ready(j);
}

static const struct sock_handler STREAM = {on_connect, on_ready};

static void connect_next(struct job *j)
{
    bool tls = j->entry->server.transport == STUN_OVER_TLS;
    int err = j->entry->err ? j->entry->err : -EHOSTUNREACH;

    turn_stream_close(&j->stream);
    while (j->at < j->count && !turn_stream_is_open(&j->stream))
        err = turn_stream_connect(&j->stream, j->test->env, &j->list[j->at++],
                                  tls ? j->entry->server.host : NULL, NULL, &STREAM, j);
    if (err < 0)
        end(j, err, strerror(-err));
    else
        timer_set(j->test->env, &j->timer, env_now(j->test->env) + CONNECT_WITHIN);
}

/* ---- all of them ---- */

/* What became of one address of the server; that of the last is what a person is told. */
static void ask_next(struct job *j, int err, const char *reason)
{
    if (j->at == j->count) {
        end(j, err, reason);
        return;
    }
    j->asking = false;
    if (j->entry->server.transport == STUN_OVER_UDP)
        ask_by_datagrams(j);
    else
        connect_next(j);
}

static void on_slow(struct timer *timer)
{
    const struct job *j = container_of(timer, struct job, slow);
    j->test->waiting(j->test->arg, j->entry);
}

static void on_timer(struct timer *timer)
{
    struct job *j = container_of(timer, struct job, timer);

    if (j->asking && !turn_stream_is_open(&j->stream)) {
        send_due(j);
    } else if (j->asking) {
        ask_next(j, -ETIMEDOUT, "no answer");
    } else { /* this address cannot be connected in time: the next */
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
    memcpy(j->list, list, (size_t)count * sizeof(*list));
    j->count = count;
    ask_next(j, -ENOENT, "no such host name");
}

static void start(struct job *j)
{
    j->timer.fire = on_timer;
    j->slow.fire = on_slow;
    timer_set(j->test->env, &j->slow, env_now(j->test->env) + SLOW);
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

int stun_test_ask(struct cli_stun *list, size_t count,
                  void (*waiting)(void *arg, const struct cli_stun *entry), void *arg)
{
    struct test t = {.count = count, .waiting = waiting, .arg = arg};
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
