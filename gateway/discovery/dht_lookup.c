#include "gateway/discovery/dht_lookup.h"

#include <string.h>

enum { SAME_NETWORK_MAX = 4, UNFIT_MAX = DHT_CANDIDATES_MAX / 4 };

void dht_lookup_init(struct dht_lookup *l, const struct dht_id *target, bool v6,
                     const struct dht_size *size)
{
    memset(l, 0, sizeof(*l));
    l->target = *target;
    l->v6 = v6;
    l->distance = dht_size_distance(size, DHT_CLOSEST);
    l->networks = dht_size_networks(size);
}

/* ---- candidates ---- */

/* Those without an id come first. */
static int compare(const struct dht_lookup *l, const struct dht_candidate *a,
                   const struct dht_candidate *b)
{
    if (a->known != b->known)
        return a->known ? 1 : -1;
    return a->known ? dht_id_compare(&l->target, &a->id, &b->id) : 0;
}

static void take_out(struct dht_lookup *l, size_t at)
{
    l->count--;
    memmove(&l->candidate[at], &l->candidate[at + 1], (l->count - at) * sizeof(l->candidate[0]));
}

/* Returns where it is now, or NULL if there are enough that are closer. */
static struct dht_candidate *put_in(struct dht_lookup *l, const struct dht_candidate *c)
{
    size_t at = l->count;

    while (at > 0 && compare(l, c, &l->candidate[at - 1]) < 0)
        at--;
    if (at == DHT_CANDIDATES_MAX)
        return NULL;
    if (l->count == DHT_CANDIDATES_MAX)
        l->count--;
    memmove(&l->candidate[at + 1], &l->candidate[at], (l->count - at) * sizeof(l->candidate[0]));
    l->candidate[at] = *c;
    l->count++;
    return &l->candidate[at];
}

/* May one more from this network come in? */
static bool is_welcome(const struct dht_lookup *l, const struct addr *addr)
{
    unsigned same = 0;

    for (size_t i = 0; i < l->count; i++) {
        if (dht_addr_same(&l->candidate[i].addr, addr, false))
            return false;
        same += dht_addr_same(&l->candidate[i].addr, addr, true);
    }
    return same < SAME_NETWORK_MAX;
}

/* Makes place for one that does not fit, if it is closer than the farthest such. */
static bool make_room_for_unfit(struct dht_lookup *l, const struct dht_candidate *c)
{
    unsigned unfit = 0;
    size_t last = 0;

    for (size_t i = 0; i < l->count; i++)
        if (l->candidate[i].known && !l->candidate[i].fits) {
            unfit++;
            last = i;
        }
    if (unfit < UNFIT_MAX)
        return true;
    if (l->candidate[last].state != DHT_NEW || compare(l, c, &l->candidate[last]) > 0)
        return false;
    take_out(l, last);
    return true;
}

void dht_lookup_add(struct dht_lookup *l, const struct dht_id *id, const struct addr *addr,
                    uint8_t path)
{
    struct dht_candidate c = {.addr = *addr, .known = id != NULL, .path = path};

    if (addr_is_v6(addr) != l->v6 || !dht_addr_is_usable(addr) || !is_welcome(l, addr))
        return;
    if (id) {
        c.id = *id;
        c.fits = dht_id_fits(id, addr);
    }
    if (!id || c.fits || make_room_for_unfit(l, &c))
        (void)put_in(l, &c);
}

void dht_lookup_start(struct dht_lookup *l, const struct dht_id *id, const struct addr *addr)
{
    dht_lookup_add(l, id, addr, (uint8_t)(l->starts++ % DHT_PATHS));
}

struct dht_candidate *dht_lookup_find(struct dht_lookup *l, const struct addr *addr)
{
    for (size_t i = 0; i < l->count; i++)
        if (addr_equal(&l->candidate[i].addr, addr))
            return &l->candidate[i];
    return NULL;
}

void dht_lookup_asked(struct dht_lookup *l, struct dht_candidate *c, instant now, instant soft)
{
    c->state = DHT_ASKED;
    c->asked_at = now;
    c->slow_at = now + soft;
    l->asked++;
}

struct dht_candidate *dht_lookup_answered(struct dht_lookup *l, struct dht_candidate *c,
                                          const struct dht_id *id)
{
    l->answered++;
    c->state = DHT_ANSWERED;
    if (c->known && dht_id_equal(&c->id, id))
        return c;
    if (c->known) {
        /* Who is not whom we were told about says nothing about what is close. */
        c->state = DHT_FAILED;
        return NULL;
    }
    struct dht_candidate moved = *c;
    take_out(l, (size_t)(c - l->candidate));
    moved.id = *id;
    moved.known = true;
    moved.fits = dht_id_fits(id, &moved.addr);
    return put_in(l, &moved);
}

void dht_lookup_failed(struct dht_candidate *c)
{
    c->state = DHT_FAILED;
}

/* ---- how far it is ---- */

static bool is_slow(const struct dht_candidate *c, instant now)
{
    return c->state == DHT_ASKED && now >= c->slow_at;
}

/* Nobody waits for it any more, though its answer is welcome. */
static instant late_at(const struct dht_candidate *c)
{
    return c->slow_at + (c->slow_at - c->asked_at);
}

static bool is_late(const struct dht_candidate *c, instant now)
{
    return c->state == DHT_ASKED && now >= late_at(c);
}

struct crowd {
    unsigned all, fit;
    uint64_t networks;
};

