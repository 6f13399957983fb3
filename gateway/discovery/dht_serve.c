#include <errno.h>
#include <string.h>

#include "gateway/crypto/digest.h"
#include "gateway/discovery/dht_state.h"

enum {
    NODES_ALONE = 20,  /* in a reply with nodes of one family and nothing else */
    NODES_BESIDE = 8,  /* beside others, or a value */
    NODES_LARGE = 4,   /* beside a large value */
    LARGE_VALUE = 700, /* BEP 32: about 1024 bytes a packet */
    PEERS4_MAX = 50,
    PEERS6_MAX = 20,
    SAMPLES_MAX = 20,
    SAMPLE_PAUSE_S = 300, /* BEP 51: ask again after that */
};

/* What a reply borrows. */
struct answer {
    struct krpc m;
    uint8_t nodes[NODES_ALONE * KRPC_NODE4_LEN], nodes6[NODES_ALONE * KRPC_NODE6_LEN];
    uint8_t token[DHT_TOKEN_LEN];
    uint8_t values[PEERS4_MAX * 8 > PEERS6_MAX * 21 ? PEERS4_MAX * 8 : PEERS6_MAX * 21];
    struct dht_id samples[SAMPLES_MAX];
};

/* A query being answered. */
struct caller {
    struct dht *d;
    instant now;
    const struct addr *from;
    const struct krpc *m;
};

static void reply(const struct caller *c, struct krpc *m)
{
    struct dht *d = c->d;

    m->t = c->m->t;
    m->version = DHT_VERSION;
    /* Of an IPv6 address one program would take offence. */
    if (m->kind == KRPC_REPLY && !addr_is_v6(c->from))
        m->seen = *c->from;
    d->reply_len = krpc_write(m, d->out, sizeof(d->out));
    d->reply_to = *c->from;
    if (m->kind == KRPC_ERROR)
        d->count.refused++;
    dht_met(d, c->now, c->from);
}

static void refuse(const struct caller *c, int code)
{
    static const struct {
        int code;
        const char *text;
    } WORDS[] = {
        {KRPC_SERVER, "Server Error"},
        {KRPC_PROTOCOL, "Protocol Error"},
        {KRPC_NO_METHOD, "Method Unknown"},
        {KRPC_TOO_BIG, "Message (v field) too big."},
        {KRPC_BAD_SIGNATURE, "Invalid signature"},
        {KRPC_BIG_SALT, "salt (salt field) too big."},
        {KRPC_CAS_MISMATCH, "the CAS hash mismatched, re-read value and try again."},
        {KRPC_OLD_SEQ, "sequence number less than current."},
    };
    struct krpc m = {.kind = KRPC_ERROR, .code = code};

    for (size_t i = 0; i < sizeof(WORDS) / sizeof(*WORDS); i++)
        if (WORDS[i].code == code)
            m.text = (struct krpc_bytes){(const uint8_t *)WORDS[i].text, strlen(WORDS[i].text)};
    reply(c, &m);
}

static struct krpc_bytes closest(struct dht_family *f, const struct dht_id *target, size_t max,
                                 uint8_t *out)
{
    struct dht_node node[NODES_ALONE];
    size_t len = 0, n = dht_routing_closest(&f->routing, target, node, max);

    for (size_t i = 0; i < n; i++) {
        uint8_t entry[KRPC_NODE6_LEN];
        size_t size = krpc_put_node(entry, node[i].id.b, &node[i].addr);
        memcpy(out + len, entry, size);
        len += size;
    }
    return (struct krpc_bytes){out, len};
}

static void begin_reply(const struct caller *c, struct answer *a)
{
    a->m = (struct krpc){.kind = KRPC_REPLY, .id = dht_family_of(c->d, c->from)->routing.self.b};
}

