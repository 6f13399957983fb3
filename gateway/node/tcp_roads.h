/**
 * Paths over TCP and TLS, for where UDP is blocked: each connection is one path (PATH_TCP), with
 * everything on it that UDP sockets carry to a peer: session packets, probes, relay frames.
 *
 * A relay listens for TLS, on port 443 best of all: from outside that is a web server. Any gateway
 * may listen for plain TCP at the numbers of its UDP sockets. A peer that UDP does not reach within
 * 3 s, or that is connected through a relay only, is dialled in these ways as well; what comes of
 * it is a path like others, and the path set prefers UDP.
 *
 * Two that listen nowhere, or behind NATs that let nobody in, may meet half-way, each connecting to
 * where the other's connections come from: when, is for the rounds of punching to say.
 *
 * A caller has 10 s to prove who it is, by a session over the connection; until then few of them
 * are borne, of one address fewer still. Connections that no session uses are closed after a
 * minute.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/bucket.h"
#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/base/map.h"
#include "gateway/node/desk.h"
#include "gateway/node/tcp_stun.h"
#include "gateway/relay/stun_service.h"

#define TCP_STREETS   256 /* of callers: addresses share one by chance */
#define TCP_DOORS_MAX (NODE_TLS_LISTEN_MAX + HUB_SOCKETS_MAX)
#define TCP_MET_MAX   32 /* addresses */

/** Where a peer may answer over TCP. */
struct tcp_place {
    struct addr to;
    bool tls;
    char host[PEER_RELAY_MAX + 1]; /* named in the TLS hello; empty: an address */
};

/** A place where we listen. */
struct tcp_door {
    struct tcp_roads *roads;
    struct sock_listener *listener;
    bool tls;
    bool half; /* for peers that are met half-way, and nobody else */
};

/** Each gets desk->node. */
struct tcp_roads_events {
    /** Where a peer may answer, best first. */
    size_t (*places)(void *node, const struct peer_id *id, struct tcp_place *out, size_t max);
    /** STUN servers that may answer over TCP, those first of which we know it. */
    size_t (*stun)(void *node, struct addr *out, size_t max);
    /** A caller's STUN message, as stun_service_answer(). */
    size_t (*answer)(void *node, const struct addr *from, const uint8_t *message, size_t len,
                     uint8_t out[static STUN_ANSWER_MAX]);
    /** What tcp_roads_meet() began came to nothing. Not from inside it. */
    void (*refused)(void *node, const struct peer_id *id, const struct addr *to);
};

struct tcp_roads {
    const struct desk *node; /* borrowed; NULL: not started */
    const struct tcp_roads_events *events;
    struct hub_carrier carrier;
    struct tls_identity *identity; /* NULL: we do not listen for TLS */
    struct tcp_door door[TCP_DOORS_MAX];
    size_t doors;
    struct list roads;  /* of struct road */
    struct map by_via;  /* the same */
    struct list wishes; /* of struct wish: peers to be dialled, and when */
    uint64_t secret[2];
    struct bucket calls[TCP_STREETS];
    unsigned count, wish_count;
    uint16_t port[2]; /* local one of connections to relays, STUN servers and peers that are met
                         half-way, by IPv4 and IPv6; 0: not chosen */
    struct tcp_door half[2]; /* there */
    instant half_until;      /* is it listened there, and STUN servers are asked; 0: not now */
    struct tcp_stun stun;
    struct addr met[TCP_MET_MAX]; /* a ring */
    unsigned met_next;
    uint32_t last_via;
    instant sweep; /* when to look at what is used */
    struct timer timer;
    bool udp_blocked; /* the last peer was reached over TCP, and by no UDP */
};

/** Begins, listening where the options say. On error writes a line for people to `why`. */
MUST_USE int tcp_roads_start(struct tcp_roads *r, const struct desk *node,
                             const struct tcp_roads_events *events, char *why, size_t why_len);
void tcp_roads_stop(struct tcp_roads *r);

/** A peer is being dialled: over TCP too, if UDP does not do within 3 s. Paths follow by
 *  peer_add_candidate(). */
void tcp_roads_find(struct tcp_roads *r, const struct peer *p);
/** From the peers' events. */
void tcp_roads_on_conn(struct tcp_roads *r, const struct peer *p, struct quic_conn *conn,
                       bool ended);
/** A session has become silent: it may be UDP that is blocked now. */
void tcp_roads_on_doubt(struct tcp_roads *r, const struct quic_conn *conn);
/** No STUN server answers over UDP: there is no use in waiting for it. */
void tcp_roads_udp_blocked(struct tcp_roads *r);
/** Somebody may be met half-way soon (gateway/punch/tcp_open.h): finds out where our connections
 * are seen, and listens at their port, for some seconds. Call again and again while that may be. */
void tcp_roads_prepare(struct tcp_roads *r);
/** Where servers see the connections of our shared port, at most one address of each family.
 * Returns how many: those of which they agree. */
size_t tcp_roads_seen(const struct tcp_roads *r, struct addr out[static 2]);
/** The port itself, where no NAT changes it; 0: nobody listens there. */
uint16_t tcp_roads_port(const struct tcp_roads *r, bool v6);
/** Connects to a peer that connects to us. What comes of it is a path, or `refused`. On error
 *  nothing was begun. */
MUST_USE int tcp_roads_meet(struct tcp_roads *r, const struct peer_id *id, const struct addr *to);
/** Gives up the attempts, at `to` or (NULL) anywhere, that have not come to anything yet. */
void tcp_roads_leave(struct tcp_roads *r, const struct peer_id *id, const struct addr *to);
/** Addresses of ours have come or gone. */
void tcp_roads_network_changed(struct tcp_roads *r);

/** Is the connection of this path TLS? */
bool tcp_roads_is_tls(const struct tcp_roads *r, const struct path *path);
/** Where we listen for TCP and TLS: writes up to `max`, returns how many. */
size_t tcp_roads_listens(const struct tcp_roads *r, struct addr *out, size_t max);
