/**
 * What the world offers to a gateway: time, chance, timers, sockets and a place to keep state.
 *
 * gateway/io implements it on libuv and the kernel, tests/sim on a virtual clock and a simulated
 * network; everything above is the same code in both. Single-threaded: every callback comes from
 * the loop, and never from inside the call that started the work, unless a comment says otherwise.
 *
 * Errors are negative errno values.
 */
#pragma once

#include <errno.h>

#include "gateway/base/attr.h"
#include "gateway/base/env_types.h"
#include "gateway/base/http.h"
#include "gateway/base/mail.h"

struct env;

struct env_ops {
    instant (*now)(struct env *env);     /* monotonic, never goes back */
    int64_t (*wall_us)(struct env *env); /* microseconds since 1970, may jump */
    void (*random)(struct env *env, void *out, size_t len);
    void (*timer_set)(struct env *env, struct timer *timer, instant due);
    void (*timer_stop)(struct env *env, struct timer *timer);
    void (*defer)(struct env *env, struct deferred *work);
    void (*undefer)(struct env *env, struct deferred *work);

    int (*udp_open)(struct env *env, struct udp_socket **out, const struct addr *local,
                    unsigned flags, const struct udp_handler *handler, void *arg);
    int (*udp_send)(struct udp_socket *s, const struct udp_tx *tx);
    int (*udp_join)(struct udp_socket *s, const struct addr *group, unsigned ifindex);
    struct addr (*udp_local)(const struct udp_socket *s);
    void (*udp_close)(struct udp_socket *s);
    void (*udp_detach)(struct udp_socket *s);

    int (*icmp_open)(struct env *env, struct icmp_socket **out, const struct icmp_handler *handler,
                     void *arg);
    void (*icmp_send)(struct icmp_socket *s, const struct addr *to, const uint8_t *data,
                      size_t len);
    void (*icmp_close)(struct icmp_socket *s);

    int (*sock_listen)(struct env *env, struct sock_listener **out, const struct addr *local,
                       const struct listen_handler *handler, void *arg);
    int (*sock_listen_shared)(struct env *env, struct sock_listener **out, const struct addr *local,
                              const struct listen_handler *handler, void *arg);
    int (*sock_listen_unix)(struct env *env, struct sock_listener **out, const char *path,
                            const struct listen_handler *handler, void *arg);
    int (*sock_listen_lo)(struct env *env, struct sock_listener **out, const struct addr *local,
                          bool passed, const struct listen_handler *handler, void *arg);
    int (*sock_listen_everyone)(struct env *env, struct sock_listener **out, const char *path,
                                const struct listen_handler *handler, void *arg);
    struct addr (*listener_local)(const struct sock_listener *l);
    void (*listener_close)(struct sock_listener *l);
    int (*sock_connect)(struct env *env, struct sock **out, const struct addr *remote,
                        const struct sock_handler *handler, void *arg);
    /* As sock_connect(); NULL where that does the same. */
    int (*sock_connect_speaking)(struct env *env, struct sock **out, const struct addr *remote,
                                 const struct sock_handler *handler, void *arg);
    int (*sock_connect_from)(struct env *env, struct sock **out, const struct addr *local,
                             const struct addr *remote, const struct sock_handler *handler,
                             void *arg);
    int (*sock_connect_unix)(struct env *env, struct sock **out, const char *path,
                             const struct sock_handler *handler, void *arg);
    void (*sock_attach)(struct sock *s, const struct sock_handler *handler, void *arg);
    ssize_t (*sock_readv)(struct sock *s, const struct iovec *area, int count);
    ssize_t (*sock_writev)(struct sock *s, const struct iovec *area, int count);
    int (*sock_error)(struct sock *s);
    void (*sock_finish)(struct sock *s);
    void (*sock_close)(struct sock *s);
    void (*sock_reset)(struct sock *s);
    struct addr (*sock_local)(const struct sock *s);
    struct addr (*sock_dialled)(const struct sock *s);
    void (*sock_keep_short)(struct sock *s, size_t unsent);
    int (*udp_give)(struct sock *to, struct udp_socket *s, const void *text, size_t len);
    int (*sock_give)(struct sock *to, struct sock *s, const void *text, size_t len);

