#include "tests/support/local_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct world *world_of(struct env *e)
{
    return container_of(e, struct world, env);
}

static struct addr parsed(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

/* ---- clock, chance, work ---- */

static instant now(struct env *e)
{
    return world_of(e)->now;
}

static int64_t wall_us(struct env *e)
{
    return (int64_t)(world_of(e)->now / 1000);
}

static void fill_random(struct env *e, void *out, size_t len)
{
    struct world *w = container_of(e, struct world, env);
    memset(out, ++w->chance, len);
}

static void stop_timer(struct env *e, struct timer *t)
{
    struct world *w = world_of(e);
    if (t->slot == 0)
        return;
    w->timers[t->slot - 1] = w->timers[--w->timer_count];
    w->timers[t->slot - 1]->slot = t->slot;
    t->slot = 0;
}

static void set_timer(struct env *e, struct timer *t, instant due)
{
    struct world *w = world_of(e);
    stop_timer(e, t);
    if (due == INSTANT_NEVER)
        return;
    assert_true(w->timer_count < sizeof(w->timers) / sizeof(w->timers[0]));
    t->due = due;
    w->timers[w->timer_count++] = t;
    t->slot = w->timer_count;
}

static void defer(struct env *e, struct deferred *work)
{
    struct world *w = world_of(e);
    if (work->queued)
        return;
    work->queued = true;
    work->next = NULL;
    struct deferred **last = &w->work;
    while (*last)
        last = &(*last)->next;
    *last = work;
}

static void undefer(struct env *e, struct deferred *work)
{
    struct deferred **at = &world_of(e)->work;
    while (*at && *at != work)
        at = &(*at)->next;
    if (*at)
        *at = work->next;
    work->queued = false;
}

/* ---- streams ---- */

static int listen_at(struct env *e, struct sock_listener **out, const struct addr *local,
                     const struct listen_handler *handler, void *arg)
{
    struct world *w = world_of(e);
    if (addr_port(local) == w->taken_tcp)
        return -EADDRINUSE;
    struct sock_listener *free_one = NULL;
    for (int i = 0; i < WORLD_LISTENERS; i++) {
        struct sock_listener *l = &w->listeners[i];
        if (l->used && addr_equal(&l->local, local))
            return -EADDRINUSE;
        if (!l->used)
            free_one = l;
    }
    assert_non_null(free_one);
    *free_one = (struct sock_listener){w, *local, handler, arg, true};
    *out = free_one;
    return 0;
}

static int listen_lo(struct env *e, struct sock_listener **out, const struct addr *local,
                     bool passed, const struct listen_handler *handler, void *arg)
{
    if (passed && !addr_equal(local, &world_of(e)->passed))
        return -ENOENT;
    return listen_at(e, out, local, handler, arg);
}

static int refuse_connect(struct env *e, struct sock **out, const struct addr *remote,
                          const struct sock_handler *handler, void *arg)
{
    (void)out, (void)remote, (void)handler, (void)arg;
    world_of(e)->connects++;
    return -ECONNREFUSED;
}

static bool is_local(struct env *e, const struct addr *at)
{
    (void)at;
    return world_of(e)->pool_local;
}

static struct addr listener_at(const struct sock_listener *l)
{
    return l->local;
}

static void close_listener(struct sock_listener *l)
{
    assert_true(l->used);
    l->used = false;
}

static void attach(struct sock *s, const struct sock_handler *handler, void *arg)
{
    s->handler = handler;
    s->arg = arg;
    s->edge = true;
}

static ssize_t read_sock(struct sock *s, const struct iovec *area, int count)
{
    size_t taken = 0, asked = 0;
    assert_false(world_is_over(s));
    s->reads++;
    for (int i = 0; i < count; i++) {
        size_t left = s->in_len - taken;
        size_t n = area[i].iov_len < left ? area[i].iov_len : left;
        memcpy(area[i].iov_base, s->in + taken, n);
        taken += n;
        asked += area[i].iov_len;
    }
    memmove(s->in, s->in + taken, s->in_len - taken);
    s->in_len -= taken;
    if (taken > 0) {
        s->edge |= taken < asked && (s->client_finished || s->client_error);
        return (ssize_t)taken;
    }
    if (s->client_error)
        return s->client_error;
    return s->client_finished ? 0 : -EAGAIN;
}

static int error_of(struct sock *s)
{
    assert_false(world_is_over(s));
    return s->client_error;
}

static ssize_t write_sock(struct sock *s, const struct iovec *area, int count)
{
    size_t put = 0;
    assert_false(world_is_over(s));
    assert_false(s->finished);
    s->writes++;
    if (s->client_error)
        return s->client_error;
    for (int i = 0; i < count; i++) {
        size_t n = area[i].iov_len < s->room ? area[i].iov_len : s->room;
        assert_true(s->out_len + n < WORLD_BUFFER);
        memcpy(s->out + s->out_len, area[i].iov_base, n);
        s->out_len += n;
        s->room -= n;
        put += n;
    }
    return put > 0 ? (ssize_t)put : -EAGAIN;
}

static void finish_sock(struct sock *s)
{
    assert_false(s->finished);
    s->finished = true;
}

static void close_sock(struct sock *s)
{
    assert_false(world_is_over(s));
    s->closed = true;
}

static void reset_sock(struct sock *s)
{
    assert_false(world_is_over(s));
    s->reset = true;
}

static struct addr sock_at(const struct sock *s)
{
    return s->local;
}

static struct addr sock_dialled_at(const struct sock *s)
{
    return addr_is_none(&s->dialled) ? s->local : s->dialled;
}

static int owner_of(struct env *e, const struct addr *client, const struct addr *server,
                    uint32_t *uid)
{
    struct world *w = world_of(e);
    (void)client;
    (void)server;
    *uid = w->uid;
    return w->uid == UINT32_MAX ? -ENOENT : 0;
}

/* ---- datagrams ---- */

static int open_udp(struct env *e, struct udp_socket **out, const struct addr *local,
                    unsigned flags, const struct udp_handler *handler, void *arg)
{
    struct world *w = world_of(e);
    (void)flags;
    if (addr_port(local) == w->taken_udp)
        return -EADDRINUSE;
    for (int i = 0; i < WORLD_UDP; i++) {
        if (w->udp[i] && w->udp[i]->used && addr_equal(&w->udp[i]->local, local))
            return -EADDRINUSE;
    }
    for (int i = 0; i < WORLD_UDP; i++) {
        if (w->udp[i] && w->udp[i]->used)
            continue;
        if (!w->udp[i])
            w->udp[i] = calloc(1, sizeof(struct udp_socket));
        *w->udp[i] = (struct udp_socket){
            .world = w, .local = *local, .handler = handler, .arg = arg, .used = true};
        *out = w->udp[i];
        return 0;
    }
    return -EMFILE;
}

static int send_udp(struct udp_socket *s, const struct udp_tx *tx)
{
    assert_true(tx->len <= sizeof(s->sent));
    memcpy(s->sent, tx->data, tx->len);
    s->sent_len = tx->len;
    s->sent_to = *tx->to;
    s->sent_count++;
    return 0;
}

static struct addr udp_at(const struct udp_socket *s)
{
    return s->local;
}

static void close_udp(struct udp_socket *s)
{
    s->used = false;
}

static int load(struct env *e, const char *name, uint8_t **data, size_t *len)
{
    (void)e, (void)name, (void)data, (void)len;
    return -ENOENT;
}

static int save(struct env *e, const char *name, const uint8_t *data, size_t len)
{
    (void)name, (void)data, (void)len;
    return world_of(e)->save_error;
}

static void keep_short(struct sock *s, size_t unsent)
{
    (void)s;
    (void)unsent;
}

static const struct env_ops ops = {
    .now = now,
    .wall_us = wall_us,
    .random = fill_random,
    .timer_set = set_timer,
    .timer_stop = stop_timer,
    .defer = defer,
    .undefer = undefer,
    .udp_open = open_udp,
    .udp_send = send_udp,
    .udp_local = udp_at,
    .udp_close = close_udp,
    .sock_listen = listen_at,
    .sock_listen_lo = listen_lo,
    .sock_connect = refuse_connect,
    .listener_local = listener_at,
    .listener_close = close_listener,
    .sock_attach = attach,
    .sock_readv = read_sock,
    .sock_writev = write_sock,
    .sock_error = error_of,
    .sock_finish = finish_sock,
    .sock_close = close_sock,
    .sock_reset = reset_sock,
    .sock_local = sock_at,
    .sock_dialled = sock_dialled_at,
    .is_local = is_local,
    .sock_keep_short = keep_short,
    .owner_of_tcp = owner_of,
    .owner_of_udp = owner_of,
    .load = load,
    .save = save,
};

/* ---- the test's side ---- */

void world_init(struct world *w)
{
    *w = (struct world){.env = {&ops}, .now = SEC(100)};
}

void world_deinit(struct world *w)
{
    for (int i = 0; i < WORLD_CLIENTS && w->clients[i]; i++) {
        assert_true(world_is_over(w->clients[i]));
        free(w->clients[i]);
    }
    for (int i = 0; i < WORLD_LISTENERS; i++)
        assert_false(w->listeners[i].used);
    for (int i = 0; i < WORLD_UDP; i++) {
        assert_false(w->udp[i] && w->udp[i]->used);
        free(w->udp[i]);
    }
    assert_int_equal(w->timer_count, 0);
    assert_null(w->work);
}

static bool run_edges(struct world *w)
{
    bool any = false;
    for (int i = 0; i < WORLD_CLIENTS && w->clients[i]; i++) {
        struct sock *s = w->clients[i];
        if (!s->edge || world_is_over(s) || !s->handler)
            continue;
        s->edge = false;
        any = true;
        s->handler->on_ready(s->arg);
    }
    return any;
}

static bool run_work(struct world *w)
{
    struct deferred *work = w->work;
    if (!work)
        return false;
    w->work = work->next;
    work->queued = false;
    work->run(work);
    return true;
}

static struct timer *next_timer(struct world *w)
{
    struct timer *first = NULL;
    for (size_t i = 0; i < w->timer_count; i++) {
        if (!first || w->timers[i]->due < first->due)
            first = w->timers[i];
    }
    return first;
}

void world_run(struct world *w)
{
    for (unsigned rounds = 0; run_work(w) || run_edges(w); rounds++)
        assert_true(rounds < 100000); /* it must come to rest */
}

void world_wait(struct world *w, instant span)
{
    instant until = w->now + span;
    world_run(w);
    for (struct timer *t = next_timer(w); t && t->due <= until; t = next_timer(w)) {
        w->now = t->due > w->now ? t->due : w->now;
        stop_timer(&w->env, t);
        t->fire(t);
        world_run(w);
    }
    w->now = until;
}

struct sock *world_sock(struct world *w)
{
    for (int i = 0; i < WORLD_CLIENTS; i++) {
        if (w->clients[i])
            continue;
        struct sock *s = calloc(1, sizeof(*s));
        s->world = w;
        s->room = WORLD_BUFFER;
        w->clients[i] = s;
        return s;
    }
    fail_msg("too many clients");
    return NULL;
}

struct sock *world_dial(struct world *w, const char *to, uint16_t from_port)
{
    struct addr local = parsed(to);
    for (int i = 0; i < WORLD_LISTENERS; i++) {
        struct sock_listener *l = &w->listeners[i];
        if (!l->used || !addr_equal(&l->local, &local))
            continue;
        struct sock *s = world_sock(w);
        s->local = local;
        s->dialled = w->dialled;
        w->dialled = (struct addr){0};
        s->remote = addr_loopback(addr_is_v6(&local), from_port);
        l->handler->on_accept(l->arg, s, &s->remote);
        world_run(w);
        return s;
    }
    return NULL;
}

void world_send(struct sock *s, const void *data, size_t len)
{
    assert_true(s->in_len + len <= WORLD_BUFFER);
    memcpy(s->in + s->in_len, data, len);
    s->in_len += len;
    s->edge = true;
    world_run(s->world);
}

void world_say(struct sock *s, const char *text)
{
    world_send(s, text, strlen(text));
}

void world_finish(struct sock *s)
{
    s->client_finished = s->edge = true;
    world_run(s->world);
}

void world_break(struct sock *s, int err)
{
    s->client_error = err;
    s->edge = true;
    world_run(s->world);
}

const char *world_heard(struct sock *s)
{
    s->out[s->out_len] = 0;
    return (const char *)s->out;
}

void world_forget(struct sock *s)
{
    s->out_len = 0;
}

void world_make_room(struct sock *s, size_t bytes)
{
    s->room = bytes;
    s->edge = true;
    world_run(s->world);
}

bool world_is_over(const struct sock *s)
{
    return s->closed || s->reset;
}

struct udp_socket *world_udp(struct world *w, const char *to, uint16_t from_port, const void *data,
                             size_t len)
{
    struct addr local = parsed(to);
    for (int i = 0; i < WORLD_UDP; i++) {
        struct udp_socket *s = w->udp[i];
        if (!s || !s->used || !addr_equal(&s->local, &local))
            continue;
        uint8_t copy[65536];
        memcpy(copy, data, len);
        struct udp_rx rx = {.data = copy,
                            .len = len,
                            .segment = len ? len : 1,
                            .from = addr_loopback(addr_is_v6(&local), from_port),
                            .now = w->now};
        s->handler->on_datagrams(s->arg, &rx);
        world_run(w);
        return s;
    }
    return NULL;
}
