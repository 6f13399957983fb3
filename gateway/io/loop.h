/**
 * The event loop: readiness of descriptors, timers, deferred work, and libuv beside them.
 *
 * Sockets live in an edge-triggered epoll set of our own, registered once each; libuv (signals,
 * processes, thread pool, c-ares) is a member of that set through its backend descriptor, and is
 * run when it has something. One turn: wait, tell watches, fire timers, run deferred work.
 *
 * Handlers may start, stop and close any watch, their own and those with events still waiting in
 * the same turn: what is stopped is told nothing more, and its memory may go at once.
 *
 * io_loop_free() needs all watches stopped and, of libuv's handles, all closed or closing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sys/epoll.h>

#include <uv.h>

#include "gateway/base/attr.h"
#include "gateway/base/clock.h"
#include "gateway/base/env.h"
#include "gateway/base/list.h"

struct io_loop;

/** Embed one for each descriptor; zeroed it is stopped. */
struct io_watch {
    /** `events` are EPOLL* bits, 0 for a turn asked for by io_watch_again(). */
    void (*ready)(struct io_watch *w, uint32_t events);
    struct list again;
    int fd;
    unsigned slot; /* the loop's: place in the batch being told, 0 for none */
};

#define IO_SCRATCH 65536 /* bytes of io_loop_scratch(): one full receive of datagrams */
#define IO_MANY    16

MUST_USE int io_loop_new(struct io_loop **out);
/** Returns 0, or UV_EBUSY (-EBUSY) if somebody left a libuv handle open; then it leaks that. */
int io_loop_free(struct io_loop *l);

/** Turns until io_loop_stop(). */
void io_loop_run(struct io_loop *l);
/** Ends io_loop_run() after the current turn; before it, the next run ends after one turn. */
void io_loop_stop(struct io_loop *l);
/** One turn that waits for events at most until `deadline`; one in the past does not wait. */
void io_loop_turn(struct io_loop *l, instant deadline);

/** For what libuv serves: gateway/io and tests only. */
uv_loop_t *io_loop_uv(struct io_loop *l);

/** Monotonic, read afresh, and never less than before. */
instant io_loop_now(struct io_loop *l);
/** Microseconds since 1970 by the wall clock. */
int64_t io_wall_us(void);

/* As timer_set(), timer_stop(), env_defer() and env_undefer() of gateway/base/env.h. */
void io_loop_timer_set(struct io_loop *l, struct timer *t, instant due);
void io_loop_timer_stop(struct io_loop *l, struct timer *t);
void io_loop_defer(struct io_loop *l, struct deferred *work);
void io_loop_undefer(struct io_loop *l, struct deferred *work);

/** IO_SCRATCH bytes, shared: good until the handler that uses them returns. */
uint8_t *io_loop_scratch(struct io_loop *l);
/** IO_MANY times as much, under the same terms; NULL: no memory. Made at the first call. */
uint8_t *io_loop_scratch_many(struct io_loop *l);

/**
 * Watches `fd`, edge-triggered, for `events` (EPOLLIN, ...). What is ready already is told too.
 * Returns 0 or an errno; -EPERM for a plain file, which is always ready.
 */
MUST_USE int io_watch_start(struct io_loop *l, struct io_watch *w, int fd, uint32_t events);
/** Watches for other events from now on; what is ready already is told again. */
void io_watch_change(struct io_loop *l, struct io_watch *w, uint32_t events);
/** Asks for another turn: not everything was done. Also for a watch that was not started. */
void io_watch_again(struct io_loop *l, struct io_watch *w);
/** The same, but in this turn yet, when all others were told: what that brings can go with what
 * they bring. Once: who asks then is left for the next turn. */
void io_watch_soon(struct io_loop *l, struct io_watch *w);
/**
 * Is the watch whose ready() runs now still there? For after a call that may have closed it: its
 * memory may be gone then.
 */
bool io_watch_survived(const struct io_loop *l);
/** Stops and leaves the descriptor open. */
void io_watch_stop(struct io_loop *l, struct io_watch *w);
/** Stops and closes. For descriptors that no other process shares. */
void io_watch_close(struct io_loop *l, struct io_watch *w);

/** Whether a descriptor is one of the last that are allowed. Connections and flows leave these
 *  alone, so that the owner can still ask what is going on, change it and have it saved. */
bool io_fd_is_kept(int fd);
/** Gives up the reserve descriptor so that one more can be opened. False if it was gone. */
bool io_spare_use(struct io_loop *l);
/** Takes the reserve again. */
void io_spare_refill(struct io_loop *l);
