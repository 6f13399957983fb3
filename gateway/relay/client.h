/**
 * Our side of the relays that we use: where we are registered, the circuits that lead through them,
 * and the frames of both directions.
 *
 * Each circuit is a path of kind PATH_RELAY with a number of ours as `via`. The owner tells which
 * sessions with relays there are and what the relays say (gateway/wire/relay_message.h); what a
 * session sends over a circuit goes through relay_client_send(), which puts the headers before it,
 * and what relays send comes through relay_client_input(), which takes them off.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/clock.h"
#include "gateway/base/path.h"
#include "gateway/identity/peer_id.h"
#include "gateway/wire/relay_message.h"

#define RELAY_CLIENT_CIRCUITS_MAX 1024
#define RELAY_CLIENT_CIRCUITS_OF  256 /* of them through one relay */
#define RELAY_CLIENT_OPEN_WITHIN  SEC(5)

struct relay_client;

struct relay_client_events {
    /** Says something to the relay on its connection `conn`. */
    void (*tell)(void *arg, void *conn, const struct relay_message *m);
    /** Sends a batch, laid out as struct udp_tx describes, to a relay. 0, or -EAGAIN: nothing was
     *  kept. */
    int (*send)(void *arg, const struct path *to, const uint8_t *data, size_t len, size_t segment);
    /** Datagrams of a session came over a circuit; borrowed, may be scribbled on. */
    void (*deliver)(void *arg, const struct path *path, uint8_t *data, size_t len, size_t segment);
    /** The relay's answer to relay_client_register(). */
    void (*on_registered)(void *arg, void *conn, enum relay_status status);
    /** May this peer call us? */
    bool (*may_call)(void *arg, const struct peer_id *id);
    /** A circuit to a peer is open: we asked for it, or the peer did. What came along with the
     *  peer's request follows by deliver_soon. */
    void (*on_circuit)(void *arg, const struct peer_id *id, const struct path *path, bool incoming);
    /** As deliver, but not before this call of ours has ended: it is to be copied. */
    void (*deliver_soon)(void *arg, const struct path *path, const uint8_t *data, size_t len);
    /** There will be none through this relay: what it said, or -1, nothing within 5 s. The path
     *  that relay_client_open() gave leads nowhere. */
    void (*on_refused)(void *arg, const struct peer_id *id, void *conn, const struct path *path,
                       int status);
    /** Does a session use the circuits to this peer, or may one soon? */
    bool (*is_used)(void *arg, const struct peer_id *id);
    /** A circuit has ended; its path leads nowhere from now on. */
    void (*on_closed)(void *arg, const struct peer_id *id, const struct path *path);
};

MUST_USE int relay_client_new(struct relay_client **out, const struct relay_client_events *events,
                              void *arg);
/** Says nothing to the relays: their sessions end anyway. */
void relay_client_free(struct relay_client *c);

/** Asks the relay behind `conn` to let others reach us: on_registered follows. */
void relay_client_register(struct relay_client *c, void *conn);
/** Asks a relay, whose session is over `path`, for a circuit to a peer, unless one is open or asked
 * for: on_circuit or on_refused follow. Returns 0, -EALREADY (there is one), -EINPROGRESS or
 * -ENOMEM; unless that, `*out` is the path of the circuit. Send over it at once: the first datagram
 * goes along with the request, which waits for it for a millisecond; until the circuit is open
 * others are lost.
 */
MUST_USE int relay_client_open(struct relay_client *c, instant now, void *conn,
                               const struct path *path, const struct peer_id *id, struct path *out);
/** Ends a circuit of ours, without on_closed. Does nothing for a path that is none. */
void relay_client_close(struct relay_client *c, const struct path *path);

/** What a relay said. */
void relay_client_message(struct relay_client *c, instant now, void *conn, const struct path *path,
                          const struct relay_message *m);
/** The session with a relay is over another path now. */
void relay_client_moved(struct relay_client *c, void *conn, const struct path *path);
/** It has ended: so have its circuits (on_closed), and what was asked for (on_refused). */
void relay_client_left(struct relay_client *c, void *conn);

/** Sends a session's datagrams over a circuit. Returns 0 (sent, or lost: no such circuit) or
 *  -EAGAIN: nothing was kept. */
MUST_USE int relay_client_send(struct relay_client *c, const struct path *path, const uint8_t *data,
                               size_t len, size_t segment);
/** Frames that arrived together over `path`. Returns how many bytes from the start are frames of
 *  our circuits, delivered; 0 if the first is none: then it may be for a relay of our own. */
size_t relay_client_input(struct relay_client *c, const struct path *path, uint8_t *data,
                          size_t len, size_t segment);

/** Ends circuits that were of no use the last three times. To be called every few seconds. */
void relay_client_sweep(struct relay_client *c);
void relay_client_tick(struct relay_client *c, instant now);
instant relay_client_deadline(const struct relay_client *c);

/** One circuit as others may look at it. */
struct relay_client_circuit {
    struct peer_id id; /* of the peer at its other end */
    struct path path;
    void *conn; /* the relay's */
    bool open;  /* else asked for */
};

/** Writes up to `max` circuits: those to a peer (NULL: to anybody) through the relay behind `conn`
 *  (NULL: through any). Returns how many there are. */
size_t relay_client_circuits(const struct relay_client *c, const struct peer_id *id,
                             const void *conn, struct relay_client_circuit *out, size_t max);
/** The relay's connection that a circuit goes over, or NULL: no such circuit. */
void *relay_client_conn_of(const struct relay_client *c, const struct path *path);
