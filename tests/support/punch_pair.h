/**
 * Two rounds of punching joined through two routers (tests/natlab/nat.h), with a virtual clock and
 * perfect knowledge of what the routers do: no session, no sockets. A probe that arrives is
 * answered at once, as the path set does.
 *
 * Every probe is checked against the bounds of gateway/punch/attempt.h.
 */
#pragma once

#include "gateway/punch/attempt.h"
#include "tests/natlab/nat.h"

#define PAIR_FLIGHT_MAX 512

struct pair_options {
    const struct nat_preset *left, *right;
    uint64_t seed;
    instant latency; /* of the way between them, one way */
    instant skew;    /* the right side, which asked for the round, begins so much later */
    instant rtt;     /* what both believe of the relay; 0: they do not know */
    unsigned loss;   /* of 1000 datagrams */
    uint8_t opener_ttl;
    bool no_guessing;
    bool ignorant; /* the classes are not known */
};

struct pair_datagram {
    instant at;
    struct nat_packet packet;
    bool answer;
};

struct pair_side {
    struct pair *pair;
    struct nat nat;
    struct addr host; /* of its main socket; its further ones have the ports that follow */
    struct addr public_ip;
    struct punch *punch;
    struct nat_facts facts;
    struct candidate candidate; /* as a STUN server saw the main socket */
    instant begins, proven;     /* INSTANT_NEVER: not yet */
    unsigned fresh;             /* last socket that was told */
    struct candidate told;      /* of a fresh socket, on its way to the other side */
    instant told_at;
    instant sent_at[PUNCH_RATE]; /* ring */
    unsigned sent, arrived;
    uint16_t to_port[65536]; /* probes to the other side's address without a hop limit */
};

struct pair {
    struct pair_options options;
    uint64_t chance;
    instant now;
    struct pair_side side[2];
    struct pair_datagram flight[PAIR_FLIGHT_MAX];
    unsigned flying;
};

/** A pair ready to run, 0 being the moment when the left side begins. Free it. */
struct pair *pair_new(const struct pair_options *options);
void pair_free(struct pair *p);
/** Runs until both sides have proved a path, or neither tries any more. True: it is direct. */
bool pair_run(struct pair *p);
/** When the slower side had its path, INSTANT_NEVER: not. */
instant pair_direct_at(const struct pair *p);
