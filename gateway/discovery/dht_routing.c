#include "gateway/discovery/dht_routing.h"

#include <stdlib.h>
#include <string.h>

#define GOOD_FOR    SEC(15 * 60)
#define CHECK_AGAIN SEC(60)

enum {
    BAD_AFTER = 3,
    SAME_NETWORK_MAX = 2,
    PARTS_MAX = 16, /* that the first bucket is divided into; the others into half as many */
};

void dht_routing_init(struct dht_routing *r, const struct dht_id *self)
{
    memset(r, 0, sizeof(*r));
    r->self = *self;
}

void dht_routing_deinit(struct dht_routing *r)
{
    for (unsigned i = 0; i <= DHT_ID_BITS; i++) {
        free(r->bucket[i]);
        r->bucket[i] = NULL;
    }
    r->count = 0;
}

bool dht_node_is_good(const struct dht_node *n, instant now)
{
    return n->failures == 0 && n->replied > 0 && now < n->heard + GOOD_FOR;
}

static bool is_bad(const struct dht_node *n)
{
    return n->failures >= BAD_AFTER;
}

/* ---- finding places ---- */

static struct dht_bucket *bucket_of(const struct dht_routing *r, const struct dht_id *id)
{
    return r->bucket[dht_id_shared(&r->self, id)];
}

static unsigned size_of(unsigned shared)
{
    unsigned size = shared < 4 ? (unsigned)DHT_BUCKET_LARGEST >> shared : 0;
    return size > DHT_BUCKET_SIZE ? size : DHT_BUCKET_SIZE;
}

static struct dht_bucket *make_bucket(struct dht_routing *r, instant now, const struct dht_id *id)
{
    unsigned shared = dht_id_shared(&r->self, id);
    struct dht_bucket **b = &r->bucket[shared];

    if (!*b) {
        *b = calloc(1, sizeof(**b) + size_of(shared) * sizeof((*b)->node[0]));
        if (*b) {
            (*b)->changed = now;
            (*b)->size = (uint8_t)size_of(shared);
        }
    }
    return *b;
}

static bool is_node(const struct dht_node *n, const struct dht_id *id, const struct addr *addr)
{
    return dht_id_equal(&n->id, id) && addr_equal(&n->addr, addr);
}

static struct dht_node *find(struct dht_node *list, unsigned count, const struct dht_id *id,
                             const struct addr *addr)
{
    for (unsigned i = 0; i < count; i++)
        if (is_node(&list[i], id, addr))
            return &list[i];
    return NULL;
}

/* Is there a node at this address already, whatever its id? Local machines have many. */
static bool is_taken(const struct dht_routing *r, const struct addr *addr)
{
    for (unsigned i = 0; i <= DHT_ID_BITS; i++)
        for (unsigned k = 0; r->bucket[i] && k < r->bucket[i]->count; k++)
            if (dht_addr_same(&r->bucket[i]->node[k].addr, addr, false))
                return true;
    return false;
}

/* Has its network as many in this bucket as it may? */
static bool is_crowded(const struct dht_bucket *b, const struct addr *addr)
{
    unsigned same = 0;

    for (unsigned k = 0; k < b->count; k++)
        same += dht_addr_same(&b->node[k].addr, addr, true);
    return same >= SAME_NETWORK_MAX;
}

/* ---- parts of a bucket ---- */

/* The part of bucket `shared` that an id falls into: by the bits behind those that all there have.
 */
static unsigned part_of(unsigned shared, const struct dht_id *id)
{
    unsigned part = 0;

    for (unsigned bit = shared + 1, n = shared == 0 ? 4 : 3; n > 0 && bit < DHT_ID_BITS; bit++, n--)
        part = part << 1 | (id->b[bit / 8] >> (7 - bit % 8) & 1u);
    return part;
}

static unsigned parts_of(unsigned shared)
{
    return shared == 0 ? PARTS_MAX : PARTS_MAX / 2;
}

