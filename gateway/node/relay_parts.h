/**
 * The parts of struct relay_desk, for the files that make it up: relay_life.c (what happens),
 * relay_cores.c (what the cores of both roles want), relay_find.c (which relay is asked for
 * whom, and what is kept) and relay_notes.c (invites).
 */
#pragma once

#include "gateway/node/relay_desk.h"
#include "gateway/node/relay_site.h"

/** Sets the timer anew, after anything that it depends on. */
void relay_set_timer(struct relay_desk *d);

/** Asks for the peers that have waited for a relay to be connected. */
void relay_find_quests(struct relay_desk *d, struct relay_site *place, struct quic_conn *conn);
/** A peer has a session: circuits to it are paths of that. */
void relay_find_ready(struct relay_desk *d, const struct peer *p, struct quic_conn *conn);
/** Tells a peer whether a path through a relay may still come. */
void relay_find_await(struct relay_desk *d, struct peer *p);

/** Looks at all that is kept: registrations, spare circuits, circuits and relays of no use. */
void relay_find_look(struct relay_desk *d);
/** Is there anything to look at? */
bool relay_find_has_work(const struct relay_desk *d);
#define RELAY_ASK_AGAIN SEC(60)

/** Asks a relay of ours to let others reach us: once on each connection, and while it refuses or
 *  says nothing each minute, as whoever runs it may have come to know us. */
void relay_find_register(struct relay_desk *d, struct relay_site *place, struct quic_conn *conn);

/** For the cores, with a struct relay_desk as their argument. */
extern const struct relay_client_events RELAY_CLIENT_EVENTS;
extern const struct relay_server_events RELAY_SERVER_EVENTS;
/** Sends over circuits: the carrier's function. */
int relay_carry(struct hub_carrier *carrier, const struct quic_tx *tx);
/** Takes in the datagrams that came along with circuits: the early work's function. */
void relay_on_early(struct deferred *work);
/** Forgets them. */
void relay_drop_early(struct relay_desk *d);

/** The relays through which we are reached, but for one (or NULL); with `soon` also those that have
 *  not said yet that they let us. */
size_t relay_places_of(const struct relay_desk *d, const struct peer_id *but, bool soon,
                       struct relay_place *out, size_t max);
/** Says something on a connection. */
void relay_tell(void *arg, void *conn, const struct relay_message *m);
/** Tells a peer through which relays we are reached; `arg` is the desk. */
void relay_tell_ours(void *arg, struct peer *p);

/** A relay of ours lets others reach us through this connection: it is told of our invites. */
void relay_notes_registered(struct relay_desk *d, struct quic_conn *conn);
/** A relay is connected. */
void relay_notes_ready(struct relay_desk *d);
/** A message for which relay_message_of_invites(). */
void relay_notes_on_part(struct relay_desk *d, struct peer *p, struct quic_conn *conn,
                         const struct relay_message *m);
