#include "tests/sim/sim_sock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define WRITER_WAKES_AT (SIM_SOCK_BUFFER / 3 * 2)

static void wake(struct sock *s)
{
    sim_defer(s->host->world, &s->tell);
}

static void on_tell(struct deferred *work)
{
    struct sock *s = container_of(work, struct sock, tell);
    if (s->handler && !s->connecting)
        s->handler->on_ready(s->arg);
}

static void on_report(struct deferred *work)
{
    struct sock *s = container_of(work, struct sock, report);
    s->connecting = false;
    s->handler->on_connect(s->arg, s->result);
}

static struct sock *new_sock(struct sim_host *h)
{
    struct sock *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    s->host = h;
    s->uid = h->uid;
    s->tell.run = on_tell;
    s->report.run = on_report;
    return s;
}

static void free_sock(struct sock *s)
{
    sim_undefer(s->host->world, &s->tell);
    sim_undefer(s->host->world, &s->report);
    list_remove(&s->link);
    bytebuf_free(&s->in);
    free(s);
}

/* ---- other hosts ---- */

static void on_far_open(void *arg, int err)
{
    struct sock *s = arg;
    s->result = err;
    sim_defer(s->host->world, &s->report);
}

static void on_far_change(void *arg)
{
    struct sock *s = arg;
    s->ended = sim_tcp_ended(s->far);
    if (sim_tcp_error(s->far) < 0 && !s->broken)
        s->error = sim_tcp_error(s->far);
    wake(s);
}

static const struct sim_tcp_user far_user = {on_far_open, on_far_change};

bool sim_sock_listens(struct sim_host *h, const struct addr *local)
{
    return sim_listener_for(h, local) != NULL;
}

bool sim_sock_called(struct sim_host *h, struct sim_tcp *t)
{
    const struct addr local = sim_tcp_local(t);
    struct sock_listener *l = sim_listener_for(h, &local);
    if (!l)
        return false;
    struct sock *s = new_sock(h);
    s->far = t;
    s->local = local;
    s->remote = sim_tcp_remote(t);
    sim_tcp_attach(t, &far_user, s);
    list_append(&l->backlog, &s->link);
    sim_defer(h->world, &l->accept);
    return true;
}

/* ---- ending ---- */

/* The other end is gone: it hears of it as an end of data or as an error. */
static void leave(struct sock *s, int error)
{
    struct sock *peer = s->peer;
    if (s->far && error < 0)
        sim_tcp_reset(s->far);
    else if (s->far)
        sim_tcp_close(s->far);
    if (!peer)
        return;
    s->peer = peer->peer = NULL;
    if (error < 0)
        peer->error = error;
    peer->ended = true;
    wake(peer);
}

static void close_op(struct sock *s)
{
    struct sim_host *h = s->host;
    leave(s, s->in.len > 0 ? -ECONNRESET : 0);
    free_sock(s);
    sim_give_back_socket(h);
}

static void reset_op(struct sock *s)
{
    struct sim_host *h = s->host;
    leave(s, s->is_unix ? 0 : -ECONNRESET);
    free_sock(s);
    sim_give_back_socket(h);
}

void sim_sock_turn_away(struct sock *s)
{
    leave(s, -ECONNRESET);
    free_sock(s);
}

/* ---- connecting ---- */

/* Joins a new socket to a listener, or has it refused. */
static void call(struct sock *s, struct sock_listener *l, int otherwise)
{
    s->connecting = true;
    s->result = l ? 0 : otherwise;
    sim_defer(s->host->world, &s->report);
    if (!l)
        return;
    struct sock *t = new_sock(s->host);
    t->is_unix = s->is_unix;
    t->local = s->remote;
    t->remote = s->local;
    t->peer = s;
    s->peer = t;
    list_append(&l->backlog, &t->link);
    sim_defer(s->host->world, &l->accept);
}

static int connect_any(struct env *env, struct sock **out, const struct sock_handler *handler,
                       void *arg)
{
    struct sim_host *h = sim_host_of(env);
    int err = sim_take_socket(h);
    if (err < 0)
        return err;
    struct sock *s = new_sock(h);
    s->handler = handler;
    s->arg = arg;
    list_append(&h->socks, &s->link);
    *out = s;
    return 0;
}

static int connect_from_op(struct env *env, struct sock **out, const struct addr *local,
                           const struct addr *remote, const struct sock_handler *handler, void *arg)
{
    struct sim_host *h = sim_host_of(env);
    int err = connect_any(env, out, handler, arg);
    if (err < 0)
        return err;
    struct sock *s = *out;
    bool here = sim_interface_of(h, remote) != NULL;
    s->far = here ? NULL : sim_tcp_connect(h, addr_port(local), remote, &far_user, s);
    if (s->far) {
        s->connecting = true;
        s->remote = *remote;
        s->local = sim_tcp_local(s->far);
        return 0;
    }
    s->remote = s->local = *remote;
    addr_set_port(&s->local, sim_next_port(h));
    call(s, here ? sim_listener_for(h, remote) : NULL, here ? -ECONNREFUSED : -EHOSTUNREACH);
    return 0;
}

