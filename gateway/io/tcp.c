#include "gateway/io/tcp.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "gateway/io/anyip.h"
#include "gateway/io/unixpath.h"

#define TO_READ (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)

struct sock {
    struct io_watch watch;
    struct io_loop *loop;
    const struct sock_handler *handler;
    void *arg;
    bool connecting;
    bool watched;
    bool quiet;         /* on_connect runs, and there is nothing to read */
    bool told;          /* on_ready was given */
    bool wants_room;    /* the last write was short */
    bool ended;         /* end of data or an error was seen: tell again after a short read */
    bool failed;        /* an error was seen */
    bool resets;        /* closing it would send a reset: see io_fd_reset_on_close() */
    in_port_t own_port; /* a connection from this port would be one to itself; 0: cannot be */
};

/* ---- events ---- */

static int take_error(struct sock *s)
{
    int err = 0;
    socklen_t len = sizeof(err);
    if (getsockopt(s->watch.fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
        return -errno;
    return -err;
}

static int connect_result(struct sock *s, uint32_t events)
{
    int err = events & (EPOLLERR | EPOLLHUP) ? take_error(s) : 0;
    /* To a port of this machine where nobody listens, TCP can by chance connect to itself. */
    if (err == 0 && s->own_port != 0) {
        struct addr local = io_sock_local(s);
        if (addr_port(&local) == s->own_port)
            return -ECONNREFUSED;
    }
    return err;
}

/* Returns false while the attempt goes on, and when the handler closed the socket. */
static bool finish_connecting(struct sock *s, uint32_t events)
{
    if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
        return false;
    const struct io_loop *l = s->loop;
    int err = connect_result(s, events);
    s->connecting = false;
    s->told = true; /* that it may write */
    s->quiet = !(events & TO_READ);
    s->handler->on_connect(s->arg, err);
    if (!io_watch_survived(l))
        return false;
    s->quiet = false;
    return err == 0 && events & TO_READ;
}

static void on_ready(struct io_watch *w, uint32_t events)
{
    struct sock *s = container_of(w, struct sock, watch);
    /* Urgent data stops every read short of it (the byte stays in the stream), which must not look
     * like the last of the data: it counts as an end that is never reached. */
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI))
        s->ended = true;
    if (events & EPOLLERR)
        s->failed = true;
    if (s->connecting && !finish_connecting(s, events))
        return;
    /* Linux tells that writing is possible on other occasions too, as when an end of data of ours
     * has arrived: nobody is to read in vain for that. */
    if (events == EPOLLOUT && s->told && !s->wants_room)
        return;
    s->told = true;
    s->handler->on_ready(s->arg);
}

static void watch(struct sock *s)
{
    s->watch.ready = on_ready;
    s->watched = true;
    /* Fails only without memory: then it is closed, which the first read or write shows. */
    if (io_watch_start(s->loop, &s->watch, s->watch.fd, SOCK_EVENTS) < 0) {
        (void)shutdown(s->watch.fd, SHUT_RDWR);
        io_watch_again(s->loop, &s->watch);
    }
}

void io_sock_attach(struct sock *s, const struct sock_handler *handler, void *arg)
{
    s->handler = handler;
    s->arg = arg;
    if (!s->watched)
        watch(s);
    else if (!s->connecting && !s->quiet)
        io_watch_again(s->loop, &s->watch);
}

/* ---- opening ---- */

struct sock *io_sock_new(struct io_loop *l, int fd)
{
    struct sock *s = calloc(1, sizeof(*s));
    if (!s) {
        (void)close(fd);
        return NULL;
    }
    s->loop = l;
    s->watch.fd = fd;
    return s;
}

struct sock *io_tcp_accepted(struct io_loop *l, int fd)
{
    struct sock *s = io_sock_new(l, fd);
    if (s)
        s->resets = true;
    return s;
}

static int start_connecting(struct io_loop *l, struct sock **out, int fd,
                            const struct sock_handler *handler, void *arg)
{
    struct sock *s = io_sock_new(l, fd);
    if (!s)
        return -ENOMEM;
    s->connecting = true;
    io_sock_attach(s, handler, arg);
    *out = s;
    return 0;
}

/* Each of the sockets at one port has to say that it shares it, with others that connect by the
 * first and with one that listens by the second. */
static int bind_shared(int fd, const struct addr *local)
{
    const int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 ||
        bind(fd, &local->sa, addr_len(local)) < 0)
        return -errno;
    return 0;
}

static void set_options(int fd, bool speaks)
{
    const int on = 1, off = 0;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
    io_fd_reset_on_close(fd);
    if (speaks) /* Linux: the acknowledgement of the answer to a SYN is delayed then, as others are
                 */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off));
}

