/**
 * The end of a hand-over that a person's program is at: takes the sockets that the gateway gives
 * over a unix socket (gateway/io/give.h), runs a program for each, and tells when one has ended.
 *
 * Signals that ask us to end are told, too, and have no other effect meanwhile.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <signal.h>
#include <sys/types.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/io/give.h"

struct handover {
    int from;    /* -1: nothing more is given */
    int signals; /* signalfd(2) */
    sigset_t before;
};

enum handover_what {
    HANDOVER_SOCKET,  /* `fd`, which is yours, and `text` */
    HANDOVER_PROGRAM, /* `pid` has ended, with `status`, as a shell tells it */
    HANDOVER_SIGNAL,  /* `number` */
    HANDOVER_OVER,    /* nothing more will be given */
};

struct handover_event {
    enum handover_what what;
    char text[GIVE_TEXT_MAX + 1];
    int fd;
    int pid, status;
    int number;
    bool typed; /* at the terminal: programs there have got it as well */
};

#define HANDOVER_FD 3 /* the first behind the standard ones, which every shell can name */

struct handover_program {
    char *const *argv;        /* argv[0] is looked for in PATH; never a shell */
    char *const *environment; /* "NAME=VALUE" beside ours, NULL at the end */
    int fd;                   /* it inherits it as HANDOVER_FD, and it is closed here; or -1 */
};

/** Begins with the connected unix socket `from`, which is taken. Returns 0 or an errno. */
MUST_USE int handover_begin(struct handover *h, int from);
/** Ends it; programs that run go on. */
void handover_end(struct handover *h);
/** Nothing more is to be given. */
void handover_enough(struct handover *h);
/** Waits for the next event. Returns 0 or an errno. */
MUST_USE int handover_wait(struct handover *h, struct handover_event *out);

/** Starts a program. Returns its process id; or an errno, as execvp(3): -ENOENT, -EACCES. */
MUST_USE int handover_start(struct handover *h, const struct handover_program *program);
/** Sends it a signal. */
void handover_kill(int pid, int number);

/** Connects a UDP socket to where alone it is to hear from, and drops what came from elsewhere
 *  before. Returns 0 or an errno. */
MUST_USE int handover_connect(int fd, const struct addr *peer);
