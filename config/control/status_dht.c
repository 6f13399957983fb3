#include "config/control/status_dht.h"

#include "config/control/lookup.h"
#include "gateway/node/node_dht.h"

const char *status_dht_mode(enum node_dht mode)
{
    switch (mode) {
    case NODE_DHT_OFF:
        return "off";
    case NODE_DHT_CLIENT:
        return "client";
    case NODE_DHT_SERVER:
        return "server";
    case NODE_DHT_ADAPTIVE:
        return "adaptive";
    }
    return "off";
}

static const char *record_state(enum record_state state)
{
    switch (state) {
    case RECORD_OFF:
        return "off";
    case RECORD_WAITING:
        return "waiting";
    case RECORD_LOOKING:
        return "looking";
    case RECORD_STORING:
        return "storing";
    }
    return "off";
}

static json_t *record_json(struct command_context *c, const struct record_status *r)
{
    bool stored = r->seq != 0;

    return json_pack("{s:s, s:o, s:o, s:o, s:I, s:I}", "state",
                     stored && r->state == RECORD_WAITING ? "published" : record_state(r->state),
                     "seq", stored ? json_integer(r->seq) : json_null(), "age_s",
                     stored ? json_integer((json_int_t)((env_now(c->env) - r->when) / SEC(1)))
                            : json_null(),
                     "nodes", stored ? json_integer(r->nodes) : json_null(), "relays",
                     (json_int_t)r->relays, "left_out", (json_int_t)r->left_out);
}

json_t *status_exchange(struct command_context *c)
{
    struct node_dht_view v;

    node_dht_view(c->node, &v);
    const struct exchange_counts *x = &v.exchange;
    return json_pack("{s:b, s:i, s:i, s:I, s:I, s:I, s:I, s:I}", "on", v.exchanging, "contacts",
                     (int)x->contacts, "known", (int)x->known, "taken", (json_int_t)x->taken,
                     "forged", (json_int_t)x->forged, "old", (json_int_t)x->old, "unwanted",
                     (json_int_t)x->unwanted, "dropped", (json_int_t)x->dropped);
}

json_t *status_dht(struct command_context *c)
{
    struct node_dht_view v;
    json_t *listen = json_array();

    node_dht_view(c->node, &v);
    bool off = v.mode == NODE_DHT_OFF;
    for (size_t i = 0; i < v.listens; i++)
        (void)json_array_append_new(listen, addr_json(&v.listen[i]));
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:I, s:I, s:o}", "mode", status_dht_mode(v.mode),
        "nodes", off ? json_null() : json_integer(v.nodes), "answered",
        off ? json_null() : json_integer(v.answered), "listen", listen, "serving", v.serving,
        "external", addr_json(&v.external), "external_v6", addr_json(&v.external6), "size",
        v.network_size ? json_integer((json_int_t)v.network_size) : json_null(), "items",
        (json_int_t)v.items, "topics", (json_int_t)v.topics, "record", record_json(c, &v.record));
}
