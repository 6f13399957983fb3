/* What nodes that lie answer. */
#include <string.h>

#include "gateway/wire/krpc.h"
#include "tests/sim/dht_world_state.h"
#include "tests/support/random.h"

enum { FRIENDS = 16 /* in one answer */ };

static struct krpc_bytes friends(struct dht_world *w, const struct dht_id *target, uint8_t *out)
{
    unsigned at = dht_world_lower(w, target), found = 0;
    size_t len = 0;

    for (unsigned step = 0; step < w->options.nodes && found < FRIENDS; step++) {
        unsigned i =
            (at + w->options.nodes + (step % 2 ? step / 2 + 1 : 0) - (step % 2 ? 0 : step / 2)) %
            w->options.nodes;
        const struct node *n = &w->node[w->sorted[i]];
        if (!n->hostile)
            continue;
        uint8_t entry[KRPC_NODE6_LEN];
        size_t size = krpc_put_node(entry, n->id.b, &n->addr);
        memcpy(out + len, entry, size);
        len += size;
        found++;
    }
    return (struct krpc_bytes){out, len};
}

static void add_lie(struct dht_world *w, const struct krpc *q, struct krpc *m)
{
    static const uint8_t forged[] = "6:forged";

    if (q->method != KRPC_GET || !w->leaked)
        return;
    const struct dht_id target = dht_item_target(&w->leak);
    bool ours = memcmp(q->target, target.b, DHT_ID_LEN) == 0;
    switch (random_below(&w->seed, 3)) {
    case 0: /* an older one, well signed */
        if (!ours)
            return;
        m->value = (struct krpc_bytes){w->leak.value, w->leak.value_len};
        break;
    case 1: /* another key's item, well signed if the asker does not look at the target */
        m->value = (struct krpc_bytes){w->leak.value, w->leak.value_len};
        break;
    default:
        m->value = (struct krpc_bytes){forged, sizeof(forged) - 1};
    }
    m->key = w->leak.key;
    m->sig = w->leak.sig;
    m->has_seq = true;
    m->seq = w->leak.seq + (m->value.at == forged ? 1000 : 0);
}

bool dht_world_lie(struct node *n, const struct node *to, const struct krpc *q)
{
    struct dht_world *w = n->world;
    uint8_t nodes[FRIENDS * KRPC_NODE6_LEN], packet[2048];
    struct krpc m = {.kind = KRPC_REPLY, .t = q->t, .id = n->id.b};

    if (q->kind != KRPC_QUERY || q->method == KRPC_PING)
        return false;
    m.token = (struct krpc_bytes){(const uint8_t *)"lies", 4};
    if (q->method != KRPC_PUT && q->method != KRPC_ANNOUNCE_PEER && q->target) {
        const struct dht_id target = dht_id_from(q->target);
        *(w->options.v6 ? &m.nodes6 : &m.nodes) = friends(w, &target, nodes);
        add_lie(w, q, &m);
    }
    dht_world_transmit(n, &to->addr, packet, krpc_write(&m, packet, sizeof(packet)));
    return true;
}
