#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/discovery/dht.h"
#include "gateway/discovery/dht_state.h"

enum {
    FEW_NODES = 8,
    SEEDS_MAX = 60, /* in a small network all name the same few: others we have to know ourselves */
    SPARE_KEEPERS = 4, /* to take the place of nodes that do not keep what we put */
    SPARE_KEEPERS_MAX = 24,
};

/* ---- life ---- */

static struct dht_request *new_request(struct dht *d, instant now, enum dht_asked_for what,
                                       void *arg)
{
    if (d->request_count >= DHT_REQUESTS_MAX)
        return NULL;
    struct dht_request *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->what = what;
    r->arg = arg;
    r->started = now;
    list_append(&d->requests, &r->link);
    d->request_count++;
    return r;
}

void dht_request_free(struct dht *d, struct dht_request *r)
{
    if (list_is_linked(&r->link)) {
        list_remove(&r->link);
        d->request_count--;
    }
    dht_disown_queries(d, r);
    free(r->lookup[0]);
    free(r->lookup[1]);
    free(r->peer);
    free(r->sample);
    free(r);
}

void dht_request_done(struct dht_request *r, instant now, int result)
{
    if (r->done)
        return;
    r->done = true;
    r->result = result;
    r->ended = now;
}

/* Where a look-up begins: the closest that we know; if these are few, those to start from too. */
static void add_seeds(struct dht_family *f, struct dht_lookup *l)
{
    struct dht_node node[SEEDS_MAX];
    size_t n = dht_routing_closest(&f->routing, &l->target, node, SEEDS_MAX);

    for (size_t i = 0; i < n; i++)
        dht_lookup_start(l, &node[i].id, &node[i].addr);
    if (n < FEW_NODES)
        for (unsigned i = 0; i < f->bootstraps; i++)
            dht_lookup_start(l, NULL, &f->bootstrap[i]);
}

static struct dht_request *start_lookup(struct dht *d, struct dht_request *r,
                                        const struct dht_id *target, unsigned families)
{
    if (!r)
        return NULL;
    r->target = *target;
    for (unsigned i = 0; i < 2; i++) {
        if (!d->family[i].on || !(families & 1u << i))
            continue;
        r->lookup[i] = malloc(sizeof(*r->lookup[i]));
        if (!r->lookup[i]) {
            dht_request_free(d, r);
            return NULL;
        }
        dht_lookup_init(r->lookup[i], target, i == 1, &d->family[i].size);
        if (r->peeks)
            continue;
        if (r->what == DHT_PUT_ITEM || r->what == DHT_ANNOUNCE)
            r->lookup[i]->more = SPARE_KEEPERS;
        add_seeds(&d->family[i], r->lookup[i]);
    }
    return r;
}

#define BOTH 3u

struct dht_request *dht_start_find(struct dht *d, instant now, const struct dht_id *target,
                                   unsigned family)
{
    return start_lookup(d, new_request(d, now, DHT_FIND_NODES, NULL), target, 1u << family);
}

static struct dht_request *start_get(struct dht *d, struct dht_request *r,
                                     const uint8_t key[static KRPC_KEY_LEN], struct krpc_bytes salt,
                                     int64_t min_seq)
{
    const struct dht_id target = dht_item_target_of(key, salt.at, salt.len);

    if (!start_lookup(d, r, &target, BOTH))
        return NULL;
    r->item.mutable = true;
    r->min_seq = min_seq;
    r->item.salt_len = salt.len;
    if (salt.len > 0)
        memcpy(r->item.salt, salt.at, salt.len);
    return r;
}

struct dht_request *dht_get_mutable(struct dht *d, instant now,
                                    const uint8_t key[static KRPC_KEY_LEN], struct krpc_bytes salt,
                                    int64_t min_seq, void *arg)
{
    if (salt.len > KRPC_SALT_MAX)
        return NULL;
    return start_get(d, new_request(d, now, DHT_GET_ITEM, arg), key, salt, min_seq);
}