/* The families that were asked for; if none was said, the asker's own (BEP 32). */
static void add_nodes(const struct caller *c, struct answer *a, const struct dht_id *target,
                      size_t max)
{
    unsigned want = c->m->want;

    if (want == 0)
        want = addr_is_v6(c->from) ? KRPC_WANT_V6 : KRPC_WANT_V4;
    if (want == (KRPC_WANT_V4 | KRPC_WANT_V6) && max > NODES_BESIDE)
        max = NODES_BESIDE;
    if (want & KRPC_WANT_V4)
        a->m.nodes = closest(&c->d->family[0], target, max, a->nodes);
    if (want & KRPC_WANT_V6)
        a->m.nodes6 = closest(&c->d->family[1], target, max, a->nodes6);
}

static void add_token(const struct caller *c, struct answer *a, const struct dht_id *target)
{
    dht_tokens_make(&c->d->tokens, c->from, target, a->token);
    a->m.token = (struct krpc_bytes){a->token, sizeof(a->token)};
}

static uint32_t chance(struct dht *d)
{
    uint32_t n;
    dht_random(d, &n, sizeof(n));
    return n;
}

/* ---- methods ---- */

static void on_ping(const struct caller *c)
{
    struct answer a;

    begin_reply(c, &a);
    reply(c, &a.m);
}

static void on_find_node(const struct caller *c, const struct dht_id *target)
{
    struct answer a;

    begin_reply(c, &a);
    add_nodes(c, &a, target, NODES_ALONE);
    reply(c, &a.m);
}

static void on_get_peers(const struct caller *c, const struct dht_id *target)
{
    struct answer a;
    struct addr peer[PEERS4_MAX];
    bool v6 = addr_is_v6(c->from);
    size_t len = 0, n = dht_store_peers(&c->d->store, c->now, target, v6, chance(c->d), peer,
                                        v6 ? PEERS6_MAX : PEERS4_MAX);

    begin_reply(c, &a);
    for (size_t i = 0; i < n; i++) {
        uint8_t entry[21];
        size_t size = krpc_put_peer(entry, &peer[i]);
        memcpy(a.values + len, entry, size);
        len += size;
    }
    if (n > 0)
        a.m.values = (struct krpc_bytes){a.values, len};
    add_nodes(c, &a, target, n > 0 ? NODES_BESIDE : NODES_ALONE);
    add_token(c, &a, target);
    reply(c, &a.m);
}

static void on_get(const struct caller *c, const struct dht_id *target)
{
    struct answer a;
    struct dht_stored kept;
    size_t nodes = NODES_ALONE;

    begin_reply(c, &a);
    if (dht_store_get(&c->d->store, c->now, target, &kept)) {
        a.m.has_seq = kept.mutable;
        a.m.seq = kept.seq;
        /* BEP 44: who knows this seq already needs no more. */
        if (!kept.mutable || !c->m->has_seq || kept.seq > c->m->seq) {
            a.m.value = kept.value;
            a.m.key = kept.key;
            a.m.sig = kept.sig;
            nodes = kept.value.len > LARGE_VALUE ? NODES_LARGE : NODES_BESIDE;
        }
    }
    add_token(c, &a, target);
    /* Beside a large value nodes of both families may be too many. */
    do {
        add_nodes(c, &a, target, nodes);
        reply(c, &a.m);
        nodes /= 2;
    } while (c->d->reply_len == 0 && nodes > 0);
}

static void on_sample(const struct caller *c, const struct dht_id *target)
{
    struct answer a;
    size_t n = dht_store_sample(&c->d->store, chance(c->d), a.samples, SAMPLES_MAX);

    begin_reply(c, &a);
    a.m.has_samples = true;
    a.m.samples = (struct krpc_bytes){a.samples[0].b, n * DHT_ID_LEN};
    a.m.num = c->d->store.topic_count;
    a.m.interval = c->d->store.topic_count > SAMPLES_MAX ? SAMPLE_PAUSE_S : 0;
    add_nodes(c, &a, target, NODES_BESIDE);
    reply(c, &a.m);
}

static bool has_token(const struct caller *c, const struct dht_id *target)
{
    return dht_tokens_check(&c->d->tokens, c->from, target, c->m->token.at, c->m->token.len);
}

