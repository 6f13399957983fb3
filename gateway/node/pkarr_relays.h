/**
 * Records at pkarr's HTTP relays ([dht] relays): the same signed packets as on the DHT, got and put
 * beside it. All relays are asked at once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/env.h"
#include "gateway/node/desk.h"
#include "gateway/node/dht_desk.h"

/** One record at all relays. Zeroed it is idle. */
struct relays_call {
    const struct desk *node;
    /** A relay has answered a get with this item, verified; or a put: with NULL, it keeps it.
     *  `relay` is its URL. */
    void (*found)(struct relays_call *call, const char *relay, const struct dht_item *item);
    void (*ended)(struct relays_call *call); /* all have */
    uint8_t key[KRPC_KEY_LEN];
    bool puts;
    unsigned running;
    struct relays_one {
        struct http_job job;
        struct relays_call *call;
    } one[NODE_PKARR_MAX];
};

/** Are there any for the network that we are in? */
bool relays_exist(const struct desk *node);
/** Asks all of them for a key's item. call->found() and ended() follow, from the loop. False: there
 *  is nobody to ask, and nothing follows. */
MUST_USE bool relays_get(struct relays_call *call, const struct desk *node,
                         const uint8_t key[static KRPC_KEY_LEN]);
/** Gives all of them a signed item. As relays_get(). */
MUST_USE bool relays_put(struct relays_call *call, const struct desk *node,
                         const struct dht_item *item);
/** Nothing follows after that. Fine on an idle one. */
void relays_cancel(struct relays_call *call);