    int (*owner_of_tcp)(struct env *env, const struct addr *client, const struct addr *server,
                        uint32_t *uid);
    int (*owner_of_udp)(struct env *env, const struct addr *client, const struct addr *server,
                        uint32_t *uid);

    int (*lookup)(struct env *env, struct lookup *l, const char *host, uint16_t port);
    void (*lookup_cancel)(struct env *env, struct lookup *l);

    int (*mail_send)(struct env *env, struct mail_job *job, const struct mail_account *account,
                     const struct mail_letter *letter);
    int (*mail_fetch)(struct env *env, struct mail_job *job, const struct mail_account *account,
                      const struct mail_search *search);
    void (*mail_cancel)(struct env *env, struct mail_job *job);

    int (*http_ask)(struct env *env, struct http_job *job, const struct http_question *question);
    void (*http_cancel)(struct env *env, struct http_job *job);

    int (*interfaces)(struct env *env, struct interface *out, int max);
    bool (*is_local)(struct env *env, const struct addr *at);
    int (*routers)(struct env *env, struct router *out, int max);

    int (*load)(struct env *env, const char *name, uint8_t **data, size_t *len);
    int (*save)(struct env *env, const char *name, const uint8_t *data, size_t len);
    int (*remove)(struct env *env, const char *name);
};

struct env {
    const struct env_ops *ops;
};

static inline instant env_now(struct env *e)
{
    return e->ops->now(e);
}

/** Microseconds since 1970 by the wall clock, which may jump either way. */
static inline int64_t env_wall_us(struct env *e)
{
    return e->ops->wall_us(e);
}

/** Unpredictable bytes, fit for keys. */
static inline void env_random(struct env *e, void *out, size_t len)
{
    e->ops->random(e, out, len);
}

/** Sets (or moves) a timer: timer->fire(timer) once at or after `due`. INSTANT_NEVER stops it. */
static inline void timer_set(struct env *e, struct timer *t, instant due)
{
    e->ops->timer_set(e, t, due);
}

/** Does nothing to a timer that is stopped. */
static inline void timer_stop(struct env *e, struct timer *t)
{
    e->ops->timer_stop(e, t);
}

/** Queues work->run(work), once, for when the current batch of events has been handled. */
static inline void env_defer(struct env *e, struct deferred *work)
{
    e->ops->defer(e, work);
}

/** Takes queued work back; does nothing to work that is not queued. */
static inline void env_undefer(struct env *e, struct deferred *work)
{
    e->ops->undefer(e, work);
}

/** Opens a UDP socket bound to `local` (port 0: any). IPv6 sockets are v6-only. */
MUST_USE static inline int udp_open(struct env *e, struct udp_socket **out,
                                    const struct addr *local, unsigned flags,
                                    const struct udp_handler *handler, void *arg)
{
    return e->ops->udp_open(e, out, local, flags, handler, arg);
}

/**
 * Sends now. Returns 0 (sent, or refused by the network as if lost), -EMSGSIZE (lost likewise: more
 * than the link carries), or -EAGAIN: the kernel's buffer is full, nothing of this call was kept,
 * on_writable follows.
 */
MUST_USE static inline int udp_send(struct env *e, struct udp_socket *s, const struct udp_tx *tx)
{
    return e->ops->udp_send(s, tx);
}

/** Joins a multicast group on one interface. */
MUST_USE static inline int udp_join(struct env *e, struct udp_socket *s, const struct addr *group,
                                    unsigned ifindex)
{
    return e->ops->udp_join(s, group, ifindex);
}

/** Where it is bound. */
static inline struct addr udp_local(struct env *e, const struct udp_socket *s)
{
    return e->ops->udp_local(s);
}

/** No event comes after that. */
static inline void udp_close(struct env *e, struct udp_socket *s)
{
    e->ops->udp_close(s);
}