static void count_parts(const struct dht_bucket *b, unsigned shared, unsigned out[static PARTS_MAX])
{
    memset(out, 0, PARTS_MAX * sizeof(*out));
    for (unsigned k = 0; b && k < b->count; k++)
        out[part_of(shared, &b->node[k].id)]++;
}

/* Of the part that has most nodes the one that answers slowest, unless it fits and the new one does
 * not. NULL as well if that part has hardly more than that of the new one. */
static struct dht_node *one_of_many(struct dht_bucket *b, unsigned shared,
                                    const struct dht_node *fresh)
{
    unsigned count[PARTS_MAX], most = 0;
    struct dht_node *out = NULL;

    count_parts(b, shared, count);
    for (unsigned i = 1; i < PARTS_MAX; i++)
        most = count[i] > count[most] ? i : most;
    if (count[most] < count[part_of(shared, &fresh->id)] + 2)
        return NULL;
    for (unsigned k = 0; k < b->count; k++) {
        struct dht_node *n = &b->node[k];
        if (part_of(shared, &n->id) == most && (fresh->fits || !n->fits) &&
            (!out || n->rtt_ms > out->rtt_ms))
            out = n;
    }
    return out;
}

/* Whose place a node may take in a full bucket, or NULL. */
static struct dht_node *worse(struct dht_bucket *b, unsigned shared, const struct dht_node *fresh)
{
    struct dht_node *out = NULL;

    for (unsigned k = 0; k < b->count; k++) {
        struct dht_node *n = &b->node[k];
        if (is_bad(n))
            return n;
        if (fresh->fits && !n->fits && (!out || n->replied < out->replied))
            out = n;
    }
    return out ? out : one_of_many(b, shared, fresh);
}

/* ---- change ---- */

static void keep_spare(struct dht_bucket *b, const struct dht_node *n)
{
    struct dht_node *same = find(b->spare, b->spares, &n->id, &n->addr);
    unsigned at = same ? (unsigned)(same - b->spare) : 0;

    if (!same && b->spares < DHT_SPARES) {
        b->spare[b->spares++] = *n;
        return;
    }
    memmove(&b->spare[at], &b->spare[at + 1], (b->spares - at - 1) * sizeof(*b->spare));
    b->spare[b->spares - 1] = *n;
}

static void drop_spare(struct dht_bucket *b, const struct dht_node *n)
{
    struct dht_node *same = find(b->spare, b->spares, &n->id, &n->addr);

    if (!same)
        return;
    unsigned at = (unsigned)(same - b->spare);
    memmove(same, same + 1, (b->spares - at - 1) * sizeof(*same));
    b->spares--;
}

static void insert(struct dht_routing *r, instant now, const struct dht_node *fresh)
{
    struct dht_bucket *b = make_bucket(r, now, &fresh->id);

    if (!b || is_taken(r, &fresh->addr) || is_crowded(b, &fresh->addr))
        return;
    struct dht_node *place = b->count < b->size
                                 ? &b->node[b->count]
                                 : worse(b, dht_id_shared(&r->self, &fresh->id), fresh);
    if (!place) {
        keep_spare(b, fresh);
        return;
    }
    if (b->count < b->size) {
        b->count++;
        r->count++;
    }
    *place = *fresh;
    b->changed = now;
    drop_spare(b, fresh);
}

void dht_routing_replied(struct dht_routing *r, instant now, const struct dht_id *id,
                         const struct addr *addr, instant rtt)
{
    struct dht_node fresh = {.id = *id,
                             .addr = *addr,
                             .replied = now > 0 ? now : 1,
                             .heard = now,
                             .rtt_ms = (uint32_t)(rtt / MSEC(1)),
                             .fits = dht_id_fits(id, addr)};
    struct dht_bucket *b = bucket_of(r, id);

    if (dht_id_equal(id, &r->self) || !dht_addr_is_usable(addr))
        return;
    struct dht_node *n = b ? find(b->node, b->count, id, addr) : NULL;
    if (!n) {
        insert(r, now, &fresh);
        return;
    }
    fresh.asked = n->asked;
    *n = fresh;
    b->changed = now;
}

