/**
 * The things that an environment (gateway/base/env.h) deals in: timers, datagrams, sockets, names,
 * interfaces.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/uio.h>

#include "gateway/base/addr.h"
#include "gateway/base/clock.h"

/* ---- timers ---- */

/** Embed one per deadline; zeroed it is stopped. Stop it before its memory goes away. */
struct timer {
    instant due;
    size_t slot; /* the environment's: place in its heap, 0 while stopped */
    void (*fire)(struct timer *timer);
};

/** Work to be done once before the loop waits again. Zeroed it is idle. */
struct deferred {
    struct deferred *next;
    bool queued;
    void (*run)(struct deferred *work);
};

/* ---- datagrams ---- */

/** Datagrams that arrived together from one address, back to back, each `segment` bytes long but
 *  for the last, which may be shorter. Borrowed for the call. */
struct udp_rx {
    uint8_t *data; /* the receiver may scribble on it */
    size_t len;
    size_t segment; /* > 0 */
    struct addr from;
    struct addr to;   /* local address it was sent to; none unless UDP_PKTINFO was asked */
    unsigned ifindex; /* interface it came by; 0 unless UDP_PKTINFO was asked */
    instant now;
};

/** Datagrams to one address, laid out as in struct udp_rx. */
struct udp_tx {
    const struct addr *to;
    const struct addr *from; /* source address to use (its port is ignored), or NULL */
    const uint8_t *data;
    size_t len;
    size_t segment;   /* 0 or >= len: one datagram */
    unsigned ifindex; /* interface to use, or 0 */
    int ttl;          /* hop limit of these datagrams, or 0 for the default */
};

struct udp_socket;

struct udp_handler {
    void (*on_datagrams)(void *arg, const struct udp_rx *rx);
    /** udp_send() said -EAGAIN before, and works again. May be NULL. */
    void (*on_writable)(void *arg);
};

enum udp_flags {
    UDP_PKTINFO = 1,   /* fill in `to` and `ifindex` of what arrives */
    UDP_SHARED = 2,    /* SO_REUSEADDR: several sockets may receive this multicast port */
    UDP_BROADCAST = 4, /* may send to a broadcast address */
    UDP_BULK = 8,      /* large kernel buffers, UDP_GRO */
    UDP_LOOPBACK = 16, /* bound to the loopback device: nothing from other machines comes in */
};

/* ---- ICMP ---- */

struct icmp_socket;

struct icmp_handler {
    /** A Time Exceeded message (RFC 792) came for this machine, its IP header left off: borrowed
     *  for the call, and whoever likes can have sent it. */
    void (*on_exceeded)(void *arg, instant now, const struct addr *from, const uint8_t *data,
                        size_t len);
};

/* ---- byte streams: TCP and unix sockets ---- */

struct sock;
struct sock_listener;

struct sock_handler {
    /** The connection was made (0) or failed (negative errno). Only for sock_connect*(). */
    void (*on_connect)(void *arg, int err);
    /**
     * An edge: reading, writing or both may work now. Read and write until -EAGAIN, or remember
     * that it is still ready: the same readiness is not told twice. An error or hang-up comes as
     * this too and shows in the next read or write.
     *
     * A read or write that moved less than it was given room for counts as -EAGAIN too, so that a
     * request costs one read and one write. What came with those last bytes (the end of data, an
     * error: epoll tells both in one edge) is therefore told again, by another on_ready.
     */
    void (*on_ready)(void *arg);
};

struct listen_handler {
    /** A caller; the socket is yours. `from` is none for a unix socket. */
    void (*on_accept)(void *arg, struct sock *sock, const struct addr *from);
};

/* ---- names ---- */

#define LOOKUP_MAX 16 /* addresses of one name; more are left out */

/** A host name being looked up. Embed one; zeroed it is idle. */
struct lookup {
    /** 0 and at least one address, in the order to try them; or -ENOENT (no such name, or no
     *  address of it), -ETIMEDOUT (5 s), -EHOSTUNREACH (no name server answers) or another errno.
     */
    void (*done)(struct lookup *l, int err, const struct addr *list, int count);
    void *query; /* the environment's; NULL while idle */
};

/* ---- the machine ---- */

/** One address of one network interface that is up. */
struct interface {
    unsigned index;
    char name[16];
    struct addr addr;      /* its port is 0 */
    unsigned prefix_bits;  /* of the network it is in */
    struct addr broadcast; /* IPv4, or none */
    bool multicast, loopback;
};

/** A way out to the internet: the default route of one address family. */
struct router {
    struct addr addr;  /* of the router; port 0, its scope if it is link-local */
    struct addr local; /* ours, from which it is reached; port 0 */
    unsigned ifindex;
};

enum { ENV_HOME_NAME_MAX = 64 }; /* bytes of a file name in the home */