/** No event comes after that, and nothing is read: what arrives waits for whom the socket is given
 *  to. Not from an event of its own. */
static inline void udp_detach(struct env *e, struct udp_socket *s)
{
    e->ops->udp_detach(s);
}

/** Opens a raw socket for ICMP over IPv4. -EPERM: without the privilege (CAP_NET_RAW). */
MUST_USE static inline int icmp_open(struct env *e, struct icmp_socket **out,
                                     const struct icmp_handler *handler, void *arg)
{
    return e->ops->icmp_open(e, out, handler, arg);
}

/** Sends one ICMP message, its checksum in place, to an IPv4 address. May get lost, as any. */
static inline void icmp_send(struct env *e, struct icmp_socket *s, const struct addr *to,
                             const uint8_t *data, size_t len)
{
    e->ops->icmp_send(s, to, data, len);
}

/** No event comes after that. */
static inline void icmp_close(struct env *e, struct icmp_socket *s)
{
    e->ops->icmp_close(s);
}

/** Listens on a TCP address (port 0: any). -EADDRINUSE, -EACCES and -EMFILE are worth a message. */
MUST_USE static inline int sock_listen(struct env *e, struct sock_listener **out,
                                       const struct addr *local,
                                       const struct listen_handler *handler, void *arg)
{
    return e->ops->sock_listen(e, out, local, handler, arg);
}

/** As sock_listen(), on an address that connections of sock_connect_from() share. */
MUST_USE static inline int sock_listen_shared(struct env *e, struct sock_listener **out,
                                              const struct addr *local,
                                              const struct listen_handler *handler, void *arg)
{
    return e->ops->sock_listen_shared(e, out, local, handler, arg);
}

/**
 * Listens on a unix socket, mode 0600, in place of a stale one that nobody answers any more.
 * Paths longer than sun_path work. -EADDRINUSE: somebody answers there.
 */
MUST_USE static inline int sock_listen_unix(struct env *e, struct sock_listener **out,
                                            const char *path, const struct listen_handler *handler,
                                            void *arg)
{
    return e->ops->sock_listen_unix(e, out, path, handler, arg);
}

/**
 * As sock_listen(), bound to the loopback device: nothing that comes from another machine gets in,
 * whatever address it is for. With `passed` only by a socket that systemd has opened for us.
 * -ENOENT: there is none; -EPERM: the kernel does not let us bind to the device (before Linux 5.7);
 * -EOPNOTSUPP.
 */
MUST_USE static inline int sock_listen_lo(struct env *e, struct sock_listener **out,
                                          const struct addr *local, bool passed,
                                          const struct listen_handler *handler, void *arg)
{
    if (!e->ops->sock_listen_lo)
        return -EOPNOTSUPP;
    return e->ops->sock_listen_lo(e, out, local, passed, handler, arg);
}

/** As sock_listen_unix(), mode 0666: every user of this machine may connect. */
MUST_USE static inline int sock_listen_everyone(struct env *e, struct sock_listener **out,
                                                const char *path,
                                                const struct listen_handler *handler, void *arg)
{
    if (!e->ops->sock_listen_everyone)
        return -EOPNOTSUPP;
    return e->ops->sock_listen_everyone(e, out, path, handler, arg);
}

/** Where it listens; none for a unix socket. */
static inline struct addr listener_local(struct env *e, const struct sock_listener *l)
{
    return e->ops->listener_local(l);
}

/** No caller comes after that. The file of a unix socket goes too. */
static inline void listener_close(struct env *e, struct sock_listener *l)
{
    e->ops->listener_close(l);
}

/** Starts to connect; on_connect tells how it went. On error nothing was started. */
MUST_USE static inline int sock_connect(struct env *e, struct sock **out, const struct addr *remote,
                                        const struct sock_handler *handler, void *arg)
{
    return e->ops->sock_connect(e, out, remote, handler, arg);
}

/** As sock_connect(), by a caller who has bytes to write as soon as the connection is made: over
 * TCP the last packet of the handshake waits for them. */
