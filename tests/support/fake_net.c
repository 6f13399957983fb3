#include "tests/support/fake_env.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/bytebuf.h"

struct sock_listener {
    struct list link;
    struct addr local;
    char path[256];
    const struct listen_handler *handler;
    void *arg;
};

struct sock {
    struct list link;
    struct fake_env *f;
    struct addr local, remote;
    char path[256];
    const struct sock_handler *handler;
    void *arg;
    struct deferred tell;   /* on_ready is due */
    struct bytebuf in, out; /* towards our side, and from it */
    size_t room;
    bool ended;   /* the far end finished */
    int error;    /* the far end failed */
    bool starved; /* our side saw -EAGAIN or a short write and waits for room */
    bool finished, closed, reset;
    bool speaks; /* our side has bytes to send at once */
};

static void *made(size_t size)
{
    void *p = calloc(1, size);
    assert_non_null(p);
    return p;
}

/* ---- listeners ---- */

static int listen_on(struct env *env, struct sock_listener **out, const struct addr *local,
                     const char *path, const struct listen_handler *handler, void *arg)
{
    struct fake_env *f = fake_env_of(env);
    if (f->listen_error < 0)
        return f->listen_error;
    struct sock_listener *l = made(sizeof(*l));
    l->handler = handler;
    l->arg = arg;
    if (local)
        l->local = fake_bound(f, local);
    if (path)
        strncpy(l->path, path, sizeof(l->path) - 1);
    list_append(&f->listeners, &l->link);
    *out = l;
    return 0;
}

static int listen_op(struct env *env, struct sock_listener **out, const struct addr *local,
                     const struct listen_handler *handler, void *arg)
{
    list_each(node, &fake_env_of(env)->listeners)
    {
        struct sock_listener *l = list_entry(node, struct sock_listener, link);
        if (addr_equal(&l->local, local))
            return -EADDRINUSE;
    }
    return listen_on(env, out, local, NULL, handler, arg);
}

static int listen_unix_op(struct env *env, struct sock_listener **out, const char *path,
                          const struct listen_handler *handler, void *arg)
{
    if (fake_listener_on_path(fake_env_of(env), path))
        return -EADDRINUSE;
    return listen_on(env, out, NULL, path, handler, arg);
}

static struct addr listener_local_op(const struct sock_listener *l)
{
    return l->local;
}

static void listener_close_op(struct sock_listener *l)
{
    list_remove(&l->link);
    free(l);
}

struct sock_listener *fake_listener_on(struct fake_env *f, uint16_t port)
{
    list_each(node, &f->listeners)
    {
        struct sock_listener *l = list_entry(node, struct sock_listener, link);
        if (addr_port(&l->local) == port)
            return l;
    }
    return NULL;
}

struct sock_listener *fake_listener_on_path(struct fake_env *f, const char *path)
{
    list_each(node, &f->listeners)
    {
        struct sock_listener *l = list_entry(node, struct sock_listener, link);
        if (addr_is_none(&l->local) && strcmp(l->path, path) == 0)
            return l;
    }
    return NULL;
}

/* ---- byte streams ---- */

static void tell(struct deferred *work)
{
    struct sock *s = container_of(work, struct sock, tell);
    if (s->handler && !s->closed)
        s->handler->on_ready(s->arg);
}

static struct sock *new_sock(struct fake_env *f, const struct sock_handler *handler, void *arg)
{
    struct sock *s = made(sizeof(*s));
    s->f = f;
    s->handler = handler;
    s->arg = arg;
    s->room = SIZE_MAX;
    s->tell.run = tell;
    list_append(&f->socks, &s->link);
    return s;
}

struct sock *fake_accept(struct fake_env *f, struct sock_listener *l, const struct addr *from)
{
    static const struct addr none;
    struct sock *s = new_sock(f, NULL, NULL);
    s->local = l->local;
    s->remote = from ? *from : none;
    l->handler->on_accept(l->arg, s, &s->remote);
    fake_env_settle(f);
    return s;
}

static int connect_op(struct env *env, struct sock **out, const struct addr *remote,
                      const struct sock_handler *handler, void *arg)
{
    struct fake_env *f = fake_env_of(env);
    if (f->connect_error < 0)
        return f->connect_error;
    *out = new_sock(f, handler, arg);
    (*out)->remote = *remote;
    (*out)->local = addr_loopback(addr_is_v6(remote), f->next_port++);
    return 0;
}

static int connect_speaking_op(struct env *env, struct sock **out, const struct addr *remote,
                               const struct sock_handler *handler, void *arg)
{
    int err = connect_op(env, out, remote, handler, arg);
    if (err == 0)
        (*out)->speaks = true;
    return err;
}

static int connect_from_op(struct env *env, struct sock **out, const struct addr *local,
                           const struct addr *remote, const struct sock_handler *handler, void *arg)
{
    int err = connect_op(env, out, remote, handler, arg);
    if (err == 0 && addr_port(local) != 0)
        addr_set_port(&(*out)->local, addr_port(local));
    return err;
}

static int connect_unix_op(struct env *env, struct sock **out, const char *path,
                           const struct sock_handler *handler, void *arg)
{
    struct fake_env *f = fake_env_of(env);
    if (f->connect_error < 0)
        return f->connect_error;
    *out = new_sock(f, handler, arg);
    strncpy((*out)->path, path, sizeof((*out)->path) - 1);
    return 0;
}

static void attach_op(struct sock *s, const struct sock_handler *handler, void *arg)
{
    s->handler = handler;
    s->arg = arg;
    env_defer(&s->f->env, &s->tell);
}

