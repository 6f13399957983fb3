/**
 * Connected byte streams: TCP and unix sockets (struct sock of gateway/base/env.h).
 */
#pragma once

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/io/loop.h"

/** What to watch a connected socket for. */
#define SOCK_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI)

/** As sock_connect_from(), or with `local` NULL sock_connect() or sock_connect_speaking(). */
MUST_USE int io_tcp_connect(struct io_loop *l, struct sock **out, const struct addr *local,
                            const struct addr *remote, bool speaks,
                            const struct sock_handler *handler, void *arg);
/** As sock_connect_unix(). */
MUST_USE int io_unix_connect(struct io_loop *l, struct sock **out, const char *path,
                             const struct sock_handler *handler, void *arg);
/** Makes one of a connected nonblocking socket, which is taken; NULL (and closed) without memory.
 *  Nothing is watched before io_sock_attach(). */
struct sock *io_sock_new(struct io_loop *l, int fd);

/** The same of a connected TCP socket that has io_fd_reset_on_close(). */
struct sock *io_tcp_accepted(struct io_loop *l, int fd);

void io_sock_attach(struct sock *s, const struct sock_handler *handler, void *arg);
ssize_t io_sock_readv(struct sock *s, const struct iovec *area, int count);
ssize_t io_sock_writev(struct sock *s, const struct iovec *area, int count);
int io_sock_error(struct sock *s);
void io_sock_finish(struct sock *s);
void io_sock_close(struct sock *s);
void io_sock_reset(struct sock *s);
/** Takes the descriptor out of a connection, with the options that a program expects. */
MUST_USE int io_sock_release(struct sock *s);
/** Borrowed. */
int io_sock_descriptor(const struct sock *s);
struct addr io_sock_local(const struct sock *s);
/** As sock_dialled(). */
struct addr io_sock_dialled(const struct sock *s);
void io_sock_keep_short(struct sock *s, size_t unsent);

/**
 * Makes closing this TCP socket, or those accepted from it, send a reset.
 *
 * All TCP sockets have it until io_sock_close() takes it away: when the process is killed the
 * kernel closes them, and what breaks off must not look like the end of data.
 */
void io_fd_reset_on_close(int fd);
