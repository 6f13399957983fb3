/**
 * Two endpoints joined by two ways, each with a bandwidth, a delay and a queue of its own, and one
 * stream between them that carries a known pattern; under a virtual clock.
 *
 * The first way is meant for a relay's circuit or a TURN server, the second for a straight path.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/transport/quic.h"

#define MBIT UINT64_C(125000) /* bytes/s */

enum { DIALLER = 0, ACCEPTOR = 1, RELAY = 0, DIRECT = 1, WAYS = 2 };

struct ways_packet {
    struct ways_packet *next;
    instant due;
    size_t len;
    uint8_t data[];
};

/* One direction of a way. */
struct ways_lane {
    struct ways_packet *first, **end;
    instant free_at; /* the bottleneck */
};

struct ways_way {
    enum path_kind kind;
    instant delay;
    uint64_t rate; /* bytes/s */
    size_t queue;  /* bytes */
    unsigned loss; /* per mille */
    bool cut;
    size_t mtu; /* of payload, 0: any */
    struct addr end[2];
    struct ways_lane to[2];
};

struct ways_side {
    struct two_ways *world;
    int index;
    struct keys keys;
    struct quic_endpoint *ep;
    struct quic_conn *conn;
    struct pipe *pipe;
    enum path_kind kind; /* of the path in use */
    unsigned moved, ended, woken;
};

struct two_ways {
    instant now;
    uint64_t chance;
    struct ways_way way[WAYS];
    struct ways_side side[2];
    int sender;
    uint64_t sent; /* datagrams, by both */
    uint64_t written, received, limit;
    bool wrong;
    instant heard, silence; /* when data came last, and the longest time between two */
};

struct ways_line {
    unsigned mbit;
    instant round_trip;
};

/** Makes a way of this kind, with a queue of a round trip's worth. */
void ways_set(struct two_ways *w, int i, enum path_kind kind, struct ways_line line);
/** Connects the two over the way `first`, and opens the stream; `sender` writes for ever. */
void ways_begin(struct two_ways *w, int sender, int first, struct ways_line relay,
                struct ways_line direct);
/** Ends it; fails the test if a byte was wrong or a session ended. */
void ways_end(struct two_ways *w);
void ways_run(struct two_ways *w, instant span);
/** A way as a side sees it. */
struct path ways_path(const struct two_ways *w, int side, int way);
/** Writes on, after `limit` was raised. */
void ways_write(struct ways_side *s);
