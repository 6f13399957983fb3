/**
 * A bidirectional byte stream with back-pressure, half-close and reset, as an interface.
 *
 * Implemented by the streams of a session (gateway/transport); used by whoever joins one to a
 * socket. Nothing is copied that need not be: the writer reads from its socket straight into the
 * areas that reserve() names, and the reader writes from the areas that peek() names.
 *
 * Events come through struct pipe_handler, never from inside a call on the same pipe. They are
 * edges: on_readable says that there is something new, on_writable that reserve() works again after
 * it returned 0.
 *
 * Life: the user calls close() or reset() exactly once and does not touch the pipe afterwards; no
 * event comes after that. Until then the pipe stays valid, also after on_reset.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/uio.h>

struct pipe;

/** Why a pipe was reset. On the wire these are QUIC application error codes of a stream. */
enum pipe_reset {
    PIPE_RESET_ABORTED = 1,      /* the far socket was reset, or its program closed it early */
    PIPE_RESET_REFUSED = 2,      /* never opened: the status says why */
    PIPE_RESET_SESSION_LOST = 3, /* the session beneath ended; local only, never on the wire */
    PIPE_RESET_LIMIT = 4,        /* a limit of the receiver was reached */
    PIPE_RESET_PROTOCOL = 5,     /* malformed preamble */
};

struct pipe_handler {
    /** There are new bytes, or the far side's end of data. */
    void (*on_readable)(void *arg);
    /** reserve() returned 0 before, and has room again. */
    void (*on_writable)(void *arg);
    /** The far side aborted, or the session was lost: unread bytes are gone. Comes at most once. */
    void (*on_reset)(void *arg, enum pipe_reset why);
};

struct pipe_ops {
    /**
     * Names up to two areas to be filled in order, and returns how many (0: no room now, or the
     * pipe was reset). They are valid until the next reserve() or commit() on any pipe of the same
     * session or endpoint, which may share them: fill and commit at once, or not at all.
     */
    int (*reserve)(struct pipe *p, struct iovec area[static 2]);
    /** `len` bytes were put into the areas that the last reserve() named. */
    void (*commit)(struct pipe *p, size_t len);
    /** No more bytes will be written: the far side reads an end of data. */
    void (*finish)(struct pipe *p);
    /** Names up to `max` areas that hold received bytes, and returns how many. */
    int (*peek)(struct pipe *p, struct iovec *area, int max);
    /** The first `len` bytes of what peek() names were used; the far side may send as many. */
    void (*consume)(struct pipe *p, size_t len);
    /** The far side has finished and everything it sent was consumed. */
    bool (*at_end)(const struct pipe *p);
    /** Everything written and the end of data were acknowledged by the far side. */
    bool (*drained)(const struct pipe *p);
    /** Aborts both directions and gives the pipe back. */
    void (*reset)(struct pipe *p, enum pipe_reset why);
    /**
     * Gives the pipe back. What was written is still delivered; if finish() was not called or the
     * end of the far side's data not reached, that direction is aborted.
     */
    void (*close)(struct pipe *p);
};

struct pipe {
    const struct pipe_ops *ops;
    const struct pipe_handler *handler;
    void *arg; /* the handler's */
};

/** Hands a pipe to another handler. */
static inline void pipe_attach(struct pipe *p, const struct pipe_handler *handler, void *arg)
{
    p->handler = handler;
    p->arg = arg;
}
