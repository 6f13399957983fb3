/**
 * The zone's contents: what the gateway's names, peers and ports mean to a DNS client.
 *
 * It is the answer_source of dns/answer on top of gateway/node. Names answer at once, whether the
 * peer can be reached or not. A query for an alias starts to dial that peer, so that the page which
 * follows finds it connected; a query for a bare peer id does not, or any web page could make us
 * dial keys of its choice.
 */
#pragma once

#include "dns/answer.h"
#include "dns/predial.h"
#include "gateway/node/node.h"
#include "gateway/node/pool.h"

struct zone {
    struct node *node;
    const char *suffix;
    bool loopback_v6;        /* our listeners are on ::1 too: AAAA says so */
    struct predial *predial; /* or NULL */
    struct pool *pool;       /* addresses of peers, once they have any, or NULL */
    /** Is https served at port 443 of the peer's own address? NULL: nowhere. */
    bool (*https)(void *arg, const struct peer_id *peer);
    void *https_arg;
};

/** For answer_zone_init(), whose `arg` is a struct zone. */
extern const struct answer_source zone_source;
