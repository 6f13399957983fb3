/**
 * The gateway's UDP sockets: takes what arrives to the machines that want it, and what they have
 * to say out by the right socket.
 *
 * One socket for each listening address, shared by all sessions, by LAN discovery and, later, by
 * STUN and relay frames; told apart by gateway/wire/demux.h. Work is done in batches: everything
 * that has arrived is fed to the machines, then they are asked what to send, and one timer covers
 * the earliest of their deadlines.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/env.h"
#include "gateway/transport/quic.h"

#define HUB_SOCKETS_MAX 4
#define HUB_LOCALS_MAX  64

struct hub_socket {
    struct hub *hub;
    struct udp_socket *udp;
    struct addr local;
    bool full; /* the kernel said -EAGAIN and has not called back yet */
};

struct hub {
    struct env *env;
    struct quic_endpoint *quic; /* borrowed */
    /** Datagrams that are not QUIC, nor probes of a session. One at a time. */
    void (*other)(void *arg, const struct udp_rx *rx);
    void *arg;
    struct hub_socket socket[HUB_SOCKETS_MAX];
    size_t sockets;
    struct addr locals[HUB_LOCALS_MAX]; /* addresses of this machine, to answer from */
    size_t local_count;
    struct timer timer;
    struct deferred work;
    struct quic_tx held; /* what a full socket did not take; goes first */
    bool holding;
};

/** Starts without sockets. `other` takes what is not for the endpoint. */
void hub_init(struct hub *h, struct env *env, struct quic_endpoint *quic,
              void (*other)(void *arg, const struct udp_rx *rx), void *arg);
/** Opens one more socket. Returns 0 or what udp_open() said. */
MUST_USE int hub_listen(struct hub *h, const struct addr *local);
/** Closes all sockets and stops all work. */
void hub_close(struct hub *h);

/** Takes datagrams that arrived on one of the sockets: the sockets' handler, and tests. */
void hub_take(struct hub_socket *s, const struct udp_rx *rx);

/** Somebody has something to send: asks for it when the current batch is through. */
void hub_wake(struct hub *h);
/** Sends one datagram that is not QUIC's. Lost if the socket is full. */
void hub_send(struct hub *h, const struct udp_tx *tx);
/** Learns the addresses of this machine again. */
void hub_read_locals(struct hub *h);
/** The socket by which to reach `remote` first, or NULL: no socket of that family. */
struct hub_socket *hub_socket_for(struct hub *h, const struct addr *remote);
