#include "gateway/discovery/dht.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/crypto/secret.h"
#include "gateway/discovery/dht_state.h"

#define USUAL_AT_FIRST_MS 500

/* ---- life ---- */

static unsigned or (unsigned value, unsigned otherwise)
{
    return value > 0 ? value : otherwise;
}

static void fill_in(struct dht_options *o)
{
    o->per_address = or (o->per_address, DHT_LIMIT_WINDOW_MAX);
    if (o->per_address > DHT_LIMIT_WINDOW_MAX && o->per_address != UINT_MAX)
        o->per_address = DHT_LIMIT_WINDOW_MAX;
    o->per_prefix = or (o->per_prefix, 50);
    o->callers_max = or (o->callers_max, 65536);
    o->items_max = or (o->items_max, 1000);
    o->bytes_max = o->bytes_max > 0 ? o->bytes_max : 2u << 20;
    o->topics_max = or (o->topics_max, 1000);
    o->peers_max = or (o->peers_max, 20000);
}

static void init_store(struct dht *d)
{
    const struct dht_store_limits limits = {.items = d->options.items_max,
                                            .bytes = d->options.bytes_max,
                                            .topics = d->options.topics_max,
                                            .peers = d->options.peers_max,
                                            .peers_of_one = 200};
    uint8_t secret[MAP_SECRET_LEN];

    dht_random(d, secret, sizeof(secret));
    dht_store_init(&d->store, &limits, secret);
}

int dht_new(struct dht **out, const struct dht_options *options, instant now)
{
    uint8_t secrets[2 * DHT_SECRET_LEN];
    struct dht *d = calloc(1, sizeof(*d));

    if (!d)
        return -ENOMEM;
    d->options = *options;
    fill_in(&d->options);
    list_init(&d->requests);
    dht_random(d, d->secret, sizeof(d->secret));
    if (dht_limit_init(&d->limit, d->secret, d->options.per_address, d->options.per_prefix,
                       d->options.callers_max) < 0) {
        free(d);
        return -ENOMEM;
    }
    dht_random(d, secrets, sizeof(secrets));
    dht_tokens_init(&d->tokens, secrets, now);
    secret_wipe(secrets, sizeof(secrets));
    init_store(d);
    for (unsigned i = 0; i < 2; i++) {
        struct dht_id id = {{0}};
        dht_random(d, id.b, sizeof(id.b));
        dht_routing_init(&d->family[i].routing, &id);
    }
    d->usual_ms = USUAL_AT_FIRST_MS;
    d->serving = options->mode == DHT_SERVER;
    d->next_silence = d->next_expiry = INSTANT_NEVER;
    dht_set_families(d, now, options->v4, options->v6);
    *out = d;
    return 0;
}

static void forget_last(struct dht *d)
{
    if (d->gone)
        dht_request_free(d, d->gone);
    d->gone = NULL;
}

void dht_free(struct dht *d)
{
    if (!d)
        return;
    forget_last(d);
    for (struct list *node; (node = list_first(&d->requests));)
        dht_request_free(d, list_entry(node, struct dht_request, link));
    for (unsigned i = 0; i < 2; i++)
        dht_routing_deinit(&d->family[i].routing);
    dht_store_deinit(&d->store);
    dht_limit_deinit(&d->limit);
    free(d->query);
    free(d->pause);
    secret_wipe(d, sizeof(*d));
    free(d);
}

void dht_add_node(struct dht *d, instant now, const struct addr *addr)
{
    struct dht_family *f = dht_family_of(d, addr);

    if (!dht_addr_is_usable(addr))
        return;
    for (unsigned i = 0; i < f->bootstraps; i++)
        if (addr_equal(&f->bootstrap[i], addr))
            return;
    if (f->bootstraps == DHT_BOOTSTRAP_MAX) {
        memmove(&f->bootstrap[0], &f->bootstrap[1],
                (DHT_BOOTSTRAP_MAX - 1) * sizeof(f->bootstrap[0]));
        f->bootstraps--;
    }
    f->bootstrap[f->bootstraps++] = *addr;
    if (f->upkeep && !f->upkeep->done && f->routing.count == 0)
        dht_lookup_start(f->upkeep->lookup[addr_is_v6(addr)], NULL, addr);
    else if (f->routing.count == 0)
        f->next_upkeep = now;
}

void dht_set_families(struct dht *d, instant now, bool v4, bool v6)
{
    const bool on[2] = {v4, v6};

    for (unsigned i = 0; i < 2; i++) {
        struct dht_family *f = &d->family[i];
        if (on[i] && !f->on) {
            f->next_upkeep = f->next_check = now;
            f->tries = 0;
        }
        f->on = on[i];
    }
}

/* ---- in and out ---- */

void dht_input(struct dht *d, instant now, const struct addr *from, const uint8_t *data, size_t len)
{
    struct krpc m;
    struct addr plain = addr_unmapped(*from);
    int err = krpc_read(&m, data, len);

    d->count.rx++;
    if (err == -EBADMSG || !dht_addr_is_usable(&plain) || !dht_family_of(d, &plain)->on) {
        d->count.malformed += err == -EBADMSG;
        return;
    }
    if (m.kind == KRPC_QUERY)
        dht_serve(d, now, &plain, &m, err);
    else
        dht_take_answer(d, now, &plain, &m);
}

static bool is_upkeep(const struct dht *d, const struct dht_request *r)
{
    return r == d->family[0].upkeep || r == d->family[1].upkeep;
}

