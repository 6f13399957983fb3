/**
 * Relays, both ways: the ones through which we are reached and reach others, and the one that we
 * are for others.
 *
 * A relay is a peer like any other; what is special is said in messages of its session
 * (gateway/wire/relay_message.h). Of the relays that a person configured, each is kept connected
 * and asked to let others reach us; our peers are told which those are. To reach a peer, every
 * relay of its is asked for a circuit, and each of ours too: a circuit is one more path to dial.
 * While a session goes through a relay, circuits through all the others are kept beside it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/node/desk.h"
#include "gateway/node/relay_site.h"
#include "gateway/relay/client.h"
#include "gateway/relay/server.h"

/** Who exchanges notes about invites (gateway/wire/invite_message.h) through relays. */
struct relay_notes {
    /** A note came from `from`, a relay that we know; or if `served`, a peer to which we are one.
     */
    void (*on_note)(void *arg, const struct peer_id *from, bool served, uint32_t token,
                    const uint8_t *data, size_t len);
    /** A relay is connected that was not. */
    void (*on_relay)(void *arg);
    void *arg;
};

struct relay_desk {
    const struct desk *node;     /* borrowed; NULL: not started */
    struct relay_server *server; /* NULL: we relay for nobody */
    struct relay_client *client;
    struct hub_carrier carrier;
    struct list places; /* of struct relay_site: relays that we know of */
    struct relay_doors doors;
    struct list early; /* of struct early: datagrams that came along with a circuit */
    unsigned early_count;
    struct deferred early_work;
    struct relay_notes notes;
    uint8_t invites[RELAY_MESSAGE_INVITES * RELAY_MESSAGE_HANDLE]; /* handles that relays know */
    size_t invite_count;
    struct timer timer;
    size_t spares_from; /* relayed peers whose spares were looked after last time */
    instant look;       /* at what is kept, next; INSTANT_NEVER: nothing is */
};

/** Begins: keeps the configured relays connected. Returns 0 or -ENOMEM. */
MUST_USE int relay_desk_start(struct relay_desk *d, const struct desk *node);
void relay_desk_stop(struct relay_desk *d);

/** Asks every relay that may know a peer for a circuit to it. Paths follow by
 *  peer_add_candidate(), and peer_await() says until when. */
void relay_desk_find(struct relay_desk *d, struct peer *p);
/** As relay_desk_find(), of relays that the peer itself names, as registry_relay_ok() wants them;
 *  empty from the end on. */
void relay_desk_find_at(struct relay_desk *d, struct peer *p,
                        const char relay[static PEER_RELAYS_MAX][PEER_RELAY_MAX + 1]);
/** Where a peer that is a relay may be reached. Writes up to `max` addresses; `*more` is set if
 *  more may follow. */
size_t relay_desk_addresses(struct relay_desk *d, const struct peer_id *id, struct addr *out,
                            size_t max, bool *more);
/** Where a peer that is a relay may take TLS, and by which host name (borrowed until the loop runs
 *  again). As relay_desk_addresses(). */
size_t relay_desk_tls(const struct relay_desk *d, const struct peer_id *id, struct addr *out,
                      size_t max, const char **host);
/** Is this peer one of the relays that we keep connected? */
bool relay_desk_keeps(const struct relay_desk *d, const struct peer_id *id);
/** The addresses, for UDP, of relays that we have sessions with: they answer STUN there. Writes up
 * to `max`, those of ours first, and returns how many. Those that only peers have named cannot
 * outvote the others. */
size_t relay_desk_servers(const struct relay_desk *d, struct addr *out, size_t max);
/** May a stranger connect, because we relay, or because it is a relay of ours? */
bool relay_desk_admits(const struct relay_desk *d, const struct peer_id *id);

/** From the peers' events. */
void relay_desk_on_conn(struct relay_desk *d, struct peer *p, struct quic_conn *conn, bool ended);
void relay_desk_on_part(struct relay_desk *d, struct peer *p, struct quic_conn *conn,
                        const struct message_part *part);
void relay_desk_on_failed(struct relay_desk *d, struct peer *p, const char *why);
/** A session has become silent. */
void relay_desk_on_doubt(struct relay_desk *d, struct quic_conn *conn);

/** Frames, as they came over a path; scribbled on. */
void relay_desk_input(struct relay_desk *d, const struct path *path, uint8_t *data, size_t len,
                      size_t segment);
/** Sockets take datagrams again. */
void relay_desk_on_room(struct relay_desk *d);

/** For `status`: the way to the relay of a circuit, or none if it is gone. */
struct path relay_desk_leg(const struct relay_desk *d, const struct path *path);
/** The relays through which we are reached, as PEER_ID@HOST:PORT, the home relay first. Returns how
 *  many. */
size_t relay_desk_ours(const struct relay_desk *d,
                       char out[static PEER_RELAYS_MAX][PEER_RELAY_MAX + 1]);

/* ---- invites (relay_notes.c) ---- */

void relay_desk_take_notes(struct relay_desk *d, const struct relay_notes *notes);
/** Tells the relays through which we are reached, now and later ones, which invites of ours are
 *  open: `count` handles, at most RELAY_MESSAGE_INVITES. */
void relay_desk_set_invites(struct relay_desk *d, const uint8_t *handles, size_t count);
/** Has our relays pass a question on to whoever has that invite; one of them alone if `relay` is
 *  given, PEER_ID@HOST:PORT as a ticket names it, which is connected to if need be. Returns how
 * many could be asked. */
unsigned relay_desk_seek(struct relay_desk *d, const char *relay, const uint8_t *note, size_t len);
/** Answers a note, to whom on_note named. */
void relay_desk_say(struct relay_desk *d, const struct peer_id *to, bool served, uint32_t token,
                    const uint8_t *note, size_t len);
/** Writes the relays of ours that a ticket may name: up to `max`, returns how many. */
size_t relay_desk_places(const struct relay_desk *d, struct relay_place *out, size_t max);