static void on_announce(const struct caller *c, const struct dht_id *infohash)
{
    struct addr peer = *c->from;

    if (!has_token(c, infohash)) {
        refuse(c, KRPC_PROTOCOL);
        return;
    }
    if (!c->m->implied_port)
        addr_set_port(&peer, c->m->port);
    if (dht_store_announce(&c->d->store, c->now, infohash, &peer) < 0) {
        refuse(c, KRPC_SERVER);
        return;
    }
    c->d->next_expiry = c->now < c->d->next_expiry ? c->now : c->d->next_expiry;
    on_ping(c);
}

/* The target that the item has: BEP 44 does not say it, and what a sender says is not trusted. */
static struct dht_id put_target(const struct krpc *m)
{
    struct dht_id id;

    if (m->key)
        return dht_item_target_of(m->key, m->salt.at, m->salt.len);
    digest(DIGEST_SHA1, id.b, &(struct digest_part){m->value.at, m->value.len}, 1);
    return id;
}

static void on_put(const struct caller *c)
{
    struct dht_item item;
    const struct krpc *m = c->m;
    const struct dht_id target = put_target(m);

    /* The token first: who did not ask before does not make us check signatures. */
    if (!has_token(c, &target) || (m->target && memcmp(m->target, target.b, DHT_ID_LEN) != 0)) {
        refuse(c, KRPC_PROTOCOL);
        return;
    }
    int code = dht_item_read(&item, m, m->salt, &target);
    if (code == 0)
        code = dht_store_put(&c->d->store, c->now, c->from, &item, &target,
                             m->has_cas ? &m->cas : NULL);
    if (code != 0) {
        refuse(c, code);
        return;
    }
    c->d->next_expiry = c->now < c->d->next_expiry ? c->now : c->d->next_expiry;
    on_ping(c);
}

static void dispatch(const struct caller *c)
{
    struct dht_id target = {{0}};

    if (c->m->target)
        target = dht_id_from(c->m->target);
    switch (c->m->method) {
    case KRPC_UNKNOWN:
        break;
    case KRPC_PING:
        on_ping(c);
        break;
    case KRPC_FIND_NODE:
        on_find_node(c, &target);
        break;
    case KRPC_GET_PEERS:
        on_get_peers(c, &target);
        break;
    case KRPC_ANNOUNCE_PEER:
        on_announce(c, &target);
        break;
    case KRPC_GET:
        on_get(c, &target);
        break;
    case KRPC_PUT:
        on_put(c);
        break;
    case KRPC_SAMPLE_INFOHASHES:
        on_sample(c, &target);
        break;
    }
}

/* It may be worth a place in the table: ask it whether it is there. */
static void greet(struct dht *d, instant now, const struct addr *from, const struct krpc *m)
{
    struct dht_family *f = dht_family_of(d, from);
    const struct dht_id id = dht_id_from(m->id);

    if (m->read_only || f->checks == DHT_CHECKS_MAX)
        return;
    for (unsigned i = 0; i < f->checks; i++)
        if (addr_equal(&f->check[i], from))
            return;
    if (dht_routing_heard(&f->routing, now, &id, from))
        f->check[f->checks++] = *from;
}

void dht_serve(struct dht *d, instant now, const struct addr *from, const struct krpc *m, int err)
{
    const struct caller c = {d, now, from, m};

    d->count.queries++;
    dht_met_by(d, now, from);
    if (!dht_answers(d, now))
        return;
    /* The address before its network: one that floods does not use up what its neighbours may. */
    if ((err == 0 && d->options.filter && !d->options.filter(d->options.arg, now, from, m)) ||
        !dht_limit_send(&d->limit, now, from) || !dht_limit_ask(&d->limit, now, from)) {
        d->count.dropped++;
        return;
    }
    while (dht_tokens_due(&d->tokens, now)) {
        uint8_t secret[DHT_SECRET_LEN];
        dht_random(d, secret, sizeof(secret));
        dht_tokens_rotate(&d->tokens, secret, now);
    }
    if (err < 0) {
        refuse(&c, (int)m->code);
        return;
    }
    greet(d, now, from, m);
    dispatch(&c);
}
