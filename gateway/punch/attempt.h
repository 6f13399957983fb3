/**
 * One round of hole punching between two gateways that already talk over a relay (or any path).
 *
 * A sans-I/O machine: it says which probe to send where, through which socket, with which hop limit
 * and when; the owner writes the probes (quic_conn_guess()), sends them, and tells what came back
 * authenticated. What is a working path, and which one is used, is the path set's business.
 *
 *     punch_sockets()   how many sockets beside the main one it wants open now
 *     punch_output()    while it returns true: probes to send
 *     punch_heard()     an authenticated probe of the peer came in
 *     punch_deadline()  when to call punch_output() again
 *     punch_state()     running, won (a path proved to work both ways), or lost: punch_why()
 *
 * Which strategies are tried, in what order, is a table (gateway/punch/plan.h) over what both NATs
 * do. Bounds, all together: 200 probes/s, 1,024 guesses, 20 probes to any one address that the peer
 * named and that never answered.
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

struct punch;

enum punch_state { PUNCH_RUNNING, PUNCH_WON, PUNCH_LOST };

struct punch_options {
    bool controller; /* we began the round: acts half a round trip later (4.5) */
    instant rtt;     /* of the session as it is, 0: not known */
    struct nat_facts ours, theirs;
    bool guessing; /* both agree to search by birthday and block scan */
    bool v4, v6;   /* families that we have a main socket of */
    void (*random)(void *arg, void *out, size_t len);
    void *arg;
};

/** One probe to be sent. */
struct punch_send {
    unsigned socket; /* 0: the main one of the family of `to`, else 1..punch_sockets() */
    struct addr to;
    int ttl; /* 0: the default */
};

/** Begins a round at `now`: the moment that the other side's consent was sent or received. */
MUST_USE int punch_new(struct punch **out, instant now, const struct punch_options *options);
void punch_free(struct punch *p);

/** One more candidate of the peer; those beyond CANDIDATES_MAX, and known ones, are ignored. */
void punch_add(struct punch *p, instant now, const struct candidate *candidate);
/** What the other side, or our own measurement, newly knows of a NAT. */
void punch_learn(struct punch *p, instant now, const struct nat_facts *ours,
                 const struct nat_facts *theirs);

unsigned punch_sockets(const struct punch *p);
/** Writes the next probe that is due. */
MUST_USE bool punch_output(struct punch *p, instant now, struct punch_send *out);
instant punch_deadline(const struct punch *p);

/** A probe of the peer, authenticated, came from `from` to socket `socket`. */
void punch_heard(struct punch *p, instant now, unsigned socket, const struct addr *from);
/** A path was proved to work both ways: the round is won. */
void punch_proven(struct punch *p, instant now, unsigned socket, const struct addr *remote);

enum punch_state punch_state(const struct punch *p);
/** Why there is no direct path (yet), for people: "their NAT is symmetric with random ports". */
const char *punch_why(const struct punch *p);
/** Probes sent so far, and guesses among them. */
void punch_counts(const struct punch *p, unsigned *probes, unsigned *guesses);

/**
 * May we probe an address that a remote peer named? Not loopback, link-local, multicast, broadcast,
 * unspecified, a port below 1024, or IPv4 in any disguise of IPv6; not one of `own`; and a private
 * address only where `shares_network` says that we are on that network.
 */
bool punch_may_probe(const struct addr *a, const struct addr *own, size_t own_count,
                     bool shares_network);