void dht_routing_remember(struct dht_routing *r, instant now, const struct dht_id *id,
                          const struct addr *addr)
{
    const struct dht_node old = {
        .id = *id, .addr = *addr, .failures = 1, .fits = dht_id_fits(id, addr)};
    const struct dht_bucket *b = bucket_of(r, id);

    if (!dht_id_equal(id, &r->self) && dht_addr_is_usable(addr) && (!b || b->count < b->size))
        insert(r, now, &old);
}

bool dht_routing_heard(struct dht_routing *r, instant now, const struct dht_id *id,
                       const struct addr *addr)
{
    struct dht_bucket *b = bucket_of(r, id);
    struct dht_node *n = b ? find(b->node, b->count, id, addr) : NULL;

    if (dht_id_equal(id, &r->self) || !dht_addr_is_usable(addr))
        return false;
    if (n) {
        n->heard = now;
        return false;
    }
    /* The usual case, a full bucket, first: this is done for every query. */
    const struct dht_node fresh = {.id = *id, .addr = *addr, .fits = dht_id_fits(id, addr)};
    if (b && b->count == b->size && !worse(b, dht_id_shared(&r->self, id), &fresh))
        return false;
    return !is_taken(r, addr) && !(b && is_crowded(b, addr));
}

/* Takes a node out; one that waits takes its place. */
static void replace(struct dht_routing *r, struct dht_bucket *b, struct dht_node *n)
{
    if (b->spares > 0) {
        *n = b->spare[--b->spares];
        return;
    }
    *n = b->node[--b->count];
    r->count--;
}

void dht_routing_failed(struct dht_routing *r, const struct addr *addr)
{
    for (unsigned i = 0; i <= DHT_ID_BITS; i++) {
        struct dht_bucket *b = r->bucket[i];
        for (unsigned k = 0; b && k < b->count; k++) {
            struct dht_node *n = &b->node[k];
            if (!addr_equal(&n->addr, addr))
                continue;
            if (n->failures < BAD_AFTER)
                n->failures++;
            if (is_bad(n) && (b->spares > 0 || r->count > DHT_BUCKET_SIZE))
                replace(r, b, n);
            return;
        }
    }
}

void dht_routing_set_self(struct dht_routing *r, instant now, const struct dht_id *self)
{
    struct dht_routing old = *r;

    dht_routing_init(r, self);
    for (unsigned i = 0; i <= DHT_ID_BITS; i++) {
        const struct dht_bucket *b = old.bucket[i];
        for (unsigned k = 0; b && k < b->count; k++)
            if (!dht_id_equal(&b->node[k].id, self))
                insert(r, now, &b->node[k]);
    }
    dht_routing_deinit(&old);
}

/* ---- asking it ---- */

unsigned dht_routing_good(const struct dht_routing *r, instant now)
{
    unsigned good = 0;

    for (unsigned i = 0; i <= DHT_ID_BITS; i++)
        for (unsigned k = 0; r->bucket[i] && k < r->bucket[i]->count; k++)
            good += dht_node_is_good(&r->bucket[i]->node[k], now);
    return good;
}

/* Puts a node where it belongs among the `n` closest so far. Returns how many there are then. */
static size_t place_by_distance(struct dht_node *out, size_t n, size_t max,
                                const struct dht_id *target, const struct dht_node *node)
{
    size_t at = n;

    while (at > 0 && dht_id_compare(target, &node->id, &out[at - 1].id) < 0)
        at--;
    if (at == max)
        return n;
    size_t moved = (n < max ? n : max - 1) - at;
    memmove(&out[at + 1], &out[at], moved * sizeof(*out));
    out[at] = *node;
    return n < max ? n + 1 : max;
}

static size_t take_bucket(const struct dht_bucket *b, const struct dht_id *target,
                          struct dht_node *out, size_t n, size_t max)
{
    for (unsigned k = 0; b && k < b->count; k++)
        if (!is_bad(&b->node[k]))
            n = place_by_distance(out, n, max, target, &b->node[k]);
    return n;
}

