/**
 * The gateway as its desks see it: relays, punching, port mappings and whatever else has a life of
 * its own beside the sessions. A desk is embedded in struct node and knows no more of it than this.
 */
#pragma once

#include "gateway/base/env.h"
#include "gateway/node/hub.h"
#include "gateway/node/node.h"
#include "gateway/peer/peer.h"

struct desk {
    struct env *env;
    struct hub *hub;
    struct registry *registry;
    const struct peer_id *self;
    const struct node_options *options;

    /** The peer of an id, if the gateway has to do with it right now; else NULL. */
    struct peer *(*find)(void *node, const struct peer_id *id);
    /** The same, made if need be; NULL: no memory. It is dropped when nobody uses it. */
    struct peer *(*get)(void *node, const struct peer_id *id);
    /** Visits all of them. The visitor may not make or drop any. */
    void (*each)(void *node, void (*visit)(void *arg, struct peer *p), void *arg);
    /** The registry was changed: it is saved when the loop has handled its batch. */
    void (*save)(void *node);
    void *node;
};
