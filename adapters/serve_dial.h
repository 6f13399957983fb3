/**
 * Connects to the target of a service: its addresses one after the other, or its unix socket.
 *
 * Embed it, start it, and `done` is called once, never from inside serve_dial_start(), unless it is
 * cancelled first. A name is looked up before, where the owner has a way to do so.
 */
#pragma once

#include <stddef.h>

#include "adapters/serve_target.h"
#include "gateway/base/env.h"

#define SERVE_DIAL_TIMEOUT SEC(10) /* for all addresses together */

/** A look-up of a host name; embed one. `done` gets 0 and addresses (port 0), or an error. */
struct serve_lookup {
    void (*done)(struct serve_lookup *l, int err, const struct addr *found, size_t count);
    void *state; /* the resolver's */
};

/** Looks names up. Never calls `done` from inside start(), nor after cancel(). */
struct serve_resolver {
    int (*start)(void *arg, const char *host, struct serve_lookup *l);
    void (*cancel)(void *arg, struct serve_lookup *l);
    void *arg;
};

/** What must not be dialled: our own proxy, DNS server and control socket, as they are now. */
struct serve_own {
    bool (*is_address)(void *arg, const struct addr *a);
    bool (*is_path)(void *arg, const char *path);
    void *arg;
};

struct serve_dial {
    struct env *env;
    const struct serve_resolver *resolver; /* or NULL */
    const struct serve_own *own;           /* or NULL */
    bool speaks;                           /* there are bytes for the target already */
    /**
     * 0 and the connected socket, which has no handler any more and is the callee's; or an error:
     * -ECONNREFUSED, -ETIMEDOUT, -EMFILE, -EPERM (not to be dialled), -EINVAL (no target), or what
     * connecting to the first address said. `remote` is none for a unix socket.
     */
    void (*done)(struct serve_dial *d, int err, struct sock *sock, const struct addr *remote);

    void *arg; /* the caller's */

    struct serve_target target;
    bool off_host, looking_up;
    size_t next; /* address to be tried */
    int error;   /* the first */
    struct sock *sock;
    struct timer timer;
    struct deferred later;
    struct serve_lookup lookup;
};

/** Begins; the fields above `target` are set by the caller. `service` is borrowed for the call. */
void serve_dial_start(struct serve_dial *d, const struct service *service);
void serve_dial_cancel(struct serve_dial *d);
