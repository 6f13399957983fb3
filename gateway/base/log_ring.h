/**
 * The last lines of the log, kept in memory for who asks, and those who follow it.
 *
 * Entries are numbered from 1 on. LOG_RING_MAX of them are kept; each takes what its texts need.
 * A follower is told that there are more, and reads them when it likes; what is gone by then, it
 * has missed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/list.h"
#include "gateway/base/log.h"

#define LOG_RING_MAX 512

struct log_kept {
    int64_t wall_us; /* since 1970 */
    struct log_entry entry;
    char text[]; /* what the entry points to */
};

struct log_ring {
    struct log_kept *kept[LOG_RING_MAX]; /* entry N is at N % LOG_RING_MAX */
    uint64_t last;                       /* the latest entry's number, 0: there was none */
    struct list followers;
};

struct log_follower {
    struct list link;
    /** There is one more entry. Called while it is being logged: do nothing but make a note. */
    void (*more)(struct log_follower *f);
};

void log_ring_init(struct log_ring *r);
/** Forgets all entries; there are no followers any more. */
void log_ring_deinit(struct log_ring *r);
/** Keeps a copy. Without memory the entry is missing. */
void log_ring_add(struct log_ring *r, int64_t wall_us, const struct log_entry *entry);
/** The oldest entry from number `*next` on, borrowed until the next is added, and `*next` is that
 *  of the one behind it; NULL: there is none yet. */
const struct log_kept *log_ring_read(const struct log_ring *r, uint64_t *next);
/** The number of the first of the last `count` entries that there may be. */
uint64_t log_ring_tail(const struct log_ring *r, uint64_t count);

void log_ring_follow(struct log_ring *r, struct log_follower *f);
void log_ring_leave(struct log_follower *f);