static ssize_t readv_op(struct sock *s, const struct iovec *area, int count)
{
    size_t total = 0, room = 0;
    assert_false(s->closed);
    for (int i = 0; i < count; i++) {
        room += area[i].iov_len;
        total += bytebuf_take(&s->in, area[i].iov_base, area[i].iov_len);
    }
    /* A short read counts as -EAGAIN: what is behind it is told again. */
    if (total > 0 && total < room && (s->ended || s->error < 0))
        env_defer(&s->f->env, &s->tell);
    if (total > 0 || room == 0)
        return (ssize_t)total;
    if (s->error < 0)
        return s->error;
    return s->ended ? 0 : -EAGAIN;
}

static int error_op(struct sock *s)
{
    return s->error;
}

static ssize_t writev_op(struct sock *s, const struct iovec *area, int count)
{
    size_t total = 0;
    assert_false(s->closed);
    assert_false(s->finished);
    if (s->error < 0)
        return s->error;
    for (int i = 0; i < count; i++) {
        size_t n = area[i].iov_len < s->room ? area[i].iov_len : s->room;
        bytebuf_put(&s->out, area[i].iov_base, n);
        s->room = s->room == SIZE_MAX ? SIZE_MAX : s->room - n;
        total += n;
        s->starved = n < area[i].iov_len;
        if (s->starved)
            break;
    }
    return total == 0 && s->starved ? -EAGAIN : (ssize_t)total;
}

static void finish_op(struct sock *s)
{
    assert_false(s->closed);
    s->finished = true;
}

static void close_op(struct sock *s)
{
    assert_false(s->closed);
    s->closed = true;
    s->handler = NULL;
    env_undefer(&s->f->env, &s->tell);
}

static void reset_op(struct sock *s)
{
    close_op(s);
    s->reset = true;
}

static struct addr sock_local_op(const struct sock *s)
{
    return s->local;
}

struct sock *fake_last_connect(struct fake_env *f)
{
    for (struct list *node = f->socks.prev; node != &f->socks; node = node->prev) {
        struct sock *s = list_entry(node, struct sock, link);
        if (!s->closed && s->handler && s->handler->on_connect)
            return s;
    }
    return NULL;
}

struct addr fake_sock_remote(const struct sock *s)
{
    return s->remote;
}

const char *fake_sock_path(const struct sock *s)
{
    return s->path;
}

void fake_sock_connected(struct sock *s, int err)
{
    struct fake_env *f = s->f;
    s->handler->on_connect(s->arg, err);
    fake_env_settle(f);
}

static void happens(struct sock *s)
{
    env_defer(&s->f->env, &s->tell);
    fake_env_settle(s->f);
}

void fake_sock_says(struct sock *s, const void *data, size_t len)
{
    bytebuf_put(&s->in, data, len);
    happens(s);
}

void fake_sock_ends(struct sock *s)
{
    s->ended = true;
    happens(s);
}

void fake_sock_fails(struct sock *s, int err)
{
    s->error = err;
    happens(s);
}

size_t fake_sock_heard(struct sock *s, void *out, size_t max)
{
    return bytebuf_take(&s->out, out, max);
}

void fake_sock_room(struct sock *s, size_t room)
{
    s->room = room;
    if (s->starved && room > 0) {
        s->starved = false;
        happens(s);
    }
}

bool fake_sock_speaks(const struct sock *s)
{
    return s->speaks;
}

bool fake_sock_finished(const struct sock *s)
{
    return s->finished;
}

bool fake_sock_closed(const struct sock *s)
{
    return s->closed;
}

bool fake_sock_was_reset(const struct sock *s)
{
    return s->reset;
}

/* The buffers are small as they are. */
static void keep_short_op(struct sock *s, size_t unsent)
{
    (void)s;
    (void)unsent;
}

/* Whoever is at the other end reads the text; the socket is gone. */
static int udp_give_op(struct sock *to, struct udp_socket *s, const void *text, size_t len)
{
    const struct iovec area = {(void *)(uintptr_t)text, len};

    udp_close(&to->f->env, s);
    return writev_op(to, &area, 1) == (ssize_t)len ? 0 : -EPIPE;
}

static int sock_give_op(struct sock *to, struct sock *s, const void *text, size_t len)
{
    const struct iovec area = {(void *)(uintptr_t)text, len};

    close_op(s);
    return writev_op(to, &area, 1) == (ssize_t)len ? 0 : -EPIPE;
}

/* ---- the whole ---- */

void fake_net_ops(struct env_ops *ops)
{
    ops->sock_listen = listen_op;
    ops->sock_listen_shared = listen_op;
    ops->sock_listen_unix = listen_unix_op;
    ops->sock_listen_everyone = listen_unix_op;
    ops->listener_local = listener_local_op;
    ops->listener_close = listener_close_op;
    ops->sock_connect = connect_op;
    ops->sock_connect_speaking = connect_speaking_op;
    ops->sock_connect_from = connect_from_op;
    ops->sock_connect_unix = connect_unix_op;
    ops->sock_attach = attach_op;
    ops->sock_readv = readv_op;
    ops->sock_writev = writev_op;
    ops->sock_error = error_op;
    ops->sock_finish = finish_op;
    ops->sock_close = close_op;
    ops->sock_reset = reset_op;
    ops->sock_local = sock_local_op;
    ops->sock_keep_short = keep_short_op;
    ops->udp_give = udp_give_op;
    ops->sock_give = sock_give_op;
}

void fake_net_deinit(struct fake_env *f)
{
    assert_true(list_is_empty(&f->listeners));
    for (struct list *node; (node = list_first(&f->socks));) {
        struct sock *s = list_entry(node, struct sock, link);
        assert_true(s->closed);
        list_remove(&s->link);
        bytebuf_free(&s->in);
        bytebuf_free(&s->out);
        free(s);
    }
}
