/**
 * The parts of struct tcp_roads, for the files that make it up: tcp_life.c (listening, carrying,
 * closing) and tcp_dial.c (whom to dial, and when).
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
/** Sets the timer anew, after anything that it depends on. */
void tcp_roads_set_timer(struct tcp_roads *r);

/* tcp_dial.c */

/** Dials whom it is time to dial. */
void tcp_dial_due(struct tcp_roads *r, instant now);
/** When that is the next time. */
instant tcp_dial_deadline(const struct tcp_roads *r);
/** A connection that we dialled was lost, or did not come about: tries again if need be. */
void tcp_dial_again(struct tcp_roads *r, const struct road *lost);
/** Forgets all wishes. */
void tcp_dial_end(struct tcp_roads *r);
