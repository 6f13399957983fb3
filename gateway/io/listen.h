/**
 * Listeners on TCP and unix sockets (struct sock_listener of gateway/base/env.h).
 *
 * When the process has no descriptor left, callers are refused with a reset, one by one, and said
 * so in the log now and then; connections that exist are not touched. TCP callers are refused while
 * a few are left (io_fd_is_kept()), unix sockets, the control socket above all, serve on.
 */
#pragma once

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/io/loop.h"

/** As sock_listen(). `fd` is a listening socket to use instead of a new one (taken, also on error),
 *  or -1. */
MUST_USE int io_tcp_listen(struct io_loop *l, struct sock_listener **out, const struct addr *local,
                           int fd, const struct listen_handler *handler, void *arg);
/** As sock_listen_shared(). */
MUST_USE int io_tcp_listen_shared(struct io_loop *l, struct sock_listener **out,
                                  const struct addr *local, const struct listen_handler *handler,
                                  void *arg);
/** As sock_listen_lo(). `fd` as for io_tcp_listen(); one that is not bound to the loopback device
 * is refused (-EPERM). */
MUST_USE int io_tcp_listen_lo(struct io_loop *l, struct sock_listener **out,
                              const struct addr *local, int fd,
                              const struct listen_handler *handler, void *arg);
/** As sock_listen_unix(), or with `everyone` sock_listen_everyone(). A socket that came as `fd` is
 *  not removed from its folder at the end. */
MUST_USE int io_unix_listen(struct io_loop *l, struct sock_listener **out, const char *path, int fd,
                            bool everyone, const struct listen_handler *handler, void *arg);
struct addr io_listener_local(const struct sock_listener *l);
void io_listener_close(struct sock_listener *l);
