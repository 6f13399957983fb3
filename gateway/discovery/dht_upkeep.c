/* What a node does unasked: it finds its first neighbours, asks the silent ones whether they are
 * still there, looks where it heard nothing for long, and finds out whether strangers reach it. */
#include <string.h>

#include "gateway/base/map.h"
#include "gateway/discovery/dht.h"
#include "gateway/discovery/dht_state.h"

#define CHECK_EVERY   MSEC(500)
#define CHECK_PAUSE   SEC(10) /* when all are known to be there */
#define LEARN_EVERY   SEC(2)  /* look-ups until the table is full and the network's size known */
#define UPKEEP_EVERY  SEC(15) /* is there a bucket to refresh? */
#define BOOTSTRAP_MIN SEC(2)
#define BOOTSTRAP_MAX SEC(300)

#define PERIOD      SEC(600) /* of remembering whom we wrote to: NATs forget sooner */
#define FIRST_TRIAL SEC(30)
#define TRIAL_LASTS SEC(180)
#define TRIAL_EVERY SEC(900)
#define ALONE_FOR   SEC(1800) /* a server that no stranger asks is none */

enum {
    FEW_NODES = 8,
    SAMPLES_WANTED = 8,
    FILLS_MAX = 32, /* look-ups to fill the large buckets: a small network has no more nodes */
};

/* ---- neighbours ---- */

void dht_take_address(struct dht *d, instant now, struct dht_family *f)
{
    struct dht_id id = f->routing.self;

    if (dht_id_fits(&id, &f->votes.winner))
        return;
    dht_random(d, id.b, sizeof(id.b));
    dht_id_fit(&id, &f->votes.winner);
    dht_routing_set_self(&f->routing, now, &id);
    f->next_upkeep = now; /* the new neighbourhood is not known yet */
    f->tries = 0;
}

static bool check_somebody(struct dht *d, instant now, struct dht_family *f, struct dht_tx *tx)
{
    struct krpc m = {.method = KRPC_PING};
    struct addr to;

    if (f->checks > 0) {
        to = f->check[--f->checks];
    } else {
        if (now < f->next_check)
            return false;
        f->next_check = now + CHECK_EVERY;
        if (!dht_routing_next_check(&f->routing, now, &to)) {
            f->next_check = now + CHECK_PAUSE;
            return false;
        }
    }
    return dht_ask(d, now, &m, &to, DHT_TO_CHECK, NULL, tx);
}

/* Our own neighbourhood until there is one, then what was not seen for long; between, where we know
 * few, or anything until we know how large the network is. Returns whether there was a reason. */
static bool next_target(struct dht *d, instant now, struct dht_family *f, struct dht_id *out)
{
    uint8_t chance[DHT_ID_LEN];

    dht_random(d, chance, sizeof(chance));
    if (f->routing.count < FEW_NODES) {
        instant pause = BOOTSTRAP_MIN << (f->tries < 8 ? f->tries : 8);
        f->tries++;
        f->next_upkeep = now + (pause < BOOTSTRAP_MAX ? pause : BOOTSTRAP_MAX);
        *out = f->routing.self;
        return f->routing.count > 0 || f->bootstraps > 0;
    }
    f->next_upkeep = now + UPKEEP_EVERY;
    if (f->tries > 0) { /* once more, with the neighbours that there are now */
        f->tries = 0;
        f->fills = FILLS_MAX;
        *out = f->routing.self;
        return true;
    }
    if (dht_routing_next_refresh(&f->routing, now, chance, out))
        return true;
    bool fill = f->fills > 0 && dht_routing_next_gap(&f->routing, chance, out);
    if (!fill && f->size.count >= SAMPLES_WANTED)
        return false;
    if (fill)
        f->fills--;
    else
        *out = dht_id_from(chance);
    f->next_upkeep = now + LEARN_EVERY;
    return true;
}

static void start_upkeep(struct dht *d, instant now, unsigned family)
{
    struct dht_family *f = &d->family[family];
    struct dht_id target;

    if (f->upkeep && f->upkeep->done) {
        dht_request_free(d, f->upkeep);
        f->upkeep = NULL;
    }
    if (f->upkeep || now < f->next_upkeep)
        return;
    if (next_target(d, now, f, &target))
        f->upkeep = dht_start_find(d, now, &target, family);
}

/* ---- strangers ---- */