int io_tcp_connect(struct io_loop *l, struct sock **out, const struct addr *local,
                   const struct addr *remote, bool speaks, const struct sock_handler *handler,
                   void *arg)
{
    int err;
    int fd = socket(remote->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (io_fd_is_kept(fd)) {
        (void)close(fd);
        return -EMFILE;
    }
    set_options(fd, speaks);
    err = local ? bind_shared(fd, local) : 0;
    if (err == 0 && connect(fd, &remote->sa, addr_len(remote)) < 0 && errno != EINPROGRESS)
        err = -errno;
    if (err < 0) {
        (void)close(fd);
        return err;
    }
    err = start_connecting(l, out, fd, handler, arg);
    if (err < 0)
        return err;
    (*out)->resets = true;
    if (addr_is_loopback(remote))
        (*out)->own_port = addr_port(remote);
    return 0;
}

int io_unix_connect(struct io_loop *l, struct sock **out, const char *path,
                    const struct sock_handler *handler, void *arg)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (io_fd_is_kept(fd)) {
        (void)close(fd);
        return -EMFILE;
    }
    int err = unixpath_connect(fd, path);
    if (err < 0) {
        (void)close(fd);
        return err;
    }
    return start_connecting(l, out, fd, handler, arg);
}

/* ---- bytes ---- */

static size_t total(const struct iovec *area, int count)
{
    size_t len = 0;
    for (int i = 0; i < count; i++)
        len += area[i].iov_len;
    return len;
}

/* A reset after the end of data does not show in reads, only in the error of the socket. */
static int error_behind_end(struct sock *s)
{
    int err = take_error(s);
    s->failed = false;
    return err == -EPIPE ? -ECONNRESET : err;
}

ssize_t io_sock_readv(struct sock *s, const struct iovec *area, int count)
{
    size_t room = total(area, count);
    ssize_t n =
        count == 1 ? recv(s->watch.fd, area->iov_base, room, 0) : readv(s->watch.fd, area, count);
    if (n < 0)
        return -errno;
    if (n == 0 && s->failed && room > 0)
        return error_behind_end(s);
    if ((size_t)n < room && n > 0 && s->ended)
        io_watch_soon(s->loop, &s->watch);
    return n;
}

int io_sock_error(struct sock *s)
{
    return s->failed ? error_behind_end(s) : 0;
}

ssize_t io_sock_writev(struct sock *s, const struct iovec *area, int count)
{
    ssize_t n;
    if (count == 1) {
        n = send(s->watch.fd, area->iov_base, area->iov_len, MSG_NOSIGNAL);
    } else {
        struct msghdr msg = {
            .msg_iov = (struct iovec *)(uintptr_t)area, /* sendmsg() does not write to it */
            .msg_iovlen = (size_t)count,
        };
        n = sendmsg(s->watch.fd, &msg, MSG_NOSIGNAL);
    }
    int err = n < 0 ? -errno : 0;
    s->wants_room = err == -EAGAIN || (err == 0 && (size_t)n < total(area, count));
    return err < 0 ? err : n;
}

/* ---- the end ---- */

void io_sock_finish(struct sock *s)
{
    (void)shutdown(s->watch.fd, SHUT_WR); /* fails when the connection is gone already */
}

static void set_linger(int fd, bool on)
{
    const struct linger linger = {.l_onoff = on};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

void io_fd_reset_on_close(int fd)
{
    set_linger(fd, true);
}

static void give_back(struct sock *s)
{
    io_watch_close(s->loop, &s->watch);
    free(s);
}

void io_sock_close(struct sock *s)
{
    if (!s)
        return;
    if (s->resets) /* what the kernel has not sent yet would be lost */
        set_linger(s->watch.fd, false);
    give_back(s);
}

void io_sock_reset(struct sock *s)
{
    if (!s)
        return;
    if (!s->resets)
        set_linger(s->watch.fd, true);
    give_back(s);
}

int io_sock_release(struct sock *s)
{
    const int off = 0;
    int fd = s->watch.fd;

    io_watch_stop(s->loop, &s->watch);
    if (s->resets)
        set_linger(fd, false);
    (void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &off, sizeof(off));
    free(s);
    return fd;
}

int io_sock_descriptor(const struct sock *s)
{
    return s->watch.fd;
}

struct addr io_sock_local(const struct sock *s)
{
    struct addr local = {0};
    socklen_t len = sizeof(local);
    if (getsockname(s->watch.fd, &local.sa, &len) < 0)
        return (struct addr){0};
    return addr_from_sockaddr(&local.sa);
}

struct addr io_sock_dialled(const struct sock *s)
{
    struct addr at = anyip_dialled(s->watch.fd);
    return addr_is_none(&at) ? io_sock_local(s) : at;
}

void io_sock_keep_short(struct sock *s, size_t unsent)
{
    int bytes = unsent < INT_MAX ? (int)unsent : INT_MAX;
    /* Fails for a unix socket, which holds little anyway. */
    (void)setsockopt(s->watch.fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof(bytes));
}
