/**
 * Asks a peer about a service that is not in the list it sent us: not allowed, or not there? Only
 * its own answer tells, and a stranger is told the same whatever it asks for.
 */
#pragma once

#include "config/control/call.h"

struct inquiry {
    struct env *env;
    struct pipe *pipe; /* NULL: nothing is asked */
    struct timer timer;
    void (*done)(struct inquiry *q, int err, const struct preamble_answer *answer);
};

/**
 * Asks over the session that is there. `done` comes once, never from inside this call: 0 and the
 * answer, or -ETIMEDOUT, -ECONNRESET or -EBADMSG. Returns 0 or the error of node_open_stream(),
 * then `done` does not come.
 */
MUST_USE int inquiry_start(struct inquiry *q, struct command_context *c, const struct peer_id *peer,
                           const struct preamble *what,
                           void (*done)(struct inquiry *q, int err,
                                        const struct preamble_answer *answer));
/** Ends it without `done`; also when nothing is asked. */
void inquiry_stop(struct inquiry *q);
