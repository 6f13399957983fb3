/**
 * Joins one local socket and one stream of a session, both directions, until both are done.
 *
 * What TCP can say is kept: the end of data travels as such in each direction, a reset arrives as a
 * reset, and who reads slowly slows the writer down, because a side that has no room is simply not
 * read. Bytes go from the socket straight into the stream's own areas and back, so a pump has no
 * buffer; an idle one costs its struct. One turn moves at most PUMP_TURN_MAX bytes a direction and
 * then lets the others have theirs.
 *
 * The owner embeds struct pump, starts it, and gets on_end exactly once (never from inside
 * pump_start()), after which the memory is its own again. Both the socket and the pipe belong to
 * the pump from pump_start() on, also when that fails.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/base/pipe.h"
#include "gateway/wire/preamble.h"

#define PUMP_TURN_MAX (512 * 1024)

struct pump;

struct pump_handler {
    /** Over: socket and pipe were given back. */
    void (*on_end)(struct pump *p);
    /** The far side refused; the local program gets a reset, and on_end follows. May be NULL. */
    void (*on_refused)(struct pump *p, const struct preamble_answer *answer);
    /** Bytes moved in one turn. May be NULL. */
    void (*on_moved)(struct pump *p, size_t to_far, size_t from_far);
};

/** Watches the bytes that pass. All of it is called from a turn and must not end the pump. */
struct pump_filter {
    /** `len` bytes from the socket, on their way to the far side. Returns how many may pass. With
     *  fewer than all the rest is dropped and no more is ever read from the socket. */
    size_t (*outgoing)(struct pump *p, const struct iovec *area, int count, size_t len);
    /** The first `len` bytes of the areas, from the far side, went into the socket. */
    void (*incoming)(struct pump *p, const struct iovec *area, int count, size_t len);
    /** Asked after outgoing() held bytes back: is no answer half-way? */
    bool (*may_stop)(struct pump *p);
    /** Then this comes in place of on_end: the pipe was aborted, the socket is the callee's. */
    void (*on_stopped)(struct pump *p, struct sock *sock);
};

struct pump {
    struct env *env;
    struct sock *sock;
    struct pipe *pipe;
    int (*take_answer)(struct pipe *pipe, struct preamble_answer *out);
    const struct pump_handler *handler;
    const struct pump_filter *filter;
    struct deferred turn;
    uint8_t *first; /* bytes to go before all others: heap, or NULL */
    uint32_t first_at, first_len;
    bool awaiting; /* the far side's answer is still to come */
    bool readable; /* the socket may have more */
    bool writable; /* the socket may take more */
    bool sent_all; /* the socket ended (or was muted), and the far side knows */
    bool got_all;  /* the far side ended, and the socket knows */
    bool muted;    /* the filter held bytes back */
};

struct pump_options {
    struct env *env;
    struct sock *sock;
    struct pipe *pipe;
    /** node_take_answer() where we opened the stream, as the answer comes before its first byte;
     *  NULL where it was read, or is ours to give. */
    int (*take_answer)(struct pipe *pipe, struct preamble_answer *out);
    const struct pump_handler *handler;
    const struct pump_filter *filter; /* or NULL */
    const void *first;                /* bytes already read from the socket, or NULL; copied */
    size_t first_len;                 /* unfiltered */
};

/** Starts. Returns 0, or -ENOMEM with the socket reset and the pipe aborted. */
MUST_USE int pump_start(struct pump *p, const struct pump_options *options);
/** Ends it now with a reset to both sides; no on_end. */
void pump_abort(struct pump *p);
