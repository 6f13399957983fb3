/**
 * This program as a process: signals, limits, news for systemd, and a gateway in the background.
 */
#pragma once

#include <stddef.h>

#include "gateway/base/attr.h"
#include "gateway/io/loop.h"

/* ---- signals ---- */

struct process_signals;

/** Tells of SIGINT, SIGTERM and SIGHUP from the loop until it is stopped. */
MUST_USE int process_signals_start(struct process_signals **out, struct io_loop *loop,
                                   void (*told)(void *arg, int number), void *arg);
/** Fine with NULL. The loop must turn once more before it is freed. */
void process_signals_stop(struct process_signals *s);

/** The id of this process. */
int process_id(void);

/* ---- what a gateway wants of its process ---- */

/** As many descriptors as are allowed, no core dumps (keys are in memory), no SIGPIPE. */
void process_prepare(void);
/** How many descriptors this process may have. */
size_t process_descriptors(void);

/**
 * Tells the service manager (sd_notify(3)), and, with "READY=1", whoever started us by
 * process_spawn_daemon(). Nobody listening is no error.
 */
void process_notify(const char *state);
/** Tells whoever started us by process_spawn_daemon() why it cannot be: the log may be on a full
 *  disk. Whoever was not started so tells nobody. */
void process_complain(const char *text, size_t len);
/** "RELOADING=1" with the time it wants beside it. */
void process_notify_reloading(void);

/* ---- others ---- */

struct process_daemon {
    const char *home;   /* absolute path */
    const char *config; /* absolute path, "-" (then `input` is its text), or NULL */
    const char *input;
    size_t input_len;
    int verbosity; /* below 0: -q, above 0: -v */
};

/**
 * Starts `overlay --home HOME [--config FILE] daemon` in a session of its own, its output to
 * HOME/overlay.log, and waits until it is ready or has ended. Returns 0, or a negative errno with
 * what it complained of, or else the last line of its log, in `why`.
 */
MUST_USE int process_spawn_daemon(const struct process_daemon *options, char *why, size_t why_len);

/** Shows a URL in the person's browser (xdg-open). Does not wait for it. Returns 0 or an errno. */
MUST_USE int process_browse(const char *url);
