#include "adapters/serve_dial.h"

#include <errno.h>

/* Takes everything back but the socket. */
static void release(struct serve_dial *d)
{
    timer_stop(d->env, &d->timer);
    env_undefer(d->env, &d->later);
    if (d->looking_up)
        d->resolver->cancel(d->resolver->arg, &d->lookup);
    d->looking_up = false;
}

static void end(struct serve_dial *d, int err)
{
    struct sock *sock = d->sock;
    struct addr remote = {0};
    if (d->target.kind != SERVE_UNIX && d->next > 0)
        remote = d->target.address[d->next - 1];
    if (err < 0 && sock)
        sock_close(d->env, sock);
    d->sock = NULL;
    release(d);
    d->done(d, err, err < 0 ? NULL : sock, &remote);
}

static void on_connect(void *arg, int err);

static void on_ready(void *arg)
{
    (void)arg; /* who gets the socket is told again */
}

static const struct sock_handler events = {on_connect, on_ready};

/* Out of descriptors or memory: the other address would fare no better. */
static bool is_our_own_lack(int err)
{
    return err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -ENOBUFS;
}

/* What went wrong with the address that people mean, the first, is worth telling. */
static int note(struct serve_dial *d, int err)
{
    if (d->error == 0)
        d->error = err;
    return d->error;
}

static int connect_to(struct serve_dial *d, const struct addr *a)
{
    return d->speaks ? sock_connect_speaking(d->env, &d->sock, a, &events, d)
                     : sock_connect(d->env, &d->sock, a, &events, d);
}

/* Starts to connect to the next address that lets itself be tried. Returns 0, or the first error
 * when there is none. */
static int try_next(struct serve_dial *d)
{
    while (d->next < d->target.count) {
        const struct addr *a = &d->target.address[d->next++];
        bool own = d->own && d->own->is_address(d->own->arg, a);
        int err = own ? -EPERM : connect_to(d, a);
        if (err == 0)
            return 0;
        d->sock = NULL;
        (void)note(d, err);
        if (is_our_own_lack(err))
            return err;
    }
    return d->error;
}

static void on_connect(void *arg, int err)
{
    struct serve_dial *d = arg;
    if (err == 0) {
        end(d, 0);
        return;
    }
    sock_close(d->env, d->sock);
    d->sock = NULL;
    err = note(d, err);
    if (d->target.kind != SERVE_UNIX)
        err = try_next(d);
    if (err < 0)
        end(d, err);
}

static int try_path(struct serve_dial *d)
{
    if (d->own && d->own->is_path(d->own->arg, d->target.path))
        return -EPERM;
    int err = sock_connect_unix(d->env, &d->sock, d->target.path, &events, d);
    if (err < 0)
        d->sock = NULL;
    return err;
}

static void on_found(struct serve_lookup *l, int err, const struct addr *found, size_t count)
{
    struct serve_dial *d = container_of(l, struct serve_dial, lookup);
    d->looking_up = false;
    for (size_t i = 0; i < count && d->target.count < SERVE_ADDRESSES_MAX; i++) {
        struct addr a = found[i];
        addr_set_port(&a, d->target.port);
        if (serve_target_allows(&a, d->off_host))
            d->target.address[d->target.count++] = a;
    }
    if (d->target.count == 0)
        (void)note(d, err < 0 ? err : -EPERM);
    err = try_next(d);
    if (err < 0)
        end(d, err);
}

static int look_up(struct serve_dial *d)
{
    if (!d->resolver)
        return -EPERM;
    d->lookup.done = on_found;
    int err = d->resolver->start(d->resolver->arg, d->target.host, &d->lookup);
    d->looking_up = err == 0;
    return err;
}

static int begin(struct serve_dial *d)
{
    switch (d->target.kind) {
    case SERVE_ADDRESSES:
        return try_next(d);
    case SERVE_UNIX:
        return try_path(d);
    case SERVE_NAME:
        return look_up(d);
    }
    return -EINVAL;
}

static void on_timer(struct timer *timer)
{
    end(container_of(timer, struct serve_dial, timer), -ETIMEDOUT);
}

static void on_failed(struct deferred *later)
{
    struct serve_dial *d = container_of(later, struct serve_dial, later);
    end(d, d->error);
}

void serve_dial_start(struct serve_dial *d, const struct service *service)
{
    d->off_host = service->off_host;
    d->timer.fire = on_timer;
    d->later.run = on_failed;
    int err = serve_target_read(&d->target, service);
    if (err == 0)
        err = begin(d);
    d->target.path = NULL; /* it was the service's */
    if (err == 0) {
        timer_set(d->env, &d->timer, env_now(d->env) + SERVE_DIAL_TIMEOUT);
        return;
    }
    d->error = err;
    env_defer(d->env, &d->later);
}

void serve_dial_cancel(struct serve_dial *d)
{
    release(d);
    if (d->sock)
        sock_close(d->env, d->sock);
    d->sock = NULL;
}
