/**
 * The parts of struct tcp_roads, for the files that make it up: tcp_life.c (listening, carrying,
 * closing), tcp_dial.c (whom to dial, and when) and tcp_half.c (who is met half-way).
 */
#pragma once

#include "gateway/node/tcp_road.h"
#include "gateway/node/tcp_roads.h"

/** One connection. */
struct road {
    struct list link;
    struct tcp_roads *roads;
    struct path path;
    struct addr to;    /* whom we dialled, or who called */
    struct peer_id id; /* whom we dialled */
    unsigned failures; /* to reach it, in a row, before */
    bool tls;
    bool bound;    /* to the local port that those to relays share */
    bool opening;  /* both ends dial at once */
    bool asked;    /* by a STUN client */
    bool proven;   /* a session has used it */
    instant since; /* when it began */
    instant used;  /* when a session was last seen to use it */
    instant heard; /* what that session said then, by its own clock */
    struct tcp_road tcp;
};

/* tcp_life.c */

/** Dials. The events follow; on error there are none. */
MUST_USE int tcp_roads_dial(struct tcp_roads *r, const struct peer_id *id,
                            const struct tcp_place *place, unsigned failures);
/** Dials a peer that dials us at the same moment, from the port that relays see. */
MUST_USE int tcp_roads_open(struct tcp_roads *r, const struct peer_id *id,
                            const struct tcp_place *place);
/** Ends one without a word. */
void tcp_roads_close(struct road *road);
/** Somebody calls at a struct tcp_door. */
extern const struct listen_handler TCP_DOOR_HANDLER;
/** Sets the timer anew, after anything that it depends on. */
void tcp_roads_set_timer(struct tcp_roads *r);

/* tcp_dial.c */

/** Dials one place of a peer, unless that is done. */
void tcp_dial(struct tcp_roads *r, struct peer *p, const struct tcp_place *place,
              unsigned failures);
/** Dials whom it is time to dial. */
void tcp_dial_due(struct tcp_roads *r, instant now);
/** When that is the next time. */
instant tcp_dial_deadline(const struct tcp_roads *r);
/** A session goes through a relay, and UDP is blocked here. */
void tcp_dial_relayed(struct tcp_roads *r, const struct peer_id *id);
/** A connection that we dialled was lost, or did not come about: tries again if need be. */
void tcp_dial_again(struct tcp_roads *r, const struct road *lost);
/** Forgets all wishes. */
void tcp_dial_end(struct tcp_roads *r);

/* tcp_half.c */

/** Is it somebody that tcp_roads_meet() was called for lately? */
bool tcp_half_is_met(const struct tcp_roads *r, const struct addr *from);
/** As for tcp_dial. */
void tcp_half_due(struct tcp_roads *r, instant now);
instant tcp_half_deadline(const struct tcp_roads *r);
void tcp_half_end(struct tcp_roads *r);