struct dht_request *dht_peek(struct dht *d, instant now, const uint8_t key[static KRPC_KEY_LEN],
                             struct krpc_bytes salt, int64_t min_seq, const struct dht_near *near,
                             void *arg)
{
    struct dht_request *r =
        salt.len > KRPC_SALT_MAX ? NULL : new_request(d, now, DHT_GET_ITEM, arg);

    if (!r)
        return NULL;
    r->peeks = r->counted = true;
    r = start_get(d, r, key, salt, min_seq);
    for (unsigned i = 0; r && i < near->count; i++) {
        struct dht_lookup *l = r->lookup[addr_is_v6(&near->node[i])];
        if (l)
            dht_lookup_start(l, NULL, &near->node[i]);
    }
    return r;
}

struct dht_request *dht_get_immutable(struct dht *d, instant now, const struct dht_id *target,
                                      void *arg)
{
    return start_lookup(d, new_request(d, now, DHT_GET_ITEM, arg), target, BOTH);
}

struct dht_request *dht_put(struct dht *d, instant now, const struct dht_item *item,
                            const int64_t *cas, void *arg)
{
    const struct dht_id target = dht_item_target(item);
    struct dht_request *r = start_lookup(d, new_request(d, now, DHT_PUT_ITEM, arg), &target, BOTH);
    if (!r)
        return NULL;
    r->item = *item;
    r->has_cas = cas != NULL;
    r->cas = cas ? *cas : 0;
    return r;
}

struct dht_request *dht_announce(struct dht *d, instant now, const struct dht_id *infohash,
                                 uint16_t port, void *arg)
{
    struct dht_request *r = start_lookup(d, new_request(d, now, DHT_ANNOUNCE, arg), infohash, BOTH);
    if (r)
        r->port = port;
    return r;
}

struct dht_request *dht_peers(struct dht *d, instant now, const struct dht_id *infohash, void *arg)
{
    return start_lookup(d, new_request(d, now, DHT_FIND_PEERS, arg), infohash, BOTH);
}

struct dht_request *dht_sample(struct dht *d, instant now, const struct dht_id *target, void *arg)
{
    return start_lookup(d, new_request(d, now, DHT_SAMPLE_NODES, arg), target, BOTH);
}

struct dht_request *dht_ping(struct dht *d, instant now, const struct addr *node, void *arg)
{
    struct dht_request *r = new_request(d, now, DHT_PING_NODE, arg);
    if (r)
        r->node = *node;
    return r;
}

void dht_cancel(struct dht *d, struct dht_request *request)
{
    dht_request_free(d, request);
}

/* ---- looking ---- */

static bool ask_candidate(struct dht *d, instant now, struct dht_request *r, struct dht_lookup *l,
                          struct dht_tx *tx)
{
    struct dht_candidate *c;

    while ((c = dht_lookup_next(l, now))) {
        struct krpc m = {.target = r->target.b};
        switch (r->what) {
        case DHT_FIND_NODES:
        case DHT_PING_NODE:
            m.method = KRPC_FIND_NODE;
            break;
        case DHT_GET_ITEM:
        case DHT_PUT_ITEM:
            m.method = KRPC_GET;
            break;
        case DHT_FIND_PEERS:
        case DHT_ANNOUNCE:
            m.method = KRPC_GET_PEERS;
            break;
        case DHT_SAMPLE_NODES:
            m.method =
                dht_sample_may_ask(d, now, &c->addr) ? KRPC_SAMPLE_INFOHASHES : KRPC_FIND_NODE;
            break;
        }
        if (d->family[0].on && d->family[1].on)
            m.want = KRPC_WANT_V4 | KRPC_WANT_V6;
        if (dht_ask(d, now, &m, &c->addr, DHT_TO_LOOK_UP, r, tx)) {
            dht_lookup_asked(l, c, now, dht_soft_timeout(d));
            return true;
        }
        c->ready = now + DHT_LIMIT_PAUSE;
    }
    return false;
}

static void learn_size(struct dht *d, struct dht_lookup *l)
{
    struct dht_candidate *closest[DHT_CLOSEST_MAX];
    struct dht_id id[DHT_CLOSEST];
    struct addr addr[DHT_CLOSEST];
    size_t n = dht_lookup_closest(l, closest);

    if (n > DHT_CLOSEST)
        n = DHT_CLOSEST;
    for (size_t i = 0; i < n; i++) {
        id[i] = closest[i]->id;
        addr[i] = closest[i]->addr;
    }
    dht_size_add(&d->family[l->v6].size, &l->target, id, addr, n);
}