static bool next_output(struct dht *d, instant now, struct dht_tx *tx)
{
    if (d->reply_len > 0) {
        *tx = (struct dht_tx){.to = d->reply_to, .data = d->out, .len = d->reply_len};
        d->reply_len = 0;
        return true;
    }
    dht_expire_queries(d, now);
    if (now >= d->next_expiry)
        d->next_expiry = dht_store_expire(&d->store, now);
    list_each(node, &d->requests)
    {
        struct dht_request *r = list_entry(node, struct dht_request, link);
        if (!is_upkeep(d, r) && dht_request_output(d, now, r, tx))
            return true;
    }
    return dht_upkeep_output(d, now, tx);
}

bool dht_output(struct dht *d, instant now, struct dht_tx *tx)
{
    bool any = next_output(d, now, tx);
    d->count.tx += any;
    return any;
}

instant dht_deadline(const struct dht *d)
{
    instant due = d->next_silence < d->next_expiry ? d->next_silence : d->next_expiry;
    instant upkeep = dht_upkeep_deadline(d);

    if (d->reply_len > 0)
        return 0;
    if (upkeep < due)
        due = upkeep;
    list_each(node, &d->requests)
    {
        instant at = list_entry(node, struct dht_request, link)->due;
        if (at < due)
            due = at;
    }
    return due;
}

/* ---- events ---- */

/* Those that give no token keep nothing. */
static void list_near(struct dht_lookup *l, struct dht_near *near)
{
    struct dht_candidate *closest[DHT_CLOSEST_MAX];
    size_t count = dht_lookup_closest(l, closest);
    unsigned found = 0;

    for (size_t i = 0; i < count && found < DHT_NEAR; i++)
        if (closest[i]->token_len > 0) {
            near->node[near->count++] = closest[i]->addr;
            found++;
        }
}

static void tell_end(struct dht *d, struct dht_request *r, struct dht_event *out)
{
    out->kind = DHT_DONE;
    out->item = r->has_best ? &r->best : NULL;
    out->peers = r->peer;
    out->peer_count = r->peers;
    out->samples = r->sample;
    out->sample_count = r->samples;
    out->sampled = r->sampled;
    out->result = r->result;
    for (unsigned i = 0; i < 2; i++) {
        out->asked += r->lookup[i] ? r->lookup[i]->asked : 0;
        out->answered += r->lookup[i] ? r->lookup[i]->answered : 0;
        if (r->lookup[i])
            list_near(r->lookup[i], &r->near);
    }
    out->stored = r->stored;
    out->refused = r->refused;
    out->copies = r->copies;
    out->near = &r->near;
    out->took = r->ended - r->started;
    out->first = r->first > 0 ? r->first - r->started : 0;
    out->node = r->node;
    out->id = r->id;
    memcpy(out->version, r->version, sizeof(out->version));
    list_remove(&r->link);
    d->request_count--;
    d->gone = r;
}

static bool tell(struct dht *d, struct dht_request *r, struct dht_event *out)
{
    *out = (struct dht_event){.request = r, .arg = r->arg};
    if (r->news && r->what == DHT_GET_ITEM) {
        out->kind = DHT_VALUE;
        out->item = &r->best;
        r->news = false;
        return true;
    }
    if (r->peers > r->peers_told) {
        out->kind = DHT_PEERS;
        out->peers = r->peer + r->peers_told;
        out->peer_count = r->peers - r->peers_told;
        r->peers_told = r->peers;
        return true;
    }
    if (r->samples > r->samples_told) {
        out->kind = DHT_SAMPLES;
        out->samples = r->sample + r->samples_told;
        out->sample_count = r->samples - r->samples_told;
        r->samples_told = r->samples;
        return true;
    }
    if (!r->done)
        return false;
    tell_end(d, r, out);
    return true;
}

bool dht_next_event(struct dht *d, struct dht_event *out)
{
    forget_last(d);
    list_each(node, &d->requests)
    {
        struct dht_request *r = list_entry(node, struct dht_request, link);
        if (!is_upkeep(d, r) && tell(d, r, out))
            return true;
    }
    return false;
}

/* ---- what it knows ---- */

void dht_get_status(const struct dht *d, instant now, struct dht_status *out)
{
    const struct dht_family *v4 = &d->family[0], *v6 = &d->family[1];

    *out = (struct dht_status){
        .mode = d->options.mode,
        .serving = d->serving,
        .id = v4->routing.self,
        .id6 = v6->routing.self,
        .nodes = v4->routing.count,
        .nodes6 = v6->routing.count,
        .good = dht_routing_good(&v4->routing, now),
        .good6 = dht_routing_good(&v6->routing, now),
        .external = v4->votes.winner,
        .external6 = v6->votes.winner,
        .items = d->store.item_count,
        .topics = d->store.topic_count,
        .peers = d->store.peer_count,
        .count = d->count,
    };
}

size_t dht_some_nodes(struct dht *d, instant now, struct addr *out, size_t max)
{
    struct dht_node node[2 * DHT_CLOSEST];
    struct dht_id target;
    size_t count = 0;

    dht_random(d, target.b, sizeof(target.b));
    size_t known = dht_routing_closest(&d->family[0].routing, &target, node, 2 * DHT_CLOSEST);
    for (size_t i = 0; i < known && count < max; i++)
        if (dht_node_is_good(&node[i], now))
            out[count++] = node[i].addr;
    return count;
}

uint64_t dht_network_size(const struct dht *d)
{
    uint64_t v4 = dht_size_nodes(&d->family[0].size), v6 = dht_size_nodes(&d->family[1].size);
    return v4 > v6 ? v4 : v6;
}
