/**
 * What the strategies of a punching round share: the round's state, and what a strategy is.
 * For gateway/punch alone.
 *
 * Openers and checks run all the time; beside them one strategy at a time, as the plan says. Each
 * says when it has something to send and writes it when asked; rate and order are the round's.
 */
#pragma once

#include "gateway/punch/attempt.h"
#include "gateway/punch/plan.h"
#include "gateway/punch/tcp_open.h"

#define PUNCH_LEARNT_MAX      8  /* sources that the peer was heard from */
#define PUNCH_CANDIDATE_SENDS 12 /* probes to one candidate; */
#define PUNCH_LEARNT_SENDS    4  /* answers to one source; */
#define PUNCH_GUESS_SENDS     4  /* and guesses: together PUNCH_PER_ADDRESS */

#define PUNCH_TTL_MIN 2 /* hops: as far as the other side of our router */

/* Behind the openers: so much may the clocks of both sides' rounds differ without harm. */
#define PUNCH_CHECKS_AFTER MSEC(120)

#define PUNCH_GUESSED 0x80 /* this search has been there */

/** Where the peer may be. */
struct punch_target {
    struct addr addr;
    unsigned socket;
    enum candidate_type type;
    unsigned rank; /* 0 is tried first */
    bool late;     /* named while the round ran */
    bool opened;
    unsigned step; /* checks sent, by their schedule */
    unsigned sent; /* probes without a hop limit */
    instant start; /* of its checks */
};

/** How far the strategy that runs now has come. Each uses these as it likes; `due` is when it has
 *  something to send. */
struct punch_run {
    instant began, due;
    enum punch_role role;    /* settled when it begins, whatever is learnt meanwhile */
    instant turn;            /* the roles change then, INSTANT_NEVER: they do not */
    unsigned limit;          /* of the round's guesses, up to then */
    unsigned pass, sent;     /* `sent` of this pass */
    unsigned first, sockets; /* its own sockets */
    unsigned tries;          /* that are over */
    bool again;              /* the next one is due, with fresh sockets */
    unsigned targets;        /* candidates that it cares for */
    uint16_t port[16];
};

struct punch_strategy {
    /** The round has come to it; now is p->run.began, and p->run.due unless it says otherwise. */
    void (*begin)(struct punch *p);
    /** Called when p->run.due has come: writes a probe, or returns false after getting ahead
     *  without one; moves p->run.due on, to INSTANT_NEVER at the end. */
    bool (*output)(struct punch *p, instant now, struct punch_send *out);
};

struct punch {
    struct punch_options options;
    enum punch_state state;
    instant began;
    struct bucket *rate, own_rate; /* the first may be the second */
    unsigned probes, guesses;
    unsigned sockets;
    unsigned told;      /* the newest socket of which the peer was told the address */
    unsigned mappings;  /* that our NAT has made since options.ours.last_port, as far as we know */
    instant look;       /* what the next port is, for who counts; INSTANT_NEVER: no need */
    struct addr around; /* the peer's address in the internet, IPv4: all guesses go there */

    struct punch_target candidate[CANDIDATES_MAX], learnt[PUNCH_LEARNT_MAX];
    unsigned candidates, learnts;
    struct tcp_open tcp;
    instant heard; /* last; 0: never */
    bool proven;   /* a path works; the round ends with its step */

    const struct punch_plan *plan;
    unsigned tried; /* bit for each enum punch_way */
    enum punch_way way;
    const struct punch_strategy *strategy; /* NULL: openers and checks alone */
    instant step_began, step_end;
    struct punch_run run;
    uint8_t guesses_to[65536]; /* by port; and PUNCH_GUESSED */
};

extern const struct punch_strategy punch_reroll, punch_two_stage, punch_predict, punch_block,
    punch_birthday, punch_meet, punch_tcp;

/* ---- openers and checks: opener.c, checks.c ---- */

/** When the next opener is due, and that opener. */
instant punch_opener_due(const struct punch *p);
bool punch_opener_output(struct punch *p, struct punch_send *out);
/** The first check of a candidate that is named at `now`. */
instant punch_checks_start(const struct punch *p, instant now);
/** Checks of candidates and, before them, of sources that the peer was heard from. */
instant punch_checks_due(const struct punch *p);
bool punch_checks_output(struct punch *p, instant now, struct punch_send *out);

/* ---- one probe, and sockets: send.c ---- */

/** Hops that get a packet out of our NATs, but not to theirs. */
int punch_ttl(const struct punch *p);
/** Writes a probe to a candidate; false when that has had its share. `new`: our NAT has not seen
 *  this socket and address together. */
bool punch_send_check(struct punch *p, struct punch_target *t, unsigned socket, bool new,
                      struct punch_send *out);
/** Writes an opener, which goes no further than our NATs. */
void punch_send_opener(struct punch *p, const struct addr *to, unsigned socket, bool new,
                       struct punch_send *out);
/** Takes `count` fresh sockets, or fewer when there are no more: run.first, run.sockets. With none
 *  left the strategy has nothing to do. */
void punch_take_sockets(struct punch *p, unsigned count);
/** The peer is to be told the public address of the socket just taken, if there was one left; the
 *  search that follows goes from there. */
void punch_tell(struct punch *p);

/** Writes a guess, or (`ttl` > 0) one of many openers, for a port of the peer's address. False:
 *  that port, or all together, have had their share. */
bool punch_send_guess(struct punch *p, const struct punch_send *probe, uint16_t port,
                      struct punch_send *out);

/* ---- ports: guess.c ---- */

/** Which side shows its ports, and which searches. */
enum punch_role punch_role_of(const struct punch *p, enum punch_way way);
/** Settles p->around, later the newest of that IP address. False: the peer has named none. */
bool punch_find_around(struct punch *p);
/** The port that their NAT gave last, as far as we know. */
uint16_t punch_last_port(const struct punch *p);
/** The port of the n-th mapping after now that their NAT, a sequential one, makes. */
uint16_t punch_port_after(const struct punch *p, unsigned n);
/** Marks a port as guessed. False: it was already, or is below 1024. */
bool punch_guess_port(struct punch *p, uint16_t port);
