#include "gateway/discovery/dht_mailbox.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/crypto/hash.h"
#include "gateway/crypto/secret.h"

#define SLOT_LABEL "dht-mailbox-slot"

const struct mailbox_pace MAILBOX_BY_DHT = {
    .label = "dht-mailbox-seal",
    .patience = SEC(2),
    .every = SEC(30), /* it is read within DHT_MAILBOX_POLL */
    .answers = SEC(5),
    .per_hour = MAILBOX_HOUR_MAX,
    .doublings = 5, /* half a minute becomes a quarter of an hour */
    .meet_after_ms = 6000,
};

/* ---- contacts ---- */

void dht_mailbox_init(struct dht_mailbox *m, const struct keys *keys, const uint8_t *network)
{
    *m = (struct dht_mailbox){.keys = keys, .network = network};
}

void dht_mailbox_deinit(struct dht_mailbox *m)
{
    secret_wipe(m, sizeof(*m));
}

static struct dht_mailbox_contact *find(struct dht_mailbox *m, const struct peer_id *id)
{
    for (size_t i = 0; i < m->contacts; i++)
        if (peer_id_equal(&m->contact[i].id, id))
            return &m->contact[i];
    return NULL;
}

bool dht_mailbox_has(const struct dht_mailbox *m, const struct peer_id *id)
{
    for (size_t i = 0; i < m->contacts; i++)
        if (peer_id_equal(&m->contact[i].id, id))
            return true;
    return false;
}

static void begin(const struct dht_mailbox *m, struct dht_mailbox_contact *c,
                  const struct peer_id *id, instant poll)
{
    const struct pair_key_use use = {.label = SLOT_LABEL, .network = m->network};

    *c = (struct dht_mailbox_contact){.id = *id, .poll = poll};
    c->usable = pair_keys(m->keys, id, &use, c->in, c->out) == 0;
}

void dht_mailbox_set_contacts(struct dht_mailbox *m, instant now, const struct peer_id *list,
                              size_t count)
{
    struct dht_mailbox_contact fresh[DHT_MAILBOX_CONTACTS] = {{.usable = false}};

    if (count > DHT_MAILBOX_CONTACTS)
        count = DHT_MAILBOX_CONTACTS;
    m->reading = 0;
    for (size_t i = 0; i < count; i++) {
        const struct dht_mailbox_contact *old = find(m, &list[i]);
        if (old)
            fresh[i] = *old;
        else
            begin(m, &fresh[i], &list[i], now + DHT_MAILBOX_POLL * i / DHT_MAILBOX_CONTACTS);
        m->reading += fresh[i].reading;
    }
    secret_wipe(m->contact, sizeof(m->contact));
    memcpy(m->contact, fresh, count * sizeof(fresh[0]));
    m->contacts = count;
    secret_wipe(fresh, sizeof(fresh));
}

void dht_mailbox_set_reached(struct dht_mailbox *m, const struct peer_id *id, bool reached)
{
    struct dht_mailbox_contact *c = find(m, id);
    if (c)
        c->reached = reached;
}

/* ---- slots ---- */

static uint64_t hour_of(int64_t wall_us)
{
    return wall_us > 0 ? (uint64_t)(wall_us / DHT_MAILBOX_HOUR_US) : 0;
}

/* The one that a contact may still, or already, be in: the same unless the edge is near. */
static uint64_t hour_beside(int64_t wall_us)
{
    uint64_t hour = hour_of(wall_us);
    int64_t into = wall_us > 0 ? wall_us % DHT_MAILBOX_HOUR_US : 0;

    if (into < DHT_MAILBOX_EDGE_US && hour > 0)
        return hour - 1;
    return into >= DHT_MAILBOX_HOUR_US - DHT_MAILBOX_EDGE_US ? hour + 1 : hour;
}

static void slot_keys(struct keys *out, const uint8_t direction[static PAIR_KEY_LEN], uint64_t hour)
{
    uint8_t text[8], seed[KEYS_SEED_LEN];
    struct writer w = writer_over(text, sizeof(text));

    write_be64(&w, hour);
    hash_blake2b(seed, sizeof(seed), direction, PAIR_KEY_LEN, text, sizeof(text));
    keys_from_seed(out, seed);
    secret_wipe(seed, sizeof(seed));
}

static struct dht_mailbox_slot *slot_of(struct dht_mailbox_contact *c, uint64_t hour)
{
    struct dht_mailbox_slot *s = &c->slot[hour % 2];
    struct keys keys;

    if (s->keyed && s->hour == hour)
        return s;
    slot_keys(&keys, c->in, hour);
    *s = (struct dht_mailbox_slot){.keyed = true, .hour = hour, .read = INT64_MIN};
    memcpy(s->key, keys.id.key, sizeof(s->key));
    keys_wipe(&keys);
    return s;
}

/* ---- reading ---- */

static bool is_awaited(const struct dht_mailbox_contact *c, instant now)
{
    return now < c->fast_until;
}

