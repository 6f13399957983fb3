#include "gateway/io/listen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "gateway/base/log.h"
#include "gateway/io/anyip.h"
#include "gateway/io/tcp.h"
#include "gateway/io/unixpath.h"

#define BACKLOG        4096
#define ACCEPTS_A_TURN 64
#define RETRY_WAIT     MSEC(100) /* after accept() failed for want of memory or descriptors */

struct sock_listener {
    struct io_watch watch;
    struct io_loop *loop;
    const struct listen_handler *handler;
    void *arg;
    struct timer retry;
    struct addr local; /* none for a unix socket */
    char *path;        /* of a unix socket that we made, else NULL */
    uint64_t refused;  /* callers, for want of descriptors */
};

/* ---- accepting ---- */

static void turn_away(struct sock_listener *l, int fd)
{
    (void)close(fd); /* of TCP: with a reset, see io_tcp_listen() */
    if (l->refused++ == 0)
        log_warn(LOG_IO, "no descriptors left: new connections are refused");
}

/* The reserve descriptor lets the caller in for as long as it takes to turn it away: otherwise it
 * would hang in the queue, and readiness with it. */
static int refuse_one(struct sock_listener *l)
{
    if (!io_spare_use(l->loop))
        return -EMFILE;
    int fd = accept4(l->watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int err = fd < 0 ? -errno : 0;
    if (fd >= 0)
        turn_away(l, fd);
    io_spare_refill(l->loop);
    return err;
}

/* Returns 0 when there may be another caller, or an errno. */
static int accept_one(struct sock_listener *l)
{
    struct addr from = {0};
    socklen_t len = sizeof(from);
    int fd = accept4(l->watch.fd, &from.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return errno == EMFILE || errno == ENFILE ? refuse_one(l) : -errno;
    bool is_tcp = !addr_is_none(&l->local);
    if (is_tcp && io_fd_is_kept(fd)) {
        turn_away(l, fd);
        return 0;
    }
    if (l->refused > 0)
        log_info(LOG_IO, "%llu connections were refused for want of descriptors",
                 (unsigned long long)l->refused);
    l->refused = 0;
    from = addr_from_sockaddr(&from.sa);
    struct sock *s = is_tcp ? io_tcp_accepted(l->loop, fd) : io_sock_new(l->loop, fd);
    if (s)
        l->handler->on_accept(l->arg, s, &from);
    return 0;
}

/* True when accept() will fail again at once, so that trying on would spin. */
static bool is_exhausted(int err)
{
    return err == -EMFILE || err == -ENFILE || err == -ENOBUFS || err == -ENOMEM;
}

static void on_ready(struct io_watch *w, uint32_t events)
{
    struct sock_listener *l = container_of(w, struct sock_listener, watch);
    const struct io_loop *loop = l->loop;
    (void)events;
    for (unsigned n = 0; n < ACCEPTS_A_TURN; n++) {
        int err = accept_one(l);
        if (!io_watch_survived(loop))
            return;
        if (err == -EAGAIN || err == -EINVAL) /* EINVAL: shut down from elsewhere */
            return;
        if (is_exhausted(err)) {
            io_loop_timer_set(l->loop, &l->retry, io_loop_now(l->loop) + RETRY_WAIT);
            return;
        }
        /* Anything else is the trouble of one caller, who is gone. */
    }
    io_watch_again(l->loop, &l->watch);
}

static void on_retry(struct timer *t)
{
    struct sock_listener *l = container_of(t, struct sock_listener, retry);
    io_watch_again(l->loop, &l->watch);
}

/* ---- opening ---- */

/* Takes a listening socket. */
static int start(struct io_loop *loop, struct sock_listener **out, int fd,
                 const struct listen_handler *handler, void *arg)
{
    struct sock_listener *l = calloc(1, sizeof(*l));
    int err = l ? 0 : -ENOMEM;
    if (l) {
        l->loop = loop;
        l->handler = handler;
        l->arg = arg;
        l->retry.fire = on_retry;
        l->watch.ready = on_ready;
        err = io_watch_start(loop, &l->watch, fd, EPOLLIN);
    }
    if (err < 0) {
        (void)close(fd);
        free(l);
        return err;
    }
    *out = l;
    return 0;
}

/* Where connections share the port, each socket there has to say so, SO_REUSEADDR not being enough
 * beside one that listens. */
static int open_tcp(const struct addr *local, bool shared, bool lo)
{
    const int on = 1;
    int fd = socket(local->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int err = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (err == 0 && shared)
        err = setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (err == 0 && addr_is_v6(local))
        err = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (err == 0 && lo)
        err = anyip_bind_lo(fd);
    if (err == 0)
        err = bind(fd, &local->sa, addr_len(local));
    if (err == 0)
        err = listen(fd, BACKLOG);
    if (err < 0) {
        err = -errno;
        (void)close(fd);
        return err;
    }
    return fd;
}

/* Takes a listening socket. */
static int serve_tcp(struct io_loop *loop, struct sock_listener **out, int fd,
                     const struct listen_handler *handler, void *arg)
{
    const int on = 1;
    /* Accepted sockets inherit all three, which saves as many calls for each of them. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
    io_fd_reset_on_close(fd);
    struct addr bound = {0};
    socklen_t len = sizeof(bound);
    if (getsockname(fd, &bound.sa, &len) < 0)
        bound = (struct addr){0};
    int err = start(loop, out, fd, handler, arg);
    if (err == 0)
        (*out)->local = addr_from_sockaddr(&bound.sa);
    return err;
}

int io_tcp_listen(struct io_loop *loop, struct sock_listener **out, const struct addr *local,
                  int fd, const struct listen_handler *handler, void *arg)
{
    if (fd < 0)
        fd = open_tcp(local, false, false);
    return fd < 0 ? fd : serve_tcp(loop, out, fd, handler, arg);
}

int io_tcp_listen_shared(struct io_loop *loop, struct sock_listener **out, const struct addr *local,
                         const struct listen_handler *handler, void *arg)
{
    int fd = open_tcp(local, true, false);
    return fd < 0 ? fd : serve_tcp(loop, out, fd, handler, arg);
}

int io_tcp_listen_lo(struct io_loop *loop, struct sock_listener **out, const struct addr *local,
                     int fd, const struct listen_handler *handler, void *arg)
{
    if (fd < 0)
        fd = open_tcp(local, false, true);
    if (fd < 0)
        return fd;
    if (!anyip_is_on_lo(fd)) {
        (void)close(fd);
        return -EPERM;
    }
    return serve_tcp(loop, out, fd, handler, arg);
}

static int open_unix(const char *path, mode_t mode, char **kept)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    *kept = strdup(path);
    int err = *kept ? unixpath_listen(fd, path, mode, BACKLOG) : -ENOMEM;
    if (err < 0) {
        free(*kept);
        (void)close(fd);
        return err;
    }
    return fd;
}

int io_unix_listen(struct io_loop *loop, struct sock_listener **out, const char *path, int fd,
                   bool everyone, const struct listen_handler *handler, void *arg)
{
    char *made = NULL;
    if (fd < 0)
        fd = open_unix(path, everyone ? 0666 : 0600, &made);
    if (fd < 0)
        return fd;
    int err = start(loop, out, fd, handler, arg);
    if (err < 0)
        free(made);
    else
        (*out)->path = made;
    return err;
}

struct addr io_listener_local(const struct sock_listener *l)
{
    return l->local;
}

void io_listener_close(struct sock_listener *l)
{
    if (!l)
        return;
    io_loop_timer_stop(l->loop, &l->retry);
    if (l->path) /* before it stops to answer, so that it cannot be a successor's by now */
        (void)unlink(l->path);
    io_watch_close(l->loop, &l->watch);
    free(l->path);
    free(l);
}
