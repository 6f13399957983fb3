/**
 * The gateway's sockets: takes what arrives to the machines that want it, and what they have to say
 * out by the right one.
 *
 * One UDP socket for each listening address, shared by all sessions, LAN discovery, STUN and relay
 * frames; told apart by gateway/wire/demux.h. More UDP sockets may be opened for a while, to punch
 * with; they too carry everything. Paths that are no UDP sockets of ours (TCP, relay circuits, TURN
 * allocations) are sent over by a carrier, which brings what arrives there to hub_deliver().
 *
 * Work is done in batches: everything that has arrived is fed to the machines, then they are asked
 * what to send, and one timer covers the earliest of their deadlines.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/base/path.h"
#include "gateway/nat/nat64.h"
#include "gateway/node/access.h"
#include "gateway/node/uplink.h"
#include "gateway/transport/quic.h"

#define HUB_SOCKETS_MAX 4
#define HUB_EXTRA_MAX   512
#define HUB_LOCALS_MAX  64

/** Who takes what is neither QUIC nor a probe. `via` is that of the path it came over. */
struct hub_handler {
    /** Relay frames, a batch as it came over `path`: `data` may be scribbled on. */
    void (*on_relay)(void *arg, const struct path *path, uint8_t *data, size_t len, size_t segment);
    /** STUN messages, one at a time. */
    void (*on_stun)(void *arg, const struct udp_rx *rx, uint32_t via);
    /** Everything else, one at a time. */
    void (*on_other)(void *arg, const struct udp_rx *rx);
    /** Sockets that were full take datagrams again, and those of our own sessions are through. */
    void (*on_room)(void *arg);
};

/** Datagrams from one address that are shown to `take` before they are looked into, for it to take
 *  them (true) or not. Embed one. */
struct hub_claim {
    struct list link;
    struct addr from;
    bool (*take)(struct hub_claim *claim, const struct udp_rx *rx);
};

/** Sends over the paths of one kind. */
struct hub_carrier {
    /**
     * Takes the datagrams `data`, laid out as in struct udp_tx, for a path of its kind; those for
     * paths that are gone, and those that are too many, are dropped as a network does. Returns 0,
     * or -EAGAIN: a socket of the hub is full, offer the same again.
     */
    int (*send)(struct hub_carrier *carrier, const struct quic_tx *tx);
};

struct hub_socket {
    struct hub *hub;
    struct list link; /* in hub->extra, unless a main socket */
    struct udp_socket *udp;
    struct addr local;
    uint32_t via; /* 0: a main socket */
    bool full;    /* the kernel said -EAGAIN and has not called back yet */
};

struct hub {
    struct env *env;
    struct quic_endpoint *quic; /* borrowed */
    struct access *access;      /* borrowed; NULL: everybody may talk to us */
    const struct hub_handler *handler;
    void *arg;
    struct hub_socket socket[HUB_SOCKETS_MAX];
    size_t sockets;
    struct list extra; /* of struct hub_socket */
    unsigned extra_count;
    uint32_t last_via;
    struct list claims;
    struct hub_carrier *carrier[PATH_KINDS];
    struct nat64 nat64; /* how IPv4 addresses are reached where there is IPv6 alone: by sockets of
                           IPv6; nobody else sees that */
    struct addr locals[HUB_LOCALS_MAX]; /* addresses of this machine, to answer from */
    size_t local_count;
    struct timer timer;
    struct timer refill; /* when the uplink takes more */
    struct deferred work;
    struct uplink uplink;
    struct quic_tx held; /* what a full socket, or uplink, did not take; goes first */
    bool holding;
    bool too_large; /* the link does not carry what was sent last */
    bool room;      /* on_room is due */
};

/** Starts without sockets. `other` takes what is not for the endpoint. */
void hub_init(struct hub *h, struct env *env, struct quic_endpoint *quic,
              const struct hub_handler *handler, void *arg);
/** So many bytes a second may leave in all; 0: no limit, as at the start. */
void hub_limit(struct hub *h, uint64_t rate);
/** Opens one more main socket. Returns 0 or what udp_open() said. */
MUST_USE int hub_listen(struct hub *h, const struct addr *local);
/** Closes all sockets and stops all work. Claims are forgotten. */
void hub_close(struct hub *h);

/** Opens a socket to punch with, at a port of its own, of the family and address of `local`.
 *  Returns 0 and the `via` of its paths, never given twice, or -EMFILE or what udp_open() said. */
MUST_USE int hub_open_extra(struct hub *h, const struct addr *local, uint32_t *via);
/** Closes it; what is sent over its paths is lost from now on. Nothing if it is closed. */
void hub_close_extra(struct hub *h, uint32_t via);
/** The socket of a path of kind PATH_UDP, or NULL. */
struct hub_socket *hub_socket_of(struct hub *h, const struct path *path);
/** The main socket by which to reach `remote` first, or NULL: no socket of that family. */
struct hub_socket *hub_socket_for(struct hub *h, const struct addr *remote);

/** May this address talk to us? Nobody needs to dial one that may not. */
bool hub_admits(const struct hub *h, const struct addr *remote);

/** Where `remote` is to be dialled from this network: itself, or what stands for it there. */
struct addr hub_outside(const struct hub *h, const struct addr *remote);

/** `carrier` (borrowed; NULL: nobody) sends over the paths of `kind` from now on. */
void hub_set_carrier(struct hub *h, enum path_kind kind, struct hub_carrier *carrier);
void hub_add_claim(struct hub *h, struct hub_claim *claim);
void hub_remove_claim(struct hub_claim *claim);

/** Takes datagrams that arrived on one of the sockets: the sockets' handler, and tests. */
void hub_take(struct hub_socket *s, const struct udp_rx *rx);
/** Takes what a carrier has brought over `path`: session packets, probes and, unless it is a
 * circuit itself, relay frames. The rest is dropped. */
void hub_deliver(struct hub *h, const struct path *path, uint8_t *data, size_t len, size_t segment);

/** Somebody has something to send: asks for it when the current batch is through. */
void hub_wake(struct hub *h);
/** Sends one datagram by the main socket of its family. Lost if the socket is full. */
void hub_send(struct hub *h, const struct udp_tx *tx);
/** Sends a batch over a path, whatever carries it. Returns 0 (sent, or there is no such way: lost)
 *  or -EAGAIN: nothing was kept; hub_wake() work follows when there is room. */
MUST_USE int hub_send_over(struct hub *h, const struct quic_tx *tx);
/** As hub_send_over(), for what is not ours: while datagrams of our own sessions wait for a socket,
 *  or the uplink has no more room than it spares for this, -EAGAIN, and on_room follows. */
MUST_USE int hub_send_last(struct hub *h, const struct quic_tx *tx);
/** Sends one datagram over a path, with a hop limit (0: the default; only for PATH_UDP). Lost if
 *  it cannot be taken now. */
void hub_send_path(struct hub *h, const struct path *path, const uint8_t *data, size_t len,
                   int ttl);
/** Learns the addresses of this machine again. */
void hub_read_locals(struct hub *h);