static bool may_read(const struct dht_mailbox_contact *c, instant now, bool idle)
{
    return c->usable && !c->reached && !c->reading && (idle || is_awaited(c, now));
}

/* Returns which one is to be read first; `contacts` if none is. */
static size_t first_due(const struct dht_mailbox *m, instant now, bool idle)
{
    size_t first = m->contacts;

    for (size_t i = 0; i < m->contacts && m->reading < DHT_MAILBOX_READS; i++)
        if (may_read(&m->contact[i], now, idle) &&
            (first == m->contacts || m->contact[i].poll < m->contact[first].poll))
            first = i;
    return first;
}

/* By turns where there are two to read. */
static struct dht_mailbox_slot *slot_to_read(struct dht_mailbox_contact *c, instant now,
                                             int64_t wall_us)
{
    uint64_t hour = hour_of(wall_us), beside = hour_beside(wall_us);

    c->both = hour != beside;
    c->hour = c->hour == hour ? beside : hour;
    struct dht_mailbox_slot *s = slot_of(c, c->hour);
    if (now >= s->looked + DHT_MAILBOX_LOOK)
        s->near.count = 0;
    return s;
}

bool dht_mailbox_next(struct dht_mailbox *m, instant now, int64_t wall_us, bool idle,
                      struct dht_mailbox_look *out)
{
    size_t first = first_due(m, now, idle);
    struct dht_mailbox_contact *c = &m->contact[first];

    if (first == m->contacts || now < c->poll)
        return false;
    const struct dht_mailbox_slot *s = slot_to_read(c, now, wall_us);
    *out = (struct dht_mailbox_look){
        .from = c->id,
        .min_seq = s->read < INT64_MAX ? s->read + 1 : INT64_MAX,
        .near = s->near.count > 0 ? &s->near : NULL,
    };
    memcpy(out->key, s->key, sizeof(out->key));
    c->reading = true;
    m->reading++;
    m->polled++;
    return true;
}

/* Where most of those that were asked are gone the next read is a look-up. */
static void take_near(struct dht_mailbox_slot *s, instant now, const struct dht_near *near)
{
    static const struct dht_near NOBODY;
    unsigned asked = s->near.count;

    if (near && asked == 0)
        s->looked = now;
    s->near = near && 2 * near->count >= asked ? *near : NOBODY;
}

bool dht_mailbox_news(struct dht_mailbox *m, const struct peer_id *from,
                      const struct dht_item *item)
{
    struct dht_mailbox_contact *c = find(m, from);
    struct dht_mailbox_slot *s = c && c->reading ? slot_of(c, c->hour) : NULL;

    if (!s || item->seq <= s->read)
        return false;
    s->read = item->seq;
    return true;
}

void dht_mailbox_done(struct dht_mailbox *m, instant now, const struct peer_id *from,
                      const struct dht_near *near)
{
    struct dht_mailbox_contact *c = find(m, from);

    if (!c || !c->reading)
        return;
    c->reading = false;
    m->reading--;
    c->poll =
        now + (is_awaited(c, now) ? DHT_MAILBOX_POLL_FAST : DHT_MAILBOX_POLL / (c->both ? 2 : 1));
    take_near(slot_of(c, c->hour), now, near);
}

instant dht_mailbox_due(const struct dht_mailbox *m, instant now, bool idle)
{
    size_t first = first_due(m, now, idle);

    if (first == m->contacts)
        return INSTANT_NEVER;
    return m->contact[first].poll > now ? m->contact[first].poll : now;
}

void dht_mailbox_await(struct dht_mailbox *m, instant now, const struct peer_id *to)
{
    struct dht_mailbox_contact *c = find(m, to);

    if (!c)
        return;
    c->fast_until = now + DHT_MAILBOX_FAST_FOR;
    if (c->poll > now + DHT_MAILBOX_POLL_FAST)
        c->poll = now + DHT_MAILBOX_POLL_FAST;
}

/* ---- writing ---- */

int dht_mailbox_item(struct dht_mailbox *m, const struct peer_id *to, int64_t wall_us,
                     const uint8_t *sealed, size_t len, struct dht_item *out)
{
    struct dht_mailbox_contact *c = find(m, to);
    struct keys keys;

    if (!c || !c->usable)
        return c ? -EINVAL : -ENOENT;
    if (c->written == INT64_MAX)
        return -ERANGE;
    memset(out, 0, sizeof(*out));
    int err = dht_item_set_bytes(out, sealed, len);
    if (err < 0)
        return err;
    c->written = wall_us > c->written ? wall_us : c->written + 1;
    out->seq = c->written;
    slot_keys(&keys, c->out, hour_of(wall_us));
    dht_item_sign(out, &keys);
    keys_wipe(&keys);
    return 0;
}

void dht_mailbox_met(struct dht_mailbox *m, const struct peer_id *to, int64_t seq)
{
    struct dht_mailbox_contact *c = find(m, to);

    if (c && seq > c->written)
        c->written = seq;
}