static void bloom_places(const struct dht *d, const struct addr *a, unsigned place[static 3])
{
    uint8_t key[20];
    uint64_t hash = map_hash(d->secret, key, dht_addr_key(a, false, key));

    for (unsigned i = 0; i < 3; i++)
        place[i] = (unsigned)(hash >> (20 * i)) % (8 * DHT_BLOOM_BYTES);
}

static void next_period(struct dht_reach *r, instant now)
{
    if (now < r->period_ends)
        return;
    memcpy(r->met[1], r->met[0], DHT_BLOOM_BYTES);
    memset(r->met[0], 0, DHT_BLOOM_BYTES);
    r->period_ends = now + PERIOD;
}

void dht_met(struct dht *d, instant now, const struct addr *to)
{
    unsigned place[3];

    if (d->options.mode != DHT_ADAPTIVE)
        return;
    next_period(&d->reach, now);
    bloom_places(d, to, place);
    for (unsigned i = 0; i < 3; i++)
        d->reach.met[0][place[i] / 8] |= (uint8_t)(1 << place[i] % 8);
}

static bool is_stranger(const struct dht *d, const struct addr *from)
{
    unsigned place[3];

    bloom_places(d, from, place);
    for (unsigned period = 0; period < 2; period++) {
        unsigned set = 0;
        for (unsigned i = 0; i < 3; i++)
            set += d->reach.met[period][place[i] / 8] >> place[i] % 8 & 1;
        if (set == 3)
            return false;
    }
    return true;
}

/* Two strangers of different networks, within the time that one alone counts for. */
void dht_met_by(struct dht *d, instant now, const struct addr *from)
{
    struct dht_reach *r = &d->reach;
    uint8_t key[20];

    if (d->options.mode != DHT_ADAPTIVE)
        return;
    next_period(r, now);
    if (!is_stranger(d, from))
        return;
    size_t len = dht_addr_key(from, true, key);
    bool first = r->first_stranger == 0 || now >= r->last_stranger + ALONE_FOR;
    bool other = !first && (len != r->stranger_len || memcmp(key, r->stranger, len) != 0);
    r->last_stranger = now > 0 ? now : 1;
    if (other)
        d->serving = true;
    if (!first)
        return;
    r->first_stranger = r->last_stranger;
    memcpy(r->stranger, key, len);
    r->stranger_len = len;
}

void dht_set_reachable(struct dht *d, instant now, bool reachable)
{
    if (d->options.mode != DHT_ADAPTIVE)
        return;
    d->serving = reachable;
    d->reach.last_stranger = reachable ? now : 0;
    d->reach.first_stranger = 0;
}

/* A client tells nobody that it is there, so no stranger would ever come: now and then it acts as
 * a server. */
static void reconsider(struct dht *d, instant now)
{
    struct dht_reach *r = &d->reach;

    if (d->options.mode != DHT_ADAPTIVE)
        return;
    if (d->serving && now >= r->last_stranger + ALONE_FOR)
        d->serving = false;
    if (r->next_trial == 0)
        r->next_trial = now + FIRST_TRIAL;
    if (now < r->next_trial)
        return;
    r->next_trial = now + TRIAL_EVERY;
    r->trial_ends = now + TRIAL_LASTS;
}

/* ---- output ---- */

bool dht_upkeep_output(struct dht *d, instant now, struct dht_tx *tx)
{
    reconsider(d, now);
    for (unsigned i = 0; i < 2; i++) {
        struct dht_family *f = &d->family[i];
        if (!f->on)
            continue;
        start_upkeep(d, now, i);
        if (f->upkeep && dht_request_output(d, now, f->upkeep, tx))
            return true;
        if (check_somebody(d, now, f, tx))
            return true;
    }
    return false;
}

instant dht_upkeep_deadline(const struct dht *d)
{
    instant due = d->options.mode == DHT_ADAPTIVE ? d->reach.next_trial : INSTANT_NEVER;

    for (unsigned i = 0; i < 2; i++) {
        const struct dht_family *f = &d->family[i];
        if (!f->on || (f->routing.count == 0 && f->bootstraps == 0))
            continue;
        if (f->routing.count > 0 && f->next_check < due)
            due = f->next_check;
        if ((!f->upkeep || f->upkeep->done) && f->next_upkeep < due)
            due = f->next_upkeep;
    }
    return due;
}
