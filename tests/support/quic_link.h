/**
 * Quic endpoints in one process, joined by a made-up network under a virtual clock.
 *
 * Each side has an address or two of its own and may move to another; datagrams take link->delay,
 * and some are lost. A side's streams write a known pattern and check it when reading.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/transport/quic.h"

#define LINK_SIDES   3
#define LINK_STREAMS 8192 /* of one side; later ones take the places of the first */

enum link_mode {
    LINK_READ, /* read everything, check it */
    LINK_ECHO, /* write back what was read */
    LINK_HOLD, /* never read */
};

struct link_side;

struct link_stream {
    struct link_side *side;
    struct quic_conn *conn;
    struct pipe *pipe; /* NULL: given back */
    enum link_mode mode;
    uint64_t to_write, written; /* of the pattern */
    bool finish_after;          /* finish() when to_write is reached */
    uint64_t received;
    bool wrong; /* not the pattern */
    bool ended; /* at_end() */
    bool close_at_end;
    int reset; /* -1, or why */
    unsigned readable, writable;
};

struct link_side {
    struct quic_link *link;
    int index;
    struct keys keys;
    struct addr addr;
    struct addr also; /* a second address: answers from where it was asked; none */
    struct quic_endpoint *ep;
    bool deaf;   /* what is sent to it is lost */
    bool refuse; /* on_identity says no */
    enum link_mode mode;
    unsigned identities, connected, ended, moved, doubts, wakes;
    unsigned offences, there; /* of on_offence, and those of callers who were there */
    enum quic_offence offence;
    unsigned datagrams;
    uint8_t datagram[2048]; /* the last one */
    size_t datagram_len;
    struct peer_id identity;
    struct quic_conn *conn; /* the last one connected, NULL when it ended */
    struct quic_ended why;  /* of the last that ended */
    struct path path;       /* of the last on_path */
    struct link_stream stream[LINK_STREAMS];
    unsigned streams;
    uint64_t sent_packets, sent_bytes, got_packets, got_bytes;
};

struct link_packet {
    struct link_packet *next;
    instant due;
    struct addr from, to;
    size_t len;
    uint8_t data[];
};

struct quic_link {
    instant now;
    instant delay;     /* one way */
    unsigned loss;     /* datagrams of a thousand */
    size_t mtu;        /* bytes of a datagram, 0: any; */
    size_t socket_mtu; /* likewise, and the sender is told */
    uint64_t bytes_ms; /* rate each way in bytes per ms, 0: no limit */
    uint64_t chance;   /* state of the random numbers */
    struct link_packet *first;
    struct link_side side[LINK_SIDES];
    instant busy_until[LINK_SIDES];
    struct addr dead; /* what goes there or comes from there is lost; none */
    /** Sees each datagram before it travels and may change it. False: it is lost. May be NULL. */
    bool (*filter)(struct quic_link *link, int from, uint8_t *data, size_t *len);
    void *filter_arg;
};

/** Starts with two sides, 0 and 1; `options` may be NULL; its keys, handler, random, wake and arg
 *  are filled in. The seed of everything is `seed`. */
void link_init(struct quic_link *link, uint64_t seed, const struct quic_options *options);
void link_deinit(struct quic_link *link);
/** Adds or restarts side `i`, with the same keys and reset key as ever. */
void link_start(struct quic_link *link, int i, const struct quic_options *options);
/** Ends a side without a word, as a crash would. */
void link_stop(struct quic_link *link, int i);

/** Dials from side 0 to 1; the rest follows from link_run(). */
struct quic_conn *link_dial(struct quic_link *link);
struct quic_conn *link_dial_id(struct quic_link *link, const struct peer_id *id);
struct path link_path_to(const struct quic_link *link, int i);
/** Side 0 and 1, connected. */
void link_connect(struct quic_link *link);

void link_run(struct quic_link *link, instant duration);
/** Runs until `flag` is not 0, for at most `limit`. Returns whether it is. */
bool link_run_until(struct quic_link *link, const unsigned *flag, instant limit);
/** Takes what the endpoint has to send. */
void link_flush(struct quic_link *link, int i);
/** A datagram arrives at side `i`. */
void link_inject(struct quic_link *link, int i, const struct addr *from, const uint8_t *data,
                 size_t len);

/** Opens a stream from a side and writes `len` bytes of the pattern to it. */
struct link_stream *link_open(struct quic_link *link, int i, uint64_t len, bool finish);
void link_write(struct link_stream *s);
void link_read(struct link_stream *s);
void link_random(void *arg, void *out, size_t len);