MUST_USE static inline int sock_connect_speaking(struct env *e, struct sock **out,
                                                 const struct addr *remote,
                                                 const struct sock_handler *handler, void *arg)
{
    return e->ops->sock_connect_speaking
               ? e->ops->sock_connect_speaking(e, out, remote, handler, arg)
               : e->ops->sock_connect(e, out, remote, handler, arg);
}

/** As sock_connect(), from a local address (port 0: any) that several such sockets may share, to
 *  different places: both ends may connect to one another at once (RFC 9293 §3.5). -EADDRINUSE,
 *  -EADDRNOTAVAIL: not from there. */
MUST_USE static inline int sock_connect_from(struct env *e, struct sock **out,
                                             const struct addr *local, const struct addr *remote,
                                             const struct sock_handler *handler, void *arg)
{
    return e->ops->sock_connect_from(e, out, local, remote, handler, arg);
}

/** As sock_connect(), to a unix socket. -ENAMETOOLONG is for paths beyond what can be reached. */
MUST_USE static inline int sock_connect_unix(struct env *e, struct sock **out, const char *path,
                                             const struct sock_handler *handler, void *arg)
{
    return e->ops->sock_connect_unix(e, out, path, handler, arg);
}

/** Hands a socket to another handler. An accepted socket has none until this is called; what
 *  was ready before is told to the new one. Inside on_connect it need not be told that it may
 *  write, which is what that says. */
static inline void sock_attach(struct env *e, struct sock *s, const struct sock_handler *handler,
                               void *arg)
{
    e->ops->sock_attach(s, handler, arg);
}

/** Returns bytes read, 0 at the end of data, -EAGAIN, or the error (-ECONNRESET, ...). */
static inline ssize_t sock_readv(struct env *e, struct sock *s, const struct iovec *area, int count)
{
    return e->ops->sock_readv(s, area, count);
}

/** Returns bytes written, -EAGAIN, or the error (-EPIPE, -ECONNRESET, ...). Never raises SIGPIPE.
 */
static inline ssize_t sock_writev(struct env *e, struct sock *s, const struct iovec *area,
                                  int count)
{
    return e->ops->sock_writev(s, area, count);
}

/**
 * What broke the connection, also while bytes that came before are unread: for who has no room to
 * read on, after on_ready. 0, or the error (-ECONNRESET, ...), which is told once: end it then.
 */
MUST_USE static inline int sock_error(struct env *e, struct sock *s)
{
    return e->ops->sock_error(s);
}

/** Sends FIN: no more will be written. */
static inline void sock_finish(struct env *e, struct sock *s)
{
    e->ops->sock_finish(s);
}

/** Closes in the ordinary way and gives the socket back; no event comes after that. */
static inline void sock_close(struct env *e, struct sock *s)
{
    e->ops->sock_close(s);
}

/** Closes with RST (TCP; a unix socket is just closed) and gives the socket back. */
static inline void sock_reset(struct env *e, struct sock *s)
{
    e->ops->sock_reset(s);
}

/** Our end of it; none for a unix socket. */
static inline struct addr sock_local(struct env *e, const struct sock *s)
{
    return e->ops->sock_local(s);
}

/** Where the caller of an accepted TCP connection wanted to go, if the packet filter of this
 * machine led it elsewhere; else our end of it. */
static inline struct addr sock_dialled(struct env *e, const struct sock *s)
{
    return e->ops->sock_dialled ? e->ops->sock_dialled(s) : e->ops->sock_local(s);
}

/** Has the kernel take about `unsent` bytes beyond what is under way and no more (TCP): for who
 *  would rather drop than have much wait. */
static inline void sock_keep_short(struct env *e, struct sock *s, size_t unsent)
{
    e->ops->sock_keep_short(s, unsent);
}

/**
 * Hands a socket to the process at the other end of a unix socket, by a message of at most 4096
 * bytes that its descriptor comes with. There it behaves as one that a program has opened by
 * itself. Takes it, also on error. Returns 0 or an errno; -EPIPE and the like: nobody is there.
 */
