/**
 * One round of hole punching between two gateways that already talk over a relay (or any path).
 *
 * A sans-I/O machine: it says which probe to send where, through which socket, with which hop limit
 * and when; the owner writes the probes (quic_conn_guess()), sends them, and tells what came back
 * authenticated. What is a working path, and which one is used, is the path set's business.
 *
 *     punch_sockets()   how many sockets beside the main one it wants open now
 *     punch_fresh()     which of them the other side must be told about, as a candidate
 *     punch_output()    while it returns true: probes to send
 *     punch_heard()     an authenticated probe of the peer came in
 *     punch_wants_tcp() it may soon say where to connect over TCP: punch_send.tcp
 *     punch_deadline()  when to call punch_output() again
 *     punch_state()     running, won (a path proved to work both ways), or lost: punch_why()
 *
 * Which strategies are tried, in what order, is a table (gateway/punch/plan.h) over what both NATs
 * do. Both sides run the same table by the clock, so that the one searches while the other is open.
 *
 * Bounds: in any second PUNCH_RATE probes of all rounds together; in a round PUNCH_GUESSES_MAX
 * guesses, all to one IP address that the peer named, mass openings of our own NAT included; and
 * PUNCH_PER_ADDRESS probes to any one address and port. A probe with a hop limit is not counted
 * there: it ends in our own network.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/bucket.h"
#include "gateway/base/clock.h"
#include "gateway/wire/candidate.h"

#define PUNCH_SOCKETS_MAX 256 /* beside the main one */
#define PUNCH_RATE        200 /* probes/s */
#define PUNCH_GUESSES_MAX 1024
#define PUNCH_PER_ADDRESS 20

struct punch;

enum punch_state { PUNCH_RUNNING, PUNCH_WON, PUNCH_LOST };

struct punch_options {
    bool controller; /* we asked for the round; who answers waits half a round trip longer, so that
                        both begin together */
    instant rtt;     /* of the session as it is, 0: not known */
    struct nat_facts ours, theirs;
    bool guessing; /* both agree to search by birthday and block scan */
    bool v4, v6;   /* families that we have a main socket of */
    bool tcp;      /* we can connect over TCP, and have no path over it */
    void (*random)(void *arg, void *out, size_t len);
    /** Has our NAT a mapping for this address and the main socket already, from an earlier round?
     *  NULL: for none. */
    bool (*has_mapping)(void *arg, const struct addr *to);
    void *arg; /* of both */
    /** Of all rounds of a gateway together: zeroed at first, borrowed, outlives them. NULL: the
     *  round's own. */
    struct bucket *rate;
};

/** One probe to be sent, or (`tcp`) a connection to be made. */
struct punch_send {
    bool tcp; /* connect to `to`, from the port that the peer was told; nothing else counts, but: */
    bool again; /* it was begun before, and the kernel is about to repeat its SYN: give it up if
                   that is one too many */
    unsigned socket; /* 0: the main one of the family of `to`, else 1..punch_sockets() */
    struct addr to;
    int ttl; /* 0: the default */
};

/** Begins a round at `now`: the moment that the other side's consent was sent or received. */
MUST_USE int punch_new(struct punch **out, instant now, const struct punch_options *options);
void punch_free(struct punch *p);

/** One more candidate of the peer; those beyond CANDIDATES_MAX, and known ones, are ignored. */
void punch_add(struct punch *p, instant now, const struct candidate *candidate);

/** Our NAT, which counts its ports up, gave this one to a mapping just now, to whomever: so many
 * has it made since the port that the peer was told. */
void punch_learn_port(struct punch *p, uint16_t port);
/** True, once, when a mapping should be made just to learn its port. Ask every 100 ms. */
bool punch_wants_port(struct punch *p, instant now);

/** How many sockets beside the main one are to be open now, IPv4; never fewer than before. Ask
 * after punch_output() has returned false: a probe names no socket that was not wanted before. At
 * the end the owner closes those over which no path works. */
unsigned punch_sockets(const struct punch *p);
/** The socket whose address, as a STUN server sees it, the other side needs as one more candidate
 *  (CANDIDATE_REFLEXIVE or _PEER); 0: none. Find out and tell it once, whenever the answer changes.
 */
unsigned punch_fresh(const struct punch *p);
/** Writes the next probe that is due. */
MUST_USE bool punch_output(struct punch *p, instant now, struct punch_send *out);
instant punch_deadline(const struct punch *p);

/** A probe of the peer, authenticated, came from `from` to socket `socket`. */
void punch_heard(struct punch *p, instant now, unsigned socket, const struct addr *from);
/** A path was proved to work both ways: the round is won, after a moment in which candidates that
 *  have not had a check yet get one, for theirs may be the better path. */
void punch_proven(struct punch *p, instant now, unsigned socket, const struct addr *remote);

/** Do we have to know, and the peer be told, where we are seen over TCP (candidates of type
 * CANDIDATE_TCP)? At once where UDP is blocked on either side, else when all that needs UDP has
 * nearly been tried. */
bool punch_wants_tcp(struct punch *p, instant now);
/** A connection to `to` was turned down, or broke before it was of use. */
void punch_refused(struct punch *p, instant now, const struct addr *to);

enum punch_state punch_state(const struct punch *p);
/** Why there is no direct path (yet), for people: "their NAT is symmetric with random ports, and no
 *  guess hit". A string that lasts. */
const char *punch_why(const struct punch *p);
/** What is being tried, or was at the end, for the log: "a birthday search". */
const char *punch_trying(const struct punch *p);
/** Probes sent so far, and guesses among them. */
void punch_counts(const struct punch *p, unsigned *probes, unsigned *guesses);

/** Hops that get a packet out of our NATs, but not to the other side's: as measured, or the usual.
 */
int punch_opener_ttl(const struct nat_facts *ours);

/**
 * May we probe an address that a remote peer named? Not loopback, link-local, multicast, broadcast,
 * unspecified or reserved, a port below 1024, or IPv4 in any disguise of IPv6; not one of `own`
 * (one with port 0 stands for all of its ports); and a private address only where `shares_network`
 * says that we are on that network.
 */
bool punch_may_probe(const struct addr *a, const struct addr *own, size_t own_count,
                     bool shares_network);
