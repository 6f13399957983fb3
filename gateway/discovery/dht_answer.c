/* What answers mean to a request. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/discovery/dht_state.h"

enum {
    NODES_TAKEN = 24, /* of one reply and family: nobody fills our list alone */
    PORT_MIN = 1024,  /* below are services that have nothing to do with a DHT */
};

/* May a stranger send us there? Not into our own network, which he cannot reach himself. */
static bool may_name(const struct addr *from, const struct addr *named)
{
    return !dht_addr_is_local(named) || dht_addr_is_local(from);
}

/* ---- nodes ---- */

static bool is_us(const struct dht *d, bool v6, const struct dht_id *id)
{
    return dht_id_equal(id, &d->family[v6].routing.self);
}

static void take_nodes(const struct dht *d, struct dht_lookup *l, struct krpc_bytes in,
                       uint8_t path, const struct addr *from)
{
    const uint8_t *bytes;
    struct addr addr;

    for (unsigned i = 0; l && i < NODES_TAKEN && krpc_next_node(&in, l->v6, &bytes, &addr); i++) {
        const struct dht_id id = dht_id_from(bytes);
        if (may_name(from, &addr) && addr_port(&addr) >= PORT_MIN && !is_us(d, l->v6, &id))
            dht_lookup_add(l, &id, &addr, path);
    }
}

/* ---- values ---- */

static bool is_best(const struct dht_request *r, const struct krpc *m)
{
    const struct dht_item *b = &r->best;

    if (!r->has_best || m->value.len != b->value_len ||
        memcmp(m->value.at, b->value, b->value_len) != 0)
        return false;
    if (!b->mutable)
        return true;
    return m->key && m->sig && m->has_seq && m->seq == b->seq &&
           memcmp(m->key, b->key, sizeof(b->key)) == 0 &&
           memcmp(m->sig, b->sig, sizeof(b->sig)) == 0;
}

static void take_value(struct dht *d, instant now, struct dht_request *r, struct dht_candidate *c,
                       const struct krpc *m)
{
    struct dht_item item;
    const struct krpc_bytes salt = {r->item.salt, r->item.salt_len};

    if (!m->value.at)
        return;
    if (!is_best(r, m)) {
        if (dht_item_read(&item, m, salt, &r->target) != 0 || item.mutable != r->item.mutable) {
            d->count.forged++;
            return;
        }
        if (item.mutable && item.seq < r->min_seq)
            return;
        c->has_seq = item.mutable;
        c->seq = item.seq;
        int order = r->has_best ? dht_item_compare(&item, &r->best) : 1;
        r->copies += order == 0;
        if (order <= 0)
            return;
        r->best = item;
        r->has_best = r->news = true;
        r->copies = 0;
        if (r->first == 0)
            r->first = now;
    }
    r->copies++;
    c->has_seq = r->best.mutable;
    c->seq = r->best.seq;
}

/* ---- peers ---- */

static void take_peers(struct dht_request *r, instant now, struct krpc_bytes in,
                       const struct addr *from)
{
    struct addr peer;

    if (in.at && !r->peer)
        r->peer = calloc(DHT_PEERS_MAX, sizeof(*r->peer));
    while (r->peer && r->peers < DHT_PEERS_MAX && krpc_next_peer(&in, &peer)) {
        size_t i = 0;
        while (i < r->peers && !addr_equal(&r->peer[i], &peer))
            i++;
        if (i < r->peers || !dht_addr_is_usable(&peer) || !may_name(from, &peer))
            continue;
        r->peer[r->peers++] = peer;
        if (r->first == 0)
            r->first = now;
    }
}

/* ---- answers ---- */

static void looked_up(struct dht *d, instant now, struct dht_request *r, const struct addr *from,
                      const struct krpc *m)
{
    struct dht_lookup *l = r->lookup[addr_is_v6(from)];
    struct dht_candidate *c = dht_lookup_find(l, from);

    if (!c || c->state != DHT_ASKED)
        return;
    if (m && m->kind == KRPC_ERROR && r->what == DHT_SAMPLE_NODES &&
        dht_sample_refused(d, now, from)) {
        c->state = DHT_NEW;
        return;
    }
    if (!m || m->kind != KRPC_REPLY) {
        dht_lookup_failed(c);
        return;
    }
    const struct dht_id id = dht_id_from(m->id);
    if (is_us(d, l->v6, &id)) {
        dht_lookup_failed(c);
        return;
    }
    c = dht_lookup_answered(l, c, &id);
    if (!c)
        return;
    c->token_len = (uint8_t)m->token.len;
    if (m->token.len > 0)
        memcpy(c->token, m->token.at, m->token.len);
    if (r->what == DHT_GET_ITEM || r->what == DHT_PUT_ITEM)
        take_value(d, now, r, c, m);
    if (r->what == DHT_FIND_PEERS || r->what == DHT_ANNOUNCE)
        take_peers(r, now, m->values, from);
    if (r->what == DHT_SAMPLE_NODES)
        dht_sample_take(d, now, r, from, m);
    if (r->peeks)
        return;
    uint8_t path = c->path; /* who comes in may move it */
    take_nodes(d, r->lookup[0], m->nodes, path, from);
    take_nodes(d, r->lookup[1], m->nodes6, path, from);
}

static void kept(struct dht_request *r, const struct addr *from, const struct krpc *m)
{
    struct dht_candidate *c = dht_lookup_find(r->lookup[addr_is_v6(from)], from);

    if (!c || c->keeping != DHT_KEEP_ASKED)
        return;
    c->keeping = DHT_KEEP_REFUSED;
    if (!m)
        return;
    /* One program says 302 to what it has already; then it did show us our seq. */
    if (m->kind == KRPC_REPLY || (m->code == KRPC_OLD_SEQ && c->has_seq && c->seq == r->item.seq)) {
        c->keeping = DHT_KEEPS;
        r->stored++;
        return;
    }
    r->refused = m->code > 0 && m->code < 1000 ? (int)m->code : KRPC_GENERIC;
}

static void pinged(struct dht_request *r, instant now, const struct krpc *m)
{
    if (!m) {
        dht_request_done(r, now, -ETIMEDOUT);
        return;
    }
    if (m->id)
        r->id = dht_id_from(m->id);
    if (m->version.len > 0)
        memcpy(r->version, m->version.at, m->version.len < 4 ? m->version.len : 4);
    dht_request_done(r, now, m->kind == KRPC_REPLY ? 0 : -EPERM);
}

void dht_request_answer(struct dht *d, instant now, const struct dht_query *q, const struct krpc *m)
{
    struct dht_request *r = q->request;

    if (r->done)
        return;
    switch (q->purpose) {
    case DHT_TO_CHECK:
        break;
    case DHT_TO_LOOK_UP:
        looked_up(d, now, r, &q->to, m);
        break;
    case DHT_TO_KEEP:
        kept(r, &q->to, m);
        break;
    case DHT_TO_PING:
        pinged(r, now, m);
        break;
    }
}
