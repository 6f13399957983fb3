/* Our ids and the nodes that we know, as bytes for the disk: a version, the two ids, then how many
 * IPv4 nodes (2 bytes) and these, as in `nodes`, and the same for IPv6. */
#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/discovery/dht.h"
#include "gateway/discovery/dht_state.h"

enum { FORMAT = 1, NODES4_MAX = 120, NODES6_MAX = 80 };

/* One of each bucket in turn, so that few of them still lead everywhere; the good ones first. */
static size_t pick(const struct dht_routing *r, const struct dht_node **out, size_t max)
{
    size_t n = 0;

    for (unsigned round = 0; round < 2 * DHT_BUCKET_LARGEST; round++)
        for (unsigned i = 0; i <= DHT_ID_BITS && n < max; i++) {
            const struct dht_bucket *b = r->bucket[i];
            unsigned k = round % DHT_BUCKET_LARGEST;
            bool first = round < DHT_BUCKET_LARGEST;
            if (b && k < b->count && (b->node[k].failures == 0) == first)
                out[n++] = &b->node[k];
        }
    return n;
}

static void write_family(struct writer *w, const struct dht_family *f, size_t max)
{
    const struct dht_node *node[NODES4_MAX];
    size_t n = pick(&f->routing, node, max);

    write_be16(w, (uint16_t)n);
    for (size_t i = 0; i < n; i++) {
        uint8_t entry[KRPC_NODE6_LEN];
        write_bytes(w, entry, krpc_put_node(entry, node[i]->id.b, &node[i]->addr));
    }
}

size_t dht_save(const struct dht *d, uint8_t out[static DHT_SAVE_MAX])
{
    struct writer w = writer_over(out, DHT_SAVE_MAX);

    write_u8(&w, FORMAT);
    write_bytes(&w, d->family[0].routing.self.b, DHT_ID_LEN);
    write_bytes(&w, d->family[1].routing.self.b, DHT_ID_LEN);
    write_family(&w, &d->family[0], NODES4_MAX);
    write_family(&w, &d->family[1], NODES6_MAX);
    return writer_len(&w, out);
}

static struct krpc_bytes read_nodes(struct reader *r, size_t size)
{
    size_t len = read_be16(r) * size;
    const uint8_t *at = read_bytes(r, len);
    return (struct krpc_bytes){at, at ? len : 0};
}

int dht_load(struct dht *d, instant now, const uint8_t *data, size_t len)
{
    struct reader r = reader_over(data, len);
    struct krpc_bytes nodes[2];
    struct dht_id id[2];
    const uint8_t *bytes;
    struct addr addr;

    uint8_t format = read_u8(&r);
    read_copy(&r, id[0].b, DHT_ID_LEN);
    read_copy(&r, id[1].b, DHT_ID_LEN);
    nodes[0] = read_nodes(&r, KRPC_NODE4_LEN);
    nodes[1] = read_nodes(&r, KRPC_NODE6_LEN);
    if (r.failed || r.left > 0 || format != FORMAT)
        return -EBADMSG;
    for (unsigned i = 0; i < 2; i++) {
        dht_routing_set_self(&d->family[i].routing, now, &id[i]);
        while (krpc_next_node(&nodes[i], i == 1, &bytes, &addr)) {
            const struct dht_id node = dht_id_from(bytes);
            dht_routing_remember(&d->family[i].routing, now, &node, &addr);
        }
    }
    return 0;
}
