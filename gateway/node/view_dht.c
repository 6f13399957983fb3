/* What the gateway does on the DHT, as others in the program may see it. */
#include "gateway/node/members.h"
#include "gateway/node/node_dht.h"

void node_dht_view(struct node *n, struct node_dht_view *out)
{
    struct dht_status status;

    *out = (struct node_dht_view){.mode = n->options.dht};
    record_desk_status(&n->record, &out->record);
    out->exchanging = exchange_desk_counts(&n->exchange, &out->exchange);
    if (!n->dht.dht)
        return;
    dht_get_status(n->dht.dht, env_now(n->env), &status);
    out->serving = status.serving;
    out->nodes = status.nodes + status.nodes6;
    out->answered = status.good + status.good6;
    out->external = status.external;
    out->external6 = status.external6;
    out->items = status.items;
    out->topics = status.topics;
    out->network_size = dht_network_size(n->dht.dht);
    for (size_t i = 0; i < n->dht.sockets; i++)
        out->listen[out->listens++] = n->dht.socket[i].local;
}

struct dht_desk *node_dht(struct node *n)
{
    return &n->dht;
}

void node_resolve(struct node *n, const struct peer_id *id, struct record_wait *w)
{
    record_desk_resolve(&n->record, id, w);
}

const struct record_found *node_record(const struct node *n, const struct peer_id *id)
{
    return record_desk_known(&n->record, id);
}

void node_sign_item(const struct node *n, struct dht_item *item)
{
    dht_item_sign(item, n->keys);
}