/* Counts one more of the closest. Are these enough, `more` beside them? */
static bool is_enough(const struct dht_lookup *l, struct crowd *crowd,
                      const struct dht_candidate *c, unsigned more)
{
    crowd->all++;
    crowd->fit += c->fits;
    crowd->networks |= UINT64_C(1) << dht_size_network_of(&c->addr);
    if (crowd->all >= DHT_CLOSEST_MAX)
        return true;
    return crowd->fit >= DHT_CLOSEST + more && dht_id_distance(&l->target, &c->id) >= l->distance &&
           (unsigned)__builtin_popcountll(crowd->networks) >= l->networks;
}

/* Whom to wait for: those that are late count no more. Whom to ask: in place of those that are slow
 * too, so that the time to wait for them is not lost. */
enum patience { WHILE_NOT_LATE, WHILE_NOT_SLOW };

static bool counts(const struct dht_candidate *c, enum patience patience, instant now)
{
    return c->state != DHT_FAILED &&
           !(patience == WHILE_NOT_LATE ? is_late(c, now) : is_slow(c, now));
}

/* Far fewer than live there: most of those near the target are still hidden from us. */
static bool is_sparse(const struct dht_lookup *l, const struct crowd *crowd,
                      const struct dht_candidate *last)
{
    return l->distance > 0 && crowd->all < DHT_CLOSEST_MAX &&
           dht_id_distance(&l->target, &last->id) > 2 * l->distance;
}

/* How many from the front matter. */
static size_t reach(const struct dht_lookup *l, enum patience patience, instant now)
{
    struct crowd crowd = {0};

    for (size_t i = 0; i < l->count; i++) {
        const struct dht_candidate *c = &l->candidate[i];
        if (!c->known || !counts(c, patience, now))
            continue;
        if (is_enough(l, &crowd, c, l->more) && !is_sparse(l, &crowd, c))
            return i + 1;
    }
    return l->count;
}

/* Has one of the three that are closest, as far as we know, answered? */
static bool is_close(const struct dht_lookup *l, instant now)
{
    unsigned seen = 0;

    for (size_t i = 0; i < l->count && seen < 3; i++) {
        const struct dht_candidate *c = &l->candidate[i];
        if (c->state == DHT_FAILED || is_slow(c, now))
            continue;
        if (c->state == DHT_ANSWERED)
            return true;
        seen++;
    }
    return false;
}

/* May any be asked, only those that are nearest, or none? */
enum room { ROOM_FOR_NONE, ROOM_FOR_NEAREST, ROOM_FOR_ANY };

static enum room room_to_ask(const struct dht_lookup *l, instant now)
{
    unsigned busy = 0, in_flight = 0;

    for (size_t i = 0; i < l->count; i++) {
        in_flight += l->candidate[i].state == DHT_ASKED;
        busy += l->candidate[i].state == DHT_ASKED && !is_slow(&l->candidate[i], now);
    }
    if (in_flight >= DHT_IN_FLIGHT_MAX)
        return ROOM_FOR_NONE;
    if (busy < (is_close(l, now) ? (unsigned)DHT_ALPHA_CLOSE : (unsigned)DHT_ALPHA))
        return ROOM_FOR_ANY;
    return l->answered > 0 ? ROOM_FOR_NEAREST : ROOM_FOR_NONE;
}

/* Goes through those whose answers matter, from the closest on. */
struct walk {
    enum patience patience;
    size_t reach;
    unsigned ends[DHT_PATHS]; /* of each path, so far */
};

static bool matters(struct walk *walk, const struct dht_lookup *l, size_t i, instant now)
{
    const struct dht_candidate *c = &l->candidate[i];

    if (!counts(c, walk->patience, now))
        return false;
    return walk->ends[c->path]++ < DHT_PATH_ENDS || i < walk->reach;
}

struct dht_candidate *dht_lookup_next(struct dht_lookup *l, instant now)
{
    enum room room = room_to_ask(l, now);
    struct walk walk = {WHILE_NOT_SLOW, 0, {0}};
    unsigned passed = 0;

    if (room == ROOM_FOR_NONE)
        return NULL;
    walk.reach = reach(l, WHILE_NOT_SLOW, now);
    for (size_t i = 0; i < l->count; i++) {
        if (room == ROOM_FOR_NEAREST && passed == DHT_NEAREST)
            return NULL;
        if (!matters(&walk, l, i, now))
            continue;
        passed++;
        if (l->candidate[i].state == DHT_NEW && now >= l->candidate[i].ready)
            return &l->candidate[i];
    }
    return NULL;
}

bool dht_lookup_is_done(const struct dht_lookup *l, instant now)
{
    struct walk walk = {WHILE_NOT_LATE, reach(l, WHILE_NOT_LATE, now), {0}};

    for (size_t i = 0; i < l->count; i++)
        if (matters(&walk, l, i, now) && l->candidate[i].state != DHT_ANSWERED)
            return false;
    return true;
}

instant dht_lookup_deadline(const struct dht_lookup *l, instant now)
{
    instant due = INSTANT_NEVER;

    for (size_t i = 0; i < l->count; i++) {
        const struct dht_candidate *c = &l->candidate[i];
        instant at = INSTANT_NEVER;
        if (c->state == DHT_NEW && c->ready > now)
            at = c->ready;
        else if (c->state == DHT_ASKED && !is_late(c, now))
            at = is_slow(c, now) ? late_at(c) : c->slow_at;
        if (at < due)
            due = at;
    }
    return due;
}

size_t dht_lookup_closest(struct dht_lookup *l, struct dht_candidate *out[static DHT_CLOSEST_MAX])
{
    struct crowd crowd = {0};
    size_t n = 0;

    for (size_t i = 0; i < l->count; i++) {
        struct dht_candidate *c = &l->candidate[i];
        if (c->state != DHT_ANSWERED)
            continue;
        out[n++] = c;
        if (is_enough(l, &crowd, c, 0))
            break;
    }
    return n;
}