MUST_USE static inline int udp_give(struct env *e, struct sock *to, struct udp_socket *s,
                                    const void *text, size_t len)
{
    return e->ops->udp_give(to, s, text, len);
}

/** As udp_give(), a connection. */
MUST_USE static inline int sock_give(struct env *e, struct sock *to, struct sock *s,
                                     const void *text, size_t len)
{
    return e->ops->sock_give(to, s, text, len);
}

/**
 * Which local user holds the client end of a TCP connection between two addresses of this machine.
 * Only connected sockets that a program still holds count (they have an inode): one that was closed
 * already shows uid 0. Either end of data may have been sent. Returns 0 and sets `*uid`, or -ENOENT
 * (no such socket: treat as a stranger).
 */
MUST_USE static inline int env_owner_of_tcp(struct env *e, const struct addr *client,
                                            const struct addr *server, uint32_t *uid)
{
    return e->ops->owner_of_tcp(e, client, server, uid);
}

/** As env_owner_of_tcp(), for the UDP socket that sends from `client` to `server`. */
MUST_USE static inline int env_owner_of_udp(struct env *e, const struct addr *client,
                                            const struct addr *server, uint32_t *uid)
{
    return e->ops->owner_of_udp(e, client, server, uid);
}

/** Looks up a host name, or takes an address (which costs no query), through the machine's name
 *  servers and hosts file. l->done() follows, with `port` in each address. On error nothing was
 *  started. */
MUST_USE static inline int env_lookup(struct env *e, struct lookup *l, const char *host,
                                      uint16_t port)
{
    return e->ops->lookup(e, l, host, port);
}

/** Drops it: l->done() will not be called. Does nothing to one that is idle. */
static inline void env_lookup_cancel(struct env *e, struct lookup *l)
{
    e->ops->lookup_cancel(e, l);
}

/** Asks an HTTP server. job->done() follows. On error nothing was started: -EOPNOTSUPP where there
 *  is no HTTP. */
MUST_USE static inline int http_ask(struct env *e, struct http_job *job,
                                    const struct http_question *question)
{
    return e->ops->http_ask ? e->ops->http_ask(e, job, question) : -EOPNOTSUPP;
}

/** Drops it: job->done() is not called. Does nothing to one that is idle. */
static inline void http_cancel(struct env *e, struct http_job *job)
{
    if (e->ops->http_cancel)
        e->ops->http_cancel(e, job);
}

/** Does this machine take what is sent to an address for itself? Sends nothing. */
static inline bool env_is_local(struct env *e, const struct addr *at)
{
    return e->ops->is_local && e->ops->is_local(e, at);
}

/** Lists the addresses of the interfaces that are up. Returns how many, at most `max`, or an error.
 */
MUST_USE static inline int env_interfaces(struct env *e, struct interface *out, int max)
{
    return e->ops->interfaces(e, out, max);
}

/** The routers that the default routes go by, at most one a family; routes without a router and
 *  machines without a route have none. Returns how many, at most `max`, or an error. */
MUST_USE static inline int env_routers(struct env *e, struct router *out, int max)
{
    return e->ops->routers(e, out, max);
}

/**
 * Reads a file of the gateway's home. The caller frees `*data`, which has a NUL after its `*len`
 * bytes. -ENOENT when there is none; -EACCES when its mode lets others read it and it is a key.
 */
MUST_USE static inline int env_load(struct env *e, const char *name, uint8_t **data, size_t *len)
{
    return e->ops->load(e, name, data, len);
}

/** Replaces a file of the gateway's home, mode 0600: new file, fsync, rename, fsync of the folder.
 *  On error the old one is whole. */
MUST_USE static inline int env_save(struct env *e, const char *name, const uint8_t *data,
                                    size_t len)
{
    return e->ops->save(e, name, data, len);
}

/** Deletes a file of the gateway's home; 0 also when there is none. */
MUST_USE static inline int env_remove(struct env *e, const char *name)
{
    return e->ops->remove ? e->ops->remove(e, name) : -EROFS;
}