static unsigned answered(const struct dht_request *r)
{
    return (r->lookup[0] ? r->lookup[0]->answered : 0) +
           (r->lookup[1] ? r->lookup[1]->answered : 0);
}

/* All look-ups came to their end. */
static void end_looking(struct dht *d, instant now, struct dht_request *r)
{
    for (unsigned i = 0; i < 2; i++)
        if (r->lookup[i] && !r->counted)
            learn_size(d, r->lookup[i]);
    r->counted = true;
    if (answered(r) == 0)
        dht_request_done(r, now, -EHOSTUNREACH);
    else if (r->what == DHT_GET_ITEM)
        dht_request_done(r, now, r->has_best ? 0 : -ENOENT);
    else if (r->what == DHT_FIND_PEERS)
        dht_request_done(r, now, r->peers > 0 ? 0 : -ENOENT);
    else if (r->what == DHT_SAMPLE_NODES)
        dht_request_done(r, now, r->samples > 0 ? 0 : -ENOENT);
    else if (r->what == DHT_FIND_NODES)
        dht_request_done(r, now, 0);
    else if (r->what == DHT_PUT_ITEM && r->has_best && r->best.mutable &&
             dht_item_compare(&r->best, &r->item) != 0 && r->best.seq >= r->item.seq)
        /* Newer, or another value under our number: two of these would never come to rest. */
        dht_request_done(r, now, -ESTALE);
    else if (r->what == DHT_PUT_ITEM && r->has_cas && r->has_best && r->best.seq > r->cas)
        dht_request_done(r, now, -EEXIST); /* a node that has nothing would take ours */
    else
        r->storing = true;
}

static bool look(struct dht *d, instant now, struct dht_request *r, struct dht_tx *tx)
{
    bool done = true;

    for (unsigned i = 0; i < 2; i++) {
        if (!r->lookup[i])
            continue;
        if (ask_candidate(d, now, r, r->lookup[i], tx))
            return true;
        done &= dht_lookup_is_done(r->lookup[i], now);
    }
    if (done)
        end_looking(d, now, r);
    return false;
}

/* ---- storing ---- */

static bool keep_at(struct dht *d, instant now, struct dht_request *r, struct dht_candidate *c,
                    struct dht_tx *tx)
{
    struct krpc m = {.target = r->target.b, .token = {c->token, c->token_len}};

    if (r->what == DHT_ANNOUNCE) {
        m.method = KRPC_ANNOUNCE_PEER;
        m.implied_port = r->port == 0;
        m.port = r->port;
    } else {
        const struct dht_item *it = &r->item;
        m.method = KRPC_PUT;
        m.value = (struct krpc_bytes){it->value, it->value_len};
        if (it->mutable) {
            m.key = it->key;
            m.sig = it->sig;
            m.has_seq = true;
            m.seq = it->seq;
            m.salt = (struct krpc_bytes){it->salt, it->salt_len};
            m.has_cas = r->has_cas;
            m.cas = r->cas;
        }
    }
    return dht_ask(d, now, &m, &c->addr, DHT_TO_KEEP, r, tx);
}

struct keeping {
    size_t wanted, kept, fresh, late;
};

static struct keeping count_keeping(struct dht_lookup *l, instant now)
{
    struct dht_candidate *closest[DHT_CLOSEST_MAX];
    struct keeping k = {.wanted = dht_lookup_closest(l, closest)};

    if (k.wanted < DHT_CLOSEST)
        k.wanted = DHT_CLOSEST;
    for (size_t i = 0; i < l->count; i++) {
        const struct dht_candidate *c = &l->candidate[i];
        k.kept += c->keeping == DHT_KEEPS;
        if (c->keeping == DHT_KEEP_ASKED)
            *(now < c->slow_at ? &k.fresh : &k.late) += 1;
    }
    return k;
}

/* Sends to the next; those that are slow count as if they had not been asked. `*settled` becomes
 * false while too few keep it and there is somebody to wait for, or to look for. */