static int connect_op(struct env *env, struct sock **out, const struct addr *remote,
                      const struct sock_handler *handler, void *arg)
{
    return connect_from_op(env, out, &(struct addr){0}, remote, handler, arg);
}

static int connect_unix_op(struct env *env, struct sock **out, const char *path,
                           const struct sock_handler *handler, void *arg)
{
    struct sim_host *h = sim_host_of(env);
    int err = connect_any(env, out, handler, arg);
    if (err < 0)
        return err;
    (*out)->is_unix = true;
    call(*out, sim_listener_at(h, path), -ENOENT);
    return 0;
}

/* ---- reading and writing ---- */

static void attach_op(struct sock *s, const struct sock_handler *handler, void *arg)
{
    s->handler = handler;
    s->arg = arg;
    wake(s);
}

/* What stands behind the last byte. The error is told once. */
static int end_of(struct sock *s)
{
    int error = s->error;
    if (error < 0) {
        s->error = 0;
        s->broken = true;
        return error;
    }
    return s->ended || s->broken ? 0 : -EAGAIN;
}

static ssize_t readv_op(struct sock *s, const struct iovec *area, int count)
{
    size_t total = 0, room = 0;
    for (int i = 0; i < count; i++) {
        room += area[i].iov_len;
        total += s->far ? sim_tcp_read(s->far, area[i].iov_base, area[i].iov_len)
                        : bytebuf_take(&s->in, area[i].iov_base, area[i].iov_len);
    }
    if (s->peer && s->peer->want_room && s->in.len <= WRITER_WAKES_AT) {
        s->peer->want_room = false;
        wake(s->peer);
    }
    /* A short read counts as -EAGAIN, so what is behind it is told again. */
    if (total > 0 && total < room && (s->ended || s->error < 0))
        wake(s);
    return total > 0 || room == 0 ? (ssize_t)total : end_of(s);
}

static int error_op(struct sock *s)
{
    return s->error < 0 ? end_of(s) : 0;
}

/* Nobody is there to take it. What TCP sends then is answered by a reset. */
static ssize_t write_to_nobody(struct sock *s, const struct iovec *area, int count)
{
    size_t total = 0;
    if (s->is_unix)
        return -EPIPE;
    for (int i = 0; i < count; i++)
        total += area[i].iov_len;
    s->error = -EPIPE;
    wake(s);
    return (ssize_t)total;
}

static size_t give(struct sock *peer, const struct iovec *area)
{
    size_t room = SIM_SOCK_BUFFER - peer->in.len;
    size_t n = area->iov_len < room ? area->iov_len : room;
    bytebuf_put(&peer->in, area->iov_base, n);
    return n;
}

static ssize_t writev_op(struct sock *s, const struct iovec *area, int count)
{
    size_t total = 0;
    assert_false(s->finished);
    if (s->connecting)
        return -EAGAIN;
    if (s->error < 0)
        return end_of(s);
    if (s->broken)
        return -EPIPE;
    if (!s->peer && !s->far)
        return write_to_nobody(s, area, count);
    for (int i = 0; i < count; i++) {
        size_t n = s->far ? sim_tcp_write(s->far, area[i].iov_base, area[i].iov_len)
                          : give(s->peer, &area[i]);
        total += n;
        if (n < area[i].iov_len) {
            s->want_room = true;
            break;
        }
    }
    if (total > 0 && s->peer)
        wake(s->peer);
    return total == 0 && s->want_room ? -EAGAIN : (ssize_t)total;
}

static void finish_op(struct sock *s)
{
    if (s->finished)
        return;
    s->finished = true;
    if (s->far && s->error == 0 && !s->broken)
        sim_tcp_finish(s->far);
    if (!s->peer)
        return;
    s->peer->ended = true;
    wake(s->peer);
}

static struct addr local_op(const struct sock *s)
{
    return s->local;
}

static int owner_op(struct env *env, const struct addr *client, const struct addr *server,
                    uint32_t *uid)
{
    list_each(node, &sim_host_of(env)->socks)
    {
        const struct sock *s = list_entry(node, struct sock, link);
        if (s->is_unix || !addr_equal(&s->local, client) || !addr_equal(&s->remote, server))
            continue;
        if (s->broken || s->connecting)
            return -ENOENT;
        *uid = s->uid;
        return 0;
    }
    return -ENOENT;
}

/* The buffers are small as they are. */
static void keep_short_op(struct sock *s, size_t unsent)
{
    (void)s;
    (void)unsent;
}

void sim_sock_ops(struct env_ops *ops)
{
    ops->sock_connect = connect_op;
    ops->sock_connect_from = connect_from_op;
    ops->sock_connect_unix = connect_unix_op;
    ops->sock_attach = attach_op;
    ops->sock_readv = readv_op;
    ops->sock_writev = writev_op;
    ops->sock_error = error_op;
    ops->sock_finish = finish_op;
    ops->sock_close = close_op;
    ops->sock_reset = reset_op;
    ops->sock_local = local_op;
    ops->sock_keep_short = keep_short_op;
    ops->owner_of_tcp = owner_op;
}
