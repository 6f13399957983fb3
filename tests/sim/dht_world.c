#include "tests/sim/dht_world.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/wire/krpc.h"
#include "tests/sim/dht_world_state.h"
#include "tests/support/random.h"

#define NAT_REMEMBERS SEC(60)

/* ---- chance ---- */

static double uniform(struct dht_world *w)
{
    return (double)(random_next(&w->seed) >> 11) * 0x1p-53;
}

static bool percent(struct dht_world *w, unsigned n)
{
    return random_below(&w->seed, 100) < n;
}

/* Median 1; one of twenty is more than about 3. */
static double lognormal(struct dht_world *w, double sigma)
{
    double u = uniform(w) + 1e-12, v = uniform(w);
    return exp(sigma * sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}

static void fill_random(void *arg, void *out, size_t len)
{
    struct dht_world *w = arg;
    random_fill(&w->seed, out, len);
}

static struct addr fresh_addr(struct dht_world *w)
{
    for (;;) {
        uint8_t ip[16];
        random_fill(&w->seed, ip, sizeof(ip));
        ip[0] = w->options.v6 ? (uint8_t)(0x20 | (ip[0] & 0x1f)) : ip[0];
        struct addr a = w->options.v6 ? addr_v6(ip, 6881, 0) : addr_v4(ip, 6881);
        if (dht_addr_is_usable(&a) && !dht_addr_is_local(&a) &&
            !map_find(&w->by_addr, ip, w->options.v6 ? 16 : 4))
            return a;
    }
}

/* ---- nodes ---- */

static unsigned number_of(const struct node *n)
{
    return (unsigned)(n - n->world->node);
}

static struct node *node_at(struct dht_world *w, const struct addr *a)
{
    size_t len;
    const uint8_t *ip = addr_ip(a, &len);
    struct node *n = map_find(&w->by_addr, ip, len);
    return n && addr_equal(&n->addr, a) ? n : NULL;
}

static void set_timer(struct dht_world *w, struct timer *t, instant due)
{
    if (heap_set(&w->heap, t, due < w->now ? w->now : due) < 0)
        abort();
}

static void pump(struct node *n);

static void on_wake(struct timer *t)
{
    pump(container_of(t, struct node, wake));
}

static void on_leave(struct timer *t);

static void make_node(struct dht_world *w, struct node *n, enum dht_mode mode)
{
    const struct dht_options options = {.mode = mode,
                                        .v4 = !w->options.v6,
                                        .v6 = w->options.v6,
                                        .random = fill_random,
                                        .arg = w,
                                        .callers_max = 512,
                                        .items_max = 100,
                                        .topics_max = 100};
    size_t len;

    n->world = w;
    n->addr = fresh_addr(w);
    n->far_ms = w->options.rtt_ms / 4.0 * (w->options.even ? 1 : lognormal(w, 0.7));
    random_fill(&w->seed, n->id.b, sizeof(n->id.b));
    dht_id_fit(&n->id, &n->addr);
    n->wake.fire = on_wake;
    n->leave.fire = on_leave;
    if (dht_new(&n->d, &options, w->now) < 0)
        abort();
    const uint8_t *ip = addr_ip(&n->addr, &len);
    if (map_insert(&w->by_addr, ip, len, n) < 0)
        abort();
    if (n->natted && !n->contact) {
        n->contact = calloc(CONTACTS, sizeof(*n->contact));
        if (!n->contact)
            abort();
    }
}

static void unmake_node(struct dht_world *w, struct node *n)
{
    size_t len;
    const uint8_t *ip = addr_ip(&n->addr, &len);

    (void)map_remove(&w->by_addr, ip, len);
    heap_remove(&w->heap, &n->wake);
    heap_remove(&w->heap, &n->leave);
    dht_free(n->d);
    n->d = NULL;
}

/* ---- tables of the start ---- */

static int by_id(const void *a, const void *b, void *arg)
{
    const struct dht_world *w = arg;
    const unsigned *x = a, *y = b;
    return memcmp(&w->node[*x].id, &w->node[*y].id, DHT_ID_LEN);
}

unsigned dht_world_lower(const struct dht_world *w, const struct dht_id *id)
{
    unsigned low = 0, high = w->options.nodes;

    while (low < high) {
        unsigned mid = low + (high - low) / 2;
        if (memcmp(&w->node[w->sorted[mid]].id, id, DHT_ID_LEN) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Those that share `bits` bits with an id, and not the next: from `*begin` to before the result. */
static unsigned sharing(const struct dht_world *w, const struct dht_id *id, unsigned bits,
                        unsigned *begin)
{
    struct dht_id low = *id, high;

    low.b[bits / 8] ^= (uint8_t)(0x80 >> bits % 8);
    high = low;
    for (unsigned i = bits + 1; i < DHT_ID_BITS; i++) {
        low.b[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
        high.b[i / 8] |= (uint8_t)(0x80 >> i % 8);
    }
    *begin = dht_world_lower(w, &low);
    return dht_world_lower(w, &high);
}

static void load_tables(struct dht_world *w, struct node *n, unsigned max)
{
    uint8_t bytes[2 * DHT_SAVE_MAX], entry[KRPC_NODE6_LEN];
    struct writer out = writer_over(bytes, sizeof(bytes));
    unsigned begin, count = 0;

    write_u8(&out, 1);
    write_bytes(&out, n->id.b, DHT_ID_LEN);
    write_bytes(&out, n->id.b, DHT_ID_LEN);
    if (w->options.v6)
        write_be16(&out, 0);
    uint8_t *total = write_area(&out, 2);
    for (unsigned bits = 0; bits < 40 && count < max; bits++) {
        unsigned end = sharing(w, &n->id, bits, &begin), have = end - begin;
        unsigned room = bits < 3 ? (unsigned)DHT_BUCKET_LARGEST >> bits : DHT_BUCKET_SIZE;
        unsigned want = have < room ? have : room, at = (unsigned)random_next(&w->seed);
        /* A step that is prime to any count here: nobody comes twice. */
        for (unsigned i = 0; i < want && count < max; i++) {
            const struct node *other =
                &w->node[w->sorted[begin + (at + i * (have > 7919 ? 7919u : 1u)) % have]];
            write_bytes(&out, entry, krpc_put_node(entry, other->id.b, &other->addr));
            count++;
        }
    }
    total[0] = (uint8_t)(count >> 8);
    total[1] = (uint8_t)count;
    if (!w->options.v6)
        write_be16(&out, 0);
    if (out.failed || dht_load(n->d, w->now, bytes, writer_len(&out, bytes)) < 0)
        abort();
}

static void plan_leaving(struct dht_world *w, struct node *n)
{
    if (w->options.stays == 0)
        return;
    double wait = -log(1 - uniform(w)) * (double)w->options.stays;
    set_timer(w, &n->leave, w->now + (instant)wait);
}

/* Somebody else comes to its place, with another address and id, and a few nodes of last time. */
static void on_leave(struct timer *t)
{
    struct node *n = container_of(t, struct node, leave);
    struct dht_world *w = n->world;

    w->counts.left++;
    unmake_node(w, n);
    make_node(w, n, DHT_SERVER);
    for (unsigned i = 0; i < 2 * KNOWN_AT_START; i++)
        dht_add_node(n->d, w->now, &w->node[random_below(&w->seed, w->options.nodes)].addr);
    plan_leaving(w, n);
    pump(n);
}

/* ---- packets ---- */

static void watch_rate(struct dht_world *w, unsigned from, const struct addr *to)
{
    unsigned same = 1;

    for (unsigned i = 0; i < SENT_WATCHED; i++)
        same += w->sent[i].from == from && w->sent[i].at + SEC(1) > w->now && w->sent[i].at > 0 &&
                addr_same_ip(&w->sent[i].to, to);
    if (same > w->counts.worst_rate)
        w->counts.worst_rate = same;
    w->sent[w->next_sent] = (struct sent){from, *to, w->now};
    w->next_sent = (w->next_sent + 1) % SENT_WATCHED;
}

static void remember_contact(struct node *n, unsigned who)
{
    if (!n->contact)
        return;
    n->contact[n->next_contact] = (struct contact){who + 1, n->world->now};
    n->next_contact = (n->next_contact + 1) % CONTACTS;
}

static bool lets_in(const struct node *n, unsigned who)
{
    if (!n->contact)
        return true;
    for (unsigned i = 0; i < CONTACTS; i++)
        if (n->contact[i].who == who + 1 && n->contact[i].at + NAT_REMEMBERS > n->world->now)
            return true;
    return false;
}

static void on_arrival(struct timer *t);

void dht_world_transmit(struct node *from, const struct addr *to, const uint8_t *data, size_t len)
{
    struct dht_world *w = from->world;
    struct node *other = node_at(w, to);

    w->counts.packets++;
    if (from->mine)
        watch_rate(w, number_of(from), to);
    if (!other) {
        w->counts.unheard++;
        return;
    }
    remember_contact(from, number_of(other));
    if (random_below(&w->seed, 1000) < w->options.loss_permille) {
        w->counts.lost++;
        return;
    }
    struct flying *p = calloc(1, sizeof(*p) + len);
    if (!p)
        abort();
    *p = (struct flying){
        .timer = {.fire = on_arrival}, .world = w, .to = *to, .from = number_of(from), .len = len};
    memcpy(p->data, data, len);
    double ms = (from->far_ms + other->far_ms) * (DHT_WORLD_LEAST + DHT_WORLD_JITTER * uniform(w));
    set_timer(w, &p->timer, w->now + (instant)(ms * 1e6));
}

static void pump(struct node *n)
{
    struct dht_world *w = n->world;
    struct dht_tx tx;

    while (dht_output(n->d, w->now, &tx))
        dht_world_transmit(n, &tx.to, tx.data, tx.len);
    set_timer(w, &n->wake, dht_deadline(n->d));
}

/* ---- arrivals ---- */

static void on_arrival(struct timer *t)
{
    struct flying *p = container_of(t, struct flying, timer);
    struct dht_world *w = p->world;
    struct node *n = node_at(w, &p->to), *from = &w->node[p->from];
    struct krpc q;

    if (!n || !lets_in(n, p->from)) {
        w->counts.unheard++;
    } else if (!n->hostile || krpc_read(&q, p->data, p->len) < 0 || !dht_world_lie(n, from, &q)) {
        dht_input(n->d, w->now, &from->addr, p->data, p->len);
        pump(n);
    }
    free(p);
}

/* ---- the world ---- */

struct dht_world *dht_world_new(const struct dht_world_options *options)
{
    static const uint8_t secret[MAP_SECRET_LEN] = {1};
    struct dht_world *w = calloc(1, sizeof(*w));

    if (!w)
        abort();
    w->options = *options;
    w->seed = options->seed;
    w->now = SEC(1);
    map_init(&w->by_addr, secret);
    w->room = options->nodes + OWN_MAX;
    w->node = calloc(w->room, sizeof(*w->node));
    w->sorted = calloc(options->nodes, sizeof(*w->sorted));
    if (!w->node || !w->sorted)
        abort();
    for (; w->count < options->nodes; w->count++) {
        struct node *n = &w->node[w->count];
        n->hostile = percent(w, options->hostile_percent);
        n->natted = !n->hostile && percent(w, options->natted_percent);
        make_node(w, n, DHT_SERVER);
        w->sorted[w->count] = w->count;
    }
    qsort_r(w->sorted, w->count, sizeof(*w->sorted), by_id, w);
    for (unsigned i = 0; i < w->count; i++) {
        load_tables(w, &w->node[i], 400);
        if (!w->node[i].hostile)
            plan_leaving(w, &w->node[i]);
        set_timer(w, &w->node[i].wake, w->now + random_below(&w->seed, SEC(1)));
    }
    return w;
}

void dht_world_free(struct dht_world *w)
{
    for (unsigned i = 0; i < w->count; i++) {
        unmake_node(w, &w->node[i]);
        free(w->node[i].contact);
    }
    for (struct timer *t; (t = heap_take_due(&w->heap, INSTANT_NEVER - 1));)
        free(container_of(t, struct flying, timer));
    heap_deinit(&w->heap);
    map_deinit(&w->by_addr);
    free(w->node);
    free(w->sorted);
    free(w);
}

unsigned dht_world_join(struct dht_world *w, enum dht_mode mode)
{
    if (w->count == w->room)
        abort();
    struct node *n = &w->node[w->count++];
    n->mine = true;
    make_node(w, n, mode);
    for (unsigned i = 0; i < KNOWN_AT_START;) {
        const struct node *other = &w->node[random_below(&w->seed, w->options.nodes)];
        if (other->natted)
            continue;
        dht_add_node(n->d, w->now, &other->addr);
        i++;
    }
    pump(n);
    return number_of(n);
}

struct dht *dht_world_node(struct dht_world *w, unsigned number)
{
    return w->node[number].d;
}

struct addr dht_world_addr(const struct dht_world *w, unsigned number)
{
    return w->node[number].addr;
}

bool dht_world_is_hostile(const struct dht_world *w, unsigned number)
{
    return w->node[number].hostile;
}

void dht_world_leak(struct dht_world *w, const struct dht_item *item)
{
    w->leak = *item;
    w->leaked = true;
}

instant dht_world_now(const struct dht_world *w)
{
    return w->now;
}

static bool step(struct dht_world *w, instant until)
{
    if (heap_due(&w->heap) > until)
        return false;
    instant due = heap_due(&w->heap);
    struct timer *t = heap_take_due(&w->heap, until);
    w->now = due > w->now ? due : w->now;
    t->fire(t);
    return true;
}

void dht_world_run(struct dht_world *w, instant how_long)
{
    instant until = w->now + how_long;

    while (step(w, until))
        ;
    w->now = until;
}

struct dht_event dht_world_finish(struct dht_world *w, unsigned number,
                                  const struct dht_request *request, struct dht_item *item,
                                  struct dht_item *first)
{
    struct node *n = &w->node[number];
    struct dht_event e;
    bool any = false;

    pump(n);
    for (;;) {
        while (dht_next_event(n->d, &e)) {
            if (e.request != request)
                continue;
            if (e.kind == DHT_VALUE && first && !any)
                *first = *e.item;
            any |= e.kind == DHT_VALUE;
            if (e.kind == DHT_DONE) {
                if (e.item && item)
                    *item = *e.item;
                return e;
            }
        }
        if (!step(w, w->now + SEC(60)))
            abort();
    }
}
