/**
 * The gateway's part in the DHT, for the control server: what it is doing, and its desks to ask
 * through.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/discovery/exchange_types.h"
#include "gateway/node/dht_desk.h"
#include "gateway/node/node.h"
#include "gateway/node/record_desk.h"

struct node_dht_view {
    enum node_dht mode;
    bool serving;             /* answers others, and keeps what they put */
    unsigned nodes, answered; /* that we know; that answered in the last 15 minutes */
    struct addr listen[NODE_DHT_LISTEN_MAX];
    size_t listens;
    struct addr external, external6; /* as other nodes see us, or none */
    uint64_t network_size;           /* nodes that there are, about; 0: not known */
    unsigned items, topics;          /* kept for others */
    struct record_status record;     /* ours */
    bool exchanging;                 /* peer exchange is on */
    struct exchange_counts exchange;
};

void node_dht_view(struct node *n, struct node_dht_view *out);
/** To ask by dht_desk_get() and the like. Valid once the gateway has started. */
struct dht_desk *node_dht(struct node *n);
/** Looks a peer's record up, unless what is known is fresh. w->done() follows. */
void node_resolve(struct node *n, const struct peer_id *id, struct record_wait *w);
/** What is known of a peer's record, without looking; or NULL. Borrowed until the loop runs again.
 */
const struct record_found *node_record(const struct node *n, const struct peer_id *id);
/** Signs an item as ours. */
void node_sign_item(const struct node *n, struct dht_item *item);
