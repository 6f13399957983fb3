#include "adapters/farewell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE SEC(2)

enum { DRAIN_MAX = 1024 * 1024, DRAIN_STEP = 16 * 1024, AREAS_MAX = 16 };

struct farewell {
    struct list link;
    struct farewells *all;
    struct sock *sock;
    struct timer timer;
    size_t at, len, drained;
    bool finished;
    uint8_t text[];
};

static void done(struct farewell *f)
{
    timer_stop(f->all->env, &f->timer);
    sock_close(f->all->env, f->sock);
    list_remove(&f->link);
    f->all->count--;
    free(f);
}

static void on_timer(struct timer *timer)
{
    done(container_of(timer, struct farewell, timer));
}

/* False: the connection is broken. */
static bool speak(struct farewell *f)
{
    if (f->at < f->len) {
        struct iovec area = {f->text + f->at, f->len - f->at};
        ssize_t put = sock_writev(f->all->env, f->sock, &area, 1);
        if (put < 0 && put != -EAGAIN)
            return false;
        f->at += put > 0 ? (size_t)put : 0;
    }
    if (f->at == f->len && !f->finished) {
        f->finished = true;
        sock_finish(f->all->env, f->sock);
    }
    return true;
}

/* False: the client has finished, or there is no end to it. */
static bool drain(struct farewell *f)
{
    uint8_t waste[DRAIN_STEP];
    struct iovec area = {waste, sizeof(waste)};
    ssize_t got;
    do {
        got = sock_readv(f->all->env, f->sock, &area, 1);
        f->drained += got > 0 ? (size_t)got : 0;
    } while (got == DRAIN_STEP && f->drained < DRAIN_MAX);
    return got == -EAGAIN || (got > 0 && f->drained < DRAIN_MAX);
}

static void on_ready(void *arg)
{
    struct farewell *f = arg;
    if (!speak(f) || !drain(f))
        done(f);
}

static const struct sock_handler events = {NULL, on_ready};

/* ---- streams ---- */

struct pipe_farewell {
    struct list link;
    struct farewells *all;
    struct pipe *pipe;
    struct timer timer;
    size_t drained;
};

static void pipe_done(struct pipe_farewell *f)
{
    timer_stop(f->all->env, &f->timer);
    f->pipe->ops->close(f->pipe);
    list_remove(&f->link);
    free(f);
}

static void on_pipe_timer(struct timer *timer)
{
    pipe_done(container_of(timer, struct pipe_farewell, timer));
}

static void drop_bytes(struct pipe_farewell *f)
{
    struct iovec area[AREAS_MAX];
    int count;
    while (f->drained < DRAIN_MAX && (count = f->pipe->ops->peek(f->pipe, area, AREAS_MAX)) > 0) {
        size_t len = 0;
        for (int i = 0; i < count; i++)
            len += area[i].iov_len;
        f->pipe->ops->consume(f->pipe, len);
        f->drained += len;
    }
}

static void on_pipe_readable(void *arg)
{
    struct pipe_farewell *f = arg;
    drop_bytes(f);
    if (f->drained >= DRAIN_MAX || f->pipe->ops->at_end(f->pipe))
        pipe_done(f);
}

static void on_pipe_writable(void *arg)
{
    (void)arg;
}

static void on_pipe_reset(void *arg, enum pipe_reset why)
{
    (void)why;
    pipe_done(arg);
}

static const struct pipe_handler pipe_events = {on_pipe_readable, on_pipe_writable, on_pipe_reset};

void farewells_end_pipe(struct farewells *all, struct pipe *pipe)
{
    struct pipe_farewell *f = calloc(1, sizeof(*f));
    if (!f) {
        pipe->ops->reset(pipe, PIPE_RESET_ABORTED);
        return;
    }
    *f = (struct pipe_farewell){.all = all, .pipe = pipe, .timer = {.fire = on_pipe_timer}};
    list_append(&all->pipes, &f->link);
    timer_set(all->env, &f->timer, env_now(all->env) + PATIENCE);
    pipe_attach(pipe, &pipe_events, f);
    pipe->ops->finish(pipe);
    on_pipe_readable(f); /* what is there already, nobody tells again */
}

/* ---- both ---- */

void farewells_init(struct farewells *f, struct env *env)
{
    *f = (struct farewells){.env = env};
    list_init(&f->all);
    list_init(&f->pipes);
}

void farewells_deinit(struct farewells *f)
{
    for (struct list *at = list_first(&f->all); at; at = list_first(&f->all))
        done(list_entry(at, struct farewell, link));
    for (struct list *at = list_first(&f->pipes); at; at = list_first(&f->pipes))
        pipe_done(list_entry(at, struct pipe_farewell, link));
}

void farewells_say(struct farewells *all, struct sock *sock, const void *text, size_t len)
{
    struct farewell *f = malloc(sizeof(*f) + len);
    if (!f) {
        sock_reset(all->env, sock);
        return;
    }
    *f = (struct farewell){.all = all, .sock = sock, .timer = {.fire = on_timer}, .len = len};
    if (len > 0)
        memcpy(f->text, text, len);
    list_append(&all->all, &f->link);
    all->count++;
    timer_set(all->env, &f->timer, env_now(all->env) + PATIENCE);
    /* on_ready follows by itself. Speaking now spares a turn, and its failure shows there. */
    sock_attach(all->env, sock, &events, f);
    (void)speak(f);
}
