/**
 * From a host name and port to a service of a peer, with a session to it.
 *
 * A service's own name means that service; a peer's name means the service on the wanted port, or
 * the default one where no port or 80 is wanted: `web` if there is one, else the only TCP service.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "adapters/proxy_state.h"
#include "gateway/node/names.h"
#include "gateway/node/node.h"

enum route_result {
    ROUTE_READY,       /* `peer` and `what` say where to */
    ROUTE_WAITING,     /* `done` will be called */
    ROUTE_OUTSIDE,     /* not under the suffix */
    ROUTE_UNKNOWN,     /* no such peer or service */
    ROUTE_NO_DEFAULT,  /* the peer has several services, none of them the default */
    ROUTE_WRONG_PROTO, /* the service speaks UDP only */
    ROUTE_DENIED,      /* the peer refuses us, or is blocked */
    ROUTE_UNREACHABLE, /* no way to the peer */
    ROUTE_BUSY,        /* too many streams */
};

#define ROUTE_WHY_MAX 400

/** Embed one; zeroed before the first use. */
struct route {
    struct proxy *proxy;
    char host[NAMES_HOST_MAX + 2]; /* as asked */
    struct name_target name;
    uint16_t port; /* wanted, 0: none */
    struct node_wait wait;
    bool waiting;
    void (*done)(struct route *r, enum route_result result);
    /* the result */
    struct peer_id peer;
    struct preamble what;
    uint16_t service_port; /* as the peer's list has it */
    bool raw;
    char why[ROUTE_WHY_MAX]; /* for people, if it is none */
};

/** Begins to look for a route; `done` is called only after ROUTE_WAITING. */
enum route_result route_begin(struct route *r, struct proxy *p, const char *host, uint16_t port,
                              void (*done)(struct route *r, enum route_result result));
void route_cancel(struct route *r);
/** Opens the stream. ROUTE_READY, ROUTE_BUSY or ROUTE_UNREACHABLE. */
enum route_result route_open(struct route *r, struct pipe **out);
