/**
 * `overlay dht` in the gateway: what its questions share. Those about values are in
 * commands_dht_items.c, the others in commands_dht.c.
 */
#pragma once

#include <jansson.h>

#include "config/control/commands.h"
#include "gateway/node/node_dht.h"

struct asking {
    struct call *call;
    const struct verb_of *verb;
    struct dht_call dht;
    struct dht_ready ready;
    struct lookup lookup;
    struct timer timer;
    instant began;
    bool by_key; /* get: `item` has the key */
    struct dht_item item;
    int64_t least; /* seq of a get */
    bool has_cas;
    int64_t cas;
    struct dht_id target;
    uint16_t port;
    struct addr node;
    char host[128]; /* of a ping, where it is no address */
    json_t *found;  /* peers or infohashes, as they were told of */
};

/** What there is to do, by its word. */
struct verb_of {
    const char *name;
    json_t *(*read)(struct asking *a, const json_t *request); /* a refusal, or NULL */
    int (*begin)(struct asking *a); /* NULL: it is over when the DHT is ready */
    json_t *(*sum)(struct asking *a, const struct dht_event *event);
};

/** An id in hexadecimal. */
json_t *dht_id_json(const struct dht_id *id);
/** Adds how the look-up went. Returns `out`. */
json_t *dht_with_counts(json_t *out, const struct dht_event *e);
/** What an error of the DHT means to who asked. */
json_t *dht_error(struct asking *a, int err);

/* ---- values: commands_dht_items.c ---- */

/** The value: as text where it is some, and byte by byte; what is no byte string as it is encoded.
 */
json_t *dht_item_json(const struct dht_item *item);
json_t *dht_read_get(struct asking *a, const json_t *request);
int dht_begin_get(struct asking *a);
json_t *dht_sum_get(struct asking *a, const struct dht_event *e);
json_t *dht_read_put(struct asking *a, const json_t *request);
int dht_begin_put(struct asking *a);
json_t *dht_sum_put(struct asking *a, const struct dht_event *e);
