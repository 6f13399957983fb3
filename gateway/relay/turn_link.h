/**
 * A TURN client (gateway/relay/turn_client.h) on sockets: UDP, TCP or TLS to the server, all by
 * struct env, so that the simulator drives it too.
 *
 * Callbacks come from the loop, never from inside a call, and after on_failed or on_closed none
 * comes. turn_link_free() may be called from any of them.
 */
#pragma once

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/relay/turn_types.h"

enum turn_link_transport { TURN_LINK_UDP, TURN_LINK_TCP, TURN_LINK_TLS };

struct turn_link;

/** Texts are borrowed for the call. */
struct turn_link_options {
    struct addr server;
    enum turn_link_transport transport;
    enum turn_family family;     /* of the address we want; 0: that of the server */
    const char *host;            /* the server's name or address in its certificate (TLS) */
    const char *user, *password; /* or NULL */
    const char *trust;           /* certificates to trust besides the system's (PEM), or NULL */
};

struct turn_link_handler {
    /** There is an address that peers can send to; told again if the server gives another one. */
    void (*on_ready)(void *arg, const struct addr *relayed);
    /** A peer's way opened (TURN_PEER_OPEN) or was refused (TURN_PEER_REFUSED). */
    void (*on_peer)(void *arg, const struct addr *peer, enum turn_peer_state state);
    /** A datagram of a peer; borrowed, may be scribbled on. */
    void (*on_datagram)(void *arg, const struct addr *peer, uint8_t *data, size_t len, instant now);
    /** It is over. */
    void (*on_failed)(void *arg, enum turn_failure failure, const char *reason);
    /** After turn_link_close(): the address was given back. */
    void (*on_closed)(void *arg);
};

/** Returns 0 or an errno: -EINVAL (credentials too long, trust that is no PEM), -ENOMEM, or that of
 *  the socket. */
MUST_USE int turn_link_new(struct turn_link **out, struct env *env,
                           const struct turn_link_options *options,
                           const struct turn_link_handler *handler, void *arg);
/** At once, without a word to the server (a stream's end tells it). NULL is fine. */
void turn_link_free(struct turn_link *l);
/** Gives the address back to the server; then on_closed. */
void turn_link_close(struct turn_link *l);

/** As turn_client_open(); on_peer follows, unless it is open already. */
MUST_USE int turn_link_open(struct turn_link *l, const struct addr *peer);
void turn_link_shut(struct turn_link *l, const struct addr *peer);

/**
 * Sends datagrams laid out as in struct udp_tx (`segment` 0: one) to an open peer. Returns 0,
 * -ENOTCONN, -EMSGSIZE (over TURN_DATA_MAX), or -EAGAIN: no room now, nothing was kept.
 */
MUST_USE int turn_link_send(struct turn_link *l, const struct addr *peer, const uint8_t *data,
                            size_t len, size_t segment);