static bool store_in(struct dht *d, instant now, struct dht_request *r, struct dht_lookup *l,
                     struct dht_tx *tx, bool *settled)
{
    struct keeping k = count_keeping(l, now);
    bool waiting = k.fresh + k.late > 0;

    if (k.kept >= k.wanted)
        return false;
    for (size_t i = 0; i < l->count && k.kept + k.fresh < k.wanted; i++) {
        struct dht_candidate *c = &l->candidate[i];
        if (c->state != DHT_ANSWERED || c->token_len == 0 || c->keeping != DHT_KEEPS_NOT)
            continue;
        waiting = true;
        if (now < c->ready)
            continue;
        if (!keep_at(d, now, r, c, tx)) {
            c->ready = now + DHT_LIMIT_PAUSE;
            continue;
        }
        c->keeping = DHT_KEEP_ASKED;
        c->asked_at = now;
        c->slow_at = now + 2 * dht_soft_timeout(d);
        return true;
    }
    if (k.kept + k.fresh < k.wanted && l->more < SPARE_KEEPERS_MAX) {
        l->more += SPARE_KEEPERS;
        if (!dht_lookup_is_done(l, now))
            r->storing = false; /* until there are more */
    }
    if (waiting || !r->storing)
        *settled = false;
    return false;
}

static void end_storing(struct dht_request *r, instant now)
{
    int result = -EHOSTUNREACH;

    if (r->stored > 0)
        result = 0;
    else if (r->refused == KRPC_CAS_MISMATCH)
        result = -EEXIST;
    else if (r->refused != 0)
        result = -EPERM;
    dht_request_done(r, now, result);
}

static bool store(struct dht *d, instant now, struct dht_request *r, struct dht_tx *tx)
{
    bool settled = true;

    for (unsigned i = 0; i < 2; i++)
        if (r->lookup[i] && store_in(d, now, r, r->lookup[i], tx, &settled))
            return true;
    if (settled)
        end_storing(r, now);
    return false;
}

/* ---- output ---- */

static bool ping(struct dht *d, instant now, struct dht_request *r, struct dht_tx *tx)
{
    struct krpc m = {.method = KRPC_PING};

    if (r->sent)
        return false;
    r->sent = dht_ask(d, now, &m, &r->node, DHT_TO_PING, r, tx);
    if (!r->sent)
        dht_request_done(r, now, -EAGAIN);
    return r->sent;
}

static instant storing_deadline(const struct dht_lookup *l, instant now)
{
    instant due = INSTANT_NEVER;

    for (size_t i = 0; i < l->count; i++) {
        const struct dht_candidate *c = &l->candidate[i];
        instant at = INSTANT_NEVER;
        if (c->keeping == DHT_KEEP_ASKED && c->slow_at > now)
            at = c->slow_at;
        else if (c->keeping == DHT_KEEPS_NOT && c->state == DHT_ANSWERED && c->ready > now)
            at = c->ready;
        if (at < due)
            due = at;
    }
    return due;
}

static instant deadline(const struct dht_request *r, instant now)
{
    instant due = INSTANT_NEVER;

    for (unsigned i = 0; i < 2 && !r->done; i++) {
        if (!r->lookup[i])
            continue;
        instant at = r->storing ? storing_deadline(r->lookup[i], now)
                                : dht_lookup_deadline(r->lookup[i], now);
        if (at < due)
            due = at;
    }
    return due;
}

static bool advance(struct dht *d, instant now, struct dht_request *r, struct dht_tx *tx)
{
    /* Storing may find that it needs more nodes, and go back to looking. */
    for (unsigned turn = 0; turn < 2 && !r->done; turn++) {
        if (!r->storing && look(d, now, r, tx))
            return true;
        if (r->storing && !r->done && store(d, now, r, tx))
            return true;
        if (r->storing)
            break;
    }
    return false;
}

bool dht_request_output(struct dht *d, instant now, struct dht_request *r, struct dht_tx *tx)
{
    bool any = false;

    r->due = 0;
    if (!r->done)
        any = r->what == DHT_PING_NODE ? ping(d, now, r, tx) : advance(d, now, r, tx);
    if (!any)
        r->due = deadline(r, now);
    return any;
}
