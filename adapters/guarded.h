/**
 * A pump to a service of a peer with the HTTP guard in it (adapters/http_guard.h).
 *
 * A request that is not meant for the peer is answered with a 421 page, once no other answer is on
 * its way, and the connection ends.
 */
#pragma once

#include <stdbool.h>

#include "adapters/farewell.h"
#include "adapters/http_guard.h"
#include "adapters/pump.h"
#include "adapters/site.h"

struct guarded;

struct guarded_handler {
    /** Over; the memory is the owner's again. */
    void (*on_end)(struct guarded *g);
    void (*on_refused)(struct guarded *g, const struct preamble_answer *answer); /* or NULL */
    void (*on_moved)(struct guarded *g, size_t to_far, size_t from_far);         /* or NULL */
};

struct guarded {
    struct pump pump;
    struct http_guard guard;
    struct site site;
    struct farewells *farewells;
    const struct guarded_handler *handler;
};

struct guarded_options {
    struct env *env;
    struct sock *sock;
    struct pipe *pipe;
    int (*take_answer)(struct pipe *pipe, struct preamble_answer *out); /* as in pump_options */
    bool raw;                                                           /* without the guard */
    struct site site;
    struct farewells *farewells;
    const struct guarded_handler *handler;
    const uint8_t *first; /* bytes already read from the socket, or NULL; guarded too */
    size_t first_len;
};

/** As pump_start(), which takes socket and pipe also when it fails; also -EACCES: `first` was
 *  refused, with a page to the client. */
MUST_USE int guarded_start(struct guarded *g, const struct guarded_options *options);
/** As pump_abort(). */
void guarded_abort(struct guarded *g);
