/**
 * Paths over TCP and TLS, for where UDP is blocked: each connection is one path (PATH_TCP), with
 * everything on it that UDP sockets carry to a peer: session packets, probes, relay frames.
 *
 * A relay listens for TLS, on port 443 best of all: from outside that is a web server. Any gateway
 * may listen for plain TCP at the numbers of its UDP sockets. A peer that UDP does not reach within
 * 3 s, or that is connected through a relay only, is dialled in these ways as well; what comes of
 * it is a path like others, and the path set prefers UDP.
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

#define TCP_STREETS   256 /* of callers: addresses share one by chance */
#define TCP_DOORS_MAX (NODE_TLS_LISTEN_MAX + HUB_SOCKETS_MAX)

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
};

struct tcp_roads {
    const struct desk *node; /* borrowed; NULL: not started */
    size_t (*places)(void *node, const struct peer_id *id, struct tcp_place *out, size_t max);
    struct hub_carrier carrier;
    struct tls_identity *identity; /* NULL: we do not listen for TLS */
    struct tcp_door door[TCP_DOORS_MAX];
    size_t doors;
    struct list roads;  /* of struct road */
    struct map by_via;  /* the same */
    struct list wishes; /* of struct wish: peers to be dialled, and when */
    struct list opens;  /* of struct tcp_open: peers to be met half-way */
    uint64_t secret[2];
    struct bucket calls[TCP_STREETS];
    unsigned count, wish_count, open_count;
    uint16_t port[2]; /* local one of connections to relays, by IPv4 and IPv6; 0: not chosen */
    uint32_t last_via;
    instant sweep; /* when to look at what is used */
    struct timer timer;
    bool udp_blocked; /* the last peer was reached over TCP, and by no UDP */
};

/** Begins, listening where the options say. `places` (with desk->node) says where a peer may
 * answer, best first. On error writes a line for people to `why`. */
MUST_USE int tcp_roads_start(struct tcp_roads *r, const struct desk *node,
                             size_t (*places)(void *node, const struct peer_id *id,
                                              struct tcp_place *out, size_t max),
                             char *why, size_t why_len);
void tcp_roads_stop(struct tcp_roads *r);

/** A peer is being dialled: over TCP too, if UDP does not do within 3 s. Paths follow by
 *  peer_add_candidate(). */
void tcp_roads_find(struct tcp_roads *r, const struct peer *p);
/** From the peers' events. */
void tcp_roads_on_conn(struct tcp_roads *r, const struct peer *p, struct quic_conn *conn,
                       bool ended);
void tcp_roads_on_part(struct tcp_roads *r, const struct peer *p, const struct message_part *part);
/** A session has become silent: it may be UDP that is blocked now. */
void tcp_roads_on_doubt(struct tcp_roads *r, const struct quic_conn *conn);
/** No STUN server answers over UDP: there is no use in waiting for it. */
void tcp_roads_udp_blocked(struct tcp_roads *r);
/** Addresses of ours have come or gone. */
void tcp_roads_network_changed(struct tcp_roads *r);

/** Is the connection of this path TLS? */
bool tcp_roads_is_tls(const struct tcp_roads *r, const struct path *path);
/** Where we listen for TCP and TLS: writes up to `max`, returns how many. */
size_t tcp_roads_listens(const struct tcp_roads *r, struct addr *out, size_t max);
