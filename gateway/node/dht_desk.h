/**
 * The gateway's node of the BitTorrent DHT (gateway/discovery/dht.h) on sockets of its own: started
 * from the nodes of last time and from bootstrap hosts, asked by whoever embeds a struct dht_call.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/discovery/dht.h"
#include "gateway/node/desk.h"

#define DHT_FILE      "dht.nodes" /* our id and the nodes of last time, as dht_save() writes them */
#define DHT_PORT_FILE "dht.port"  /* of the last run */

/** A request under way. Zeroed it is idle. */
struct dht_call {
    /** Values, peers, samples and the end of it; after DHT_DONE it is idle. May ask anew. */
    void (*event)(struct dht_call *call, const struct dht_event *event);
    struct dht_request *request;
};

/** Somebody who has a question before the DHT is entered. Zeroed it is idle. */
struct dht_ready {
    struct list link;
    /** Once, from the loop: nodes answer, or it does not look as if any would soon. */
    void (*ready)(struct dht_ready *w);
};

struct dht_desk {
    const struct desk *node; /* borrowed; NULL: not started */
    struct dht *dht;         /* NULL: switched off */
    struct dht_socket {
        struct udp_socket *socket; /* NULL: a family that this machine does not have */
        struct addr local;
    } socket[NODE_DHT_LISTEN_MAX];
    size_t sockets;
    struct timer timer, save, retry;
    bool seeded;         /* with nodes to begin with */
    struct list waiting; /* of struct dht_ready */
    struct timer patience;
    struct deferred pump;
    struct dht_host {
        struct lookup lookup;
        struct dht_desk *desk;
    } host[NODE_BOOTSTRAP_MAX];
    instant retry_after; /* seconds of the next pause; it doubles */
};

/** Starts it as node_options say. Returns 0, also when it is switched off; or an error, with a line
 *  for people in `why`. */
MUST_USE int dht_desk_start(struct dht_desk *d, const struct desk *node, char *why, size_t why_len);
/** Saves the nodes that we know; calls under way end without an event. Fine on a zeroed struct. */
void dht_desk_stop(struct dht_desk *d);

/** Somebody else found out whether strangers reach us (adaptive mode). */
void dht_desk_set_reachable(struct dht_desk *d, bool reachable);

/** Calls w->ready() when it makes sense to ask: soon, when there is nothing to wait for. */
void dht_desk_when_ready(struct dht_desk *d, struct dht_ready *w);
/** It is not called then. Does nothing to an idle one. */
void dht_desk_not_waiting(struct dht_ready *w);

/**
 * Asks: as the functions of gateway/discovery/dht.h that have the same names. call->event() follows
 * from the loop, DHT_DONE last. Returns 0; -EOPNOTSUPP: the DHT is switched off; -EBUSY: too many
 * requests are under way.
 */
MUST_USE int dht_desk_get(struct dht_desk *d, struct dht_call *call,
                          const uint8_t key[static KRPC_KEY_LEN], struct krpc_bytes salt,
                          int64_t min_seq);
MUST_USE int dht_desk_peek(struct dht_desk *d, struct dht_call *call,
                           const uint8_t key[static KRPC_KEY_LEN], struct krpc_bytes salt,
                           int64_t min_seq, const struct dht_near *near);
MUST_USE int dht_desk_get_immutable(struct dht_desk *d, struct dht_call *call,
                                    const struct dht_id *target);
MUST_USE int dht_desk_put(struct dht_desk *d, struct dht_call *call, const struct dht_item *item,
                          const int64_t *cas);
MUST_USE int dht_desk_announce(struct dht_desk *d, struct dht_call *call,
                               const struct dht_id *infohash, uint16_t port);
MUST_USE int dht_desk_peers(struct dht_desk *d, struct dht_call *call,
                            const struct dht_id *infohash);
MUST_USE int dht_desk_sample(struct dht_desk *d, struct dht_call *call,
                             const struct dht_id *target);
MUST_USE int dht_desk_ping(struct dht_desk *d, struct dht_call *call, const struct addr *node);
/** No event comes after that. Does nothing to an idle call. */
void dht_desk_cancel(struct dht_desk *d, struct dht_call *call);
