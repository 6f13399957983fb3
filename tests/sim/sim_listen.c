#include "tests/sim/sim_sock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FIRST_FREE_PORT 1024 /* lower ones are root's */

struct sock_listener *sim_listener_for(struct sim_host *h, const struct addr *a)
{
    struct sock_listener *any = NULL;
    list_each(node, &h->listeners)
    {
        struct sock_listener *l = list_entry(node, struct sock_listener, link);
        if (addr_is_none(&l->local) || addr_is_v6(&l->local) != addr_is_v6(a) ||
            addr_port(&l->local) != addr_port(a))
            continue;
        if (addr_same_ip(&l->local, a))
            return l;
        if (addr_is_unspecified(&l->local))
            any = l;
    }
    return any;
}

struct sock_listener *sim_listener_at(struct sim_host *h, const char *path)
{
    list_each(node, &h->listeners)
    {
        struct sock_listener *l = list_entry(node, struct sock_listener, link);
        if (addr_is_none(&l->local) && strcmp(l->path, path) == 0)
            return l;
    }
    return NULL;
}

/* One caller at a time, because the handler may close the listener. */
static void on_accept(struct deferred *work)
{
    struct sock_listener *l = container_of(work, struct sock_listener, accept);
    struct list *node = list_first(&l->backlog);
    if (!node || sim_take_socket(l->host) < 0)
        return; /* a socket that closes tries again */
    struct sock *s = list_entry(node, struct sock, link);
    list_remove(&s->link);
    list_append(&l->host->socks, &s->link);
    if (!list_is_empty(&l->backlog))
        sim_defer(l->host->world, &l->accept);
    l->handler->on_accept(l->arg, s, &s->remote);
}

void sim_give_back_socket(struct sim_host *h)
{
    h->sockets--;
    list_each(node, &h->listeners)
    {
        struct sock_listener *l = list_entry(node, struct sock_listener, link);
        if (!list_is_empty(&l->backlog))
            sim_defer(h->world, &l->accept);
    }
}

static struct sock_listener *new_listener(struct sim_host *h, const struct listen_handler *handler,
                                          void *arg)
{
    struct sock_listener *l = calloc(1, sizeof(*l));
    assert_non_null(l);
    l->host = h;
    l->handler = handler;
    l->arg = arg;
    l->accept.run = on_accept;
    list_init(&l->backlog);
    list_append(&h->listeners, &l->link);
    return l;
}

static bool is_taken(struct sim_host *h, const struct addr *local)
{
    list_each(node, &h->listeners)
    {
        const struct sock_listener *l = list_entry(node, struct sock_listener, link);
        if (addr_is_none(&l->local) || addr_is_v6(&l->local) != addr_is_v6(local) ||
            addr_port(&l->local) != addr_port(local))
            continue;
        if (addr_same_ip(&l->local, local) || addr_is_unspecified(&l->local) ||
            addr_is_unspecified(local))
            return true;
    }
    return false;
}

static int listen_op(struct env *env, struct sock_listener **out, const struct addr *local,
                     const struct listen_handler *handler, void *arg)
{
    struct sim_host *h = sim_host_of(env);
    struct addr bound = *local;
    if (!addr_is_unspecified(local) && !sim_interface_of(h, local))
        return -EADDRNOTAVAIL;
    if (addr_port(local) != 0 && addr_port(local) < FIRST_FREE_PORT && h->uid != 0)
        return -EACCES;
    if (addr_port(local) == 0)
        do
            addr_set_port(&bound, sim_next_port(h));
        while (is_taken(h, &bound));
    if (is_taken(h, &bound))
        return -EADDRINUSE;
    int err = sim_take_socket(h);
    if (err < 0)
        return err;
    *out = new_listener(h, handler, arg);
    (*out)->local = bound;
    return 0;
}

static int listen_unix_op(struct env *env, struct sock_listener **out, const char *path,
                          const struct listen_handler *handler, void *arg)
{
    struct sim_host *h = sim_host_of(env);
    if (strlen(path) >= sizeof((*out)->path))
        return -ENAMETOOLONG;
    if (sim_listener_at(h, path))
        return -EADDRINUSE;
    int err = sim_take_socket(h);
    if (err < 0)
        return err;
    *out = new_listener(h, handler, arg);
    strcpy((*out)->path, path);
    return 0;
}

static struct addr listener_local_op(const struct sock_listener *l)
{
    return l->local;
}

static void listener_close_op(struct sock_listener *l)
{
    struct sim_host *h = l->host;
    for (struct list *node; (node = list_first(&l->backlog));)
        sim_sock_turn_away(list_entry(node, struct sock, link));
    sim_undefer(h->world, &l->accept);
    list_remove(&l->link);
    free(l);
    sim_give_back_socket(h);
}

void sim_listen_ops(struct env_ops *ops)
{
    ops->sock_listen = listen_op;
    ops->sock_listen_shared = listen_op;
    ops->sock_listen_unix = listen_unix_op;
    ops->listener_local = listener_local_op;
    ops->listener_close = listener_close_op;
}