/*
 * With p bits shared between target and us, bucket p holds the nodes that share more with the
 * target than we do: all closer than any other. Those beyond p, and we, are next: they share
 * exactly p. Then p - 1, p - 2 and so on, each farther than the one before.
 */
size_t dht_routing_closest(const struct dht_routing *r, const struct dht_id *target,
                           struct dht_node *out, size_t max)
{
    unsigned p = dht_id_shared(&r->self, target);
    size_t n = take_bucket(r->bucket[p], target, out, 0, max);

    if (n < max)
        for (unsigned i = p + 1; i <= DHT_ID_BITS; i++)
            n = take_bucket(r->bucket[i], target, out, n, max);
    while (n < max && p > 0)
        n = take_bucket(r->bucket[--p], target, out, n, max);
    return n;
}

bool dht_routing_next_check(struct dht_routing *r, instant now, struct addr *out)
{
    for (unsigned i = 0; i <= DHT_ID_BITS; i++) {
        struct dht_bucket *b = r->bucket[i];
        for (unsigned k = 0; b && k < b->count; k++) {
            struct dht_node *n = &b->node[k];
            if (dht_node_is_good(n, now) || (n->asked > 0 && now < n->asked + CHECK_AGAIN))
                continue;
            n->asked = now > 0 ? now : 1;
            *out = n->addr;
            return true;
        }
    }
    return false;
}

/* `bits` bits as in `front`, the others as in `chance`. */
static struct dht_id id_within(const uint8_t chance[static DHT_ID_LEN], const struct dht_id *front,
                               unsigned bits)
{
    struct dht_id out = dht_id_from(chance);

    for (unsigned bit = 0; bit < bits; bit++) {
        uint8_t mask = (uint8_t)(0x80 >> bit % 8);
        out.b[bit / 8] = (uint8_t)((out.b[bit / 8] & ~mask) | (front->b[bit / 8] & mask));
    }
    return out;
}

/* What bucket `shared` of ours is for, and of it a part. */
static struct dht_id front_of(const struct dht_id *self, unsigned shared, unsigned part)
{
    struct dht_id out = *self;

    out.b[shared / 8] ^= (uint8_t)(0x80 >> shared % 8);
    for (unsigned bit = shared + 1, left = parts_of(shared) >> 1; left > 0; bit++, left >>= 1) {
        uint8_t mask = (uint8_t)(0x80 >> bit % 8);
        out.b[bit / 8] = (uint8_t)((out.b[bit / 8] & ~mask) | (part & left ? mask : 0));
    }
    return out;
}

bool dht_routing_next_gap(const struct dht_routing *r, const uint8_t chance[static DHT_ID_LEN],
                          struct dht_id *out)
{
    for (unsigned i = 0; size_of(i) > DHT_BUCKET_SIZE; i++) {
        unsigned count[PARTS_MAX], parts = parts_of(i);
        count_parts(r->bucket[i], i, count);
        for (unsigned k = 0; k < parts; k++) {
            unsigned part = (chance[0] + k) % parts;
            if (2 * count[part] * parts >= size_of(i))
                continue;
            const struct dht_id front = front_of(&r->self, i, part);
            *out = id_within(chance, &front, i + 1 + (parts == PARTS_MAX ? 4 : 3));
            return true;
        }
    }
    return false;
}

bool dht_routing_next_refresh(struct dht_routing *r, instant now,
                              const uint8_t chance[static DHT_ID_LEN], struct dht_id *out)
{
    for (unsigned i = 0; i < DHT_ID_BITS; i++) {
        struct dht_bucket *b = r->bucket[i];
        if (!b || now < b->changed + GOOD_FOR)
            continue;
        b->changed = now;
        struct dht_id front = r->self;
        front.b[i / 8] ^= (uint8_t)(0x80 >> i % 8); /* shares i bits with us, and not the next */
        *out = id_within(chance, &front, i + 1);
        return true;
    }
    return false;
}
