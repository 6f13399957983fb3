/**
 * What is done to become direct with one peer. For gateway/node/punch_desk alone.
 *
 * The stages:
 *     REST     there is no session, it is direct as far as we know, or nobody uses it
 *     WAITING  for `due`, to ask the peer for a round
 *     LOOKING  what the next port of our NAT is, to say it in the question or the answer
 *     ASKED    for a round; it has until `due` to agree
 *     RUNNING  a round
 */
#pragma once

#include "gateway/base/bucket.h"
#include "gateway/node/desk.h"
#include "gateway/node/gather.h"
#include "gateway/node/punch_round.h"
#include "gateway/node/stun_desk.h"
#include "gateway/wire/punch_message.h"

enum effort_stage { EFFORT_REST, EFFORT_WAITING, EFFORT_LOOKING, EFFORT_ASKED, EFFORT_RUNNING };

/** What all efforts share. */
struct punch_means {
    const struct desk *node;                 /* borrowed */
    struct gather *gather;                   /* borrowed */
    struct stun_desk *stun;                  /* borrowed */
    struct tcp_roads *tcp;                   /* borrowed; NULL: nobody is met over TCP */
    void (*wake)(struct punch_means *means); /* effort_run() is wanted soon */
    struct list kept;                        /* of struct kept_socket */
    unsigned running;                        /* rounds */
    const struct effort *searching;          /* its round may guess ports, or NULL */
    const struct effort *called;             /* it may ask for a search now, or NULL */
    instant called_until;                    /* when others may too */
    instant searched;                        /* when a round last did, 0: never */
    struct bucket rate;                      /* of the rounds' probes */
    struct punch_common common;              /* what all peers together have spent */
};

struct effort {
    struct list link; /* in the desk's */
    struct punch_means *means;
    struct peer_id id;
    struct quic_conn *conn; /* that is to become direct; NULL: there is no session */
    enum effort_stage stage;
    bool dialled;    /* by us: we ask first */
    bool direct;     /* the round runs although our path is direct: the peer's is not */
    bool met;        /* the session is direct, if over TCP only */
    bool unsearched; /* the last round would need a search, and may not make one */
    bool plain;      /* the round may not search, so soon after one that did */
    bool resting;    /* the session, see struct quic_conn_info */
    uint16_t round;  /* the last one */
    unsigned lost;   /* rounds in a row */
    instant due;
    instant began;   /* the round */
    uint32_t fresh;  /* `via` of the newest socket that the peer has to be told of */
    instant trickle; /* when to look for candidates of ours that the peer was not told */
    uint64_t bytes;  /* of the session, when the last round ended */
    struct punch_round *running;
    struct stun_refresh refresh;  /* LOOKING */
    struct quic_conn *early_conn; /* over which the peer asked, before we used it; or NULL */
    struct punch_message early;
    struct punch_message asked; /* the peer's question while we look; else its type is 0 */
    struct bucket requests;     /* of the peer */
    struct punch_budget budget;
    instant searched;      /* when a round last guessed ports, 0: never */
    instant waits;         /* for its turn to search since then, 0: it does not */
    struct nat_facts said; /* of our NAT, for this round: the peer counts from there */
    struct candidate told[CANDIDATES_MAX];
    size_t told_count;
    struct candidate named[CANDIDATES_MAX]; /* by the peer, in this round */
    size_t named_count;
    struct round_view last; /* round, as far as it is over */
    bool accounted;         /* the one that runs is in there */
    char reason[160];       /* why the last round was lost; "" while there was none */
    char why[224];
};

/** The session was found not to be direct: asks now, or soon if the other side should. */
void effort_begin(struct effort *e, instant now);
/** The session is gone. */
void effort_rest(struct effort *e);
/** The session's path is a direct one. */
void effort_became_direct(struct effort *e);
/** The round has made it direct, over TCP: it will do, until UDP is found to work after all. */
void effort_met(struct effort *e, instant now);
/** Forgets a round under way and asks for one at `due`. */
void effort_restart(struct effort *e, instant due);
/** Does what is due. Returns when there is more to do. */
instant effort_run(struct effort *e, instant now);
/** Takes a message of the peer about punching. */
void effort_message(struct effort *e, instant now, const struct punch_message *m);
/* punch_told.c */

/** Takes candidates that the peer names into the running round, as far as they may be believed. All
 *  are looked at each time: a public address that we share makes private ones of use that came
 *  before. */
void effort_take_candidates(struct effort *e, instant now, const struct punch_message *m);

/* punch_turn.c */

/** May the next round guess ports? */
bool effort_may_search(const struct effort *e);
/** A round begins, which may `search` or not. */
void effort_turn_begin(struct effort *e, bool search);
/** It is no longer its turn, if it was. */
void effort_turn_end(struct effort *e);
/** It had to do without a search, and waits for its turn from `now` on. */
void effort_turn_want(struct effort *e, instant now);
/** Calls who has waited longest when there may be a search: its `due` is `now`. Returns when to
 *  look again. */
instant efforts_call(struct punch_means *m, const struct list *efforts, instant now);

/* punch_say.c */

/** What our NAT is, as far as anybody here knows. */
struct nat_facts effort_facts(const struct effort *e);
/** Asks for a round, or (`ack`) agrees to one. */
void effort_tell_punch(struct effort *e, bool ack);
/** Tells candidates that turned up since. */
void effort_tell_more(struct effort *e);
/** Tells a peer that there is no such round, or none any more. */
void effort_tell_end(struct quic_conn *conn, uint16_t round, enum punch_result result);
/** What the round came to that runs, or was asked for; each is accounted for once. */
void effort_account(struct effort *e, const char *result);
/** As punch_desk_round(). */
void effort_round(const struct effort *e, struct round_view *out);
/** As punch_desk_why(). */
const char *effort_why(struct effort *e, instant now);
