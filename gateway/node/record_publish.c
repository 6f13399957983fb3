/* Our own record: what it says, its numbers, and keeping it where everybody finds it. */
#include "gateway/node/record_desk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/text.h"

#define SOON        SEC(2) /* changes come in company */
#define EVERY       SEC(3600)
#define RETRY_FIRST SEC(15)
#define RETRY_MAX   SEC(1800)
#define ENOUGH      20       /* nodes that shall keep it */
#define THIN_FIRST  SEC(60)  /* after which it is stored again where fewer do; this doubles, */
#define THIN_MAX    SEC(900) /* up to here, or to EVERY where all that answered do */
#define DAY_US      (24 * 3600 * INT64_C(1000000))

/* ---- numbers that never serve twice ---- */

static int64_t load_seq(struct env *env)
{
    uint8_t *data = NULL;
    size_t len = 0;
    uint64_t seq = 0;

    if (env_load(env, RECORD_SEQ_FILE, &data, &len) == 0 && len > 0 && data[len - 1] == '\n')
        len--;
    /* Without it the clock, and the record that is found, tell where to go on. */
    if (data && text_parse_u64(&seq, (const char *)data, len, INT64_MAX) < 0)
        seq = 0;
    free(data);
    return (int64_t)seq;
}

/* Takes the next number: now, and above all that we know of. Returns 0 or what saving said. */
static int take_seq(struct record_desk *d, int64_t above)
{
    char text[24];
    int64_t seq = env_wall_us(d->node->env);

    if (seq <= d->last_seq)
        seq = d->last_seq + 1;
    if (seq <= above)
        seq = above + 1;
    int len = snprintf(text, sizeof(text), "%" PRId64 "\n", seq);
    int err = env_save(d->node->env, RECORD_SEQ_FILE, (const uint8_t *)text, (size_t)len);
    if (err == 0)
        d->last_seq = seq;
    return err;
}

/* ---- what it says ---- */

static void add_services(const struct record_desk *d, struct pkarr_record *out)
{
    struct registry *r = d->node->registry;

    for (size_t i = 0; i < registry_service_count(r); i++) {
        const struct service *s = registry_service_at(r, i);
        if (!s->public || s->transient || out->services == PKARR_SERVICES_MAX)
            continue;
        struct pkarr_service *p = &out->service[out->services++];
        (void)snprintf(p->name, sizeof(p->name), "%s", s->name);
        p->port = s->port;
        p->tcp = s->proto != SERVICE_UDP;
        p->udp = s->proto != SERVICE_TCP;
    }
}

static void describe(const struct record_desk *d, struct pkarr_record *out)
{
    *out = (struct pkarr_record){.ours = true, .shares = d->node->options->peer_exchange};
    memcpy(out->key, d->source.keys->id.key, sizeof(out->key));
    (void)snprintf(out->nick, sizeof(out->nick), "%s", d->node->options->nickname);
    out->relays = d->source.relays(d->source.arg, out->relay);
    out->addrs = d->source.addresses(d->source.arg, out->addr, PKARR_ADDRS_MAX);
    add_services(d, out);
}

/* Writes what we say now as a value that is not signed yet. Returns 0 or -ENOMEM. */
static int write_value(struct record_desk *d, struct dht_item *out)
{
    struct pkarr_record record;
    uint8_t packet[PKARR_PACKET_MAX];

    describe(d, &record);
    *out = (struct dht_item){.mutable = true};
    out->salt_len = record_salt(d, record.key, out->salt).len;
    int len = pkarr_write(&record, packet, &d->stored.left_out);
    return len < 0 ? len : dht_item_set_bytes(out, packet, (size_t)len);
}

static bool same_value(const struct dht_item *a, const struct dht_item *b)
{
    return a->value_len == b->value_len && memcmp(a->value, b->value, a->value_len) == 0;
}

/* ---- storing it ---- */

static void look_again(struct record_desk *d, instant after)
{
    d->state = RECORD_WAITING;
    timer_set(d->node->env, &d->timer, env_now(d->node->env) + after);
}

static void try_later(struct record_desk *d)
{
    unsigned doubled = d->failures < 7 ? d->failures : 7;
    instant pause = RETRY_FIRST << doubled;

    d->failures++;
    look_again(d, pause < RETRY_MAX ? pause : RETRY_MAX);
}

/* ---- at pkarr's relays ---- */

static void on_relay_took(struct relays_call *call, const char *relay, const struct dht_item *item)
{
    struct record_desk *d = container_of(call, struct record_desk, relays);
    (void)item;

    d->stored.relays++;
    log_debug(LOG_GATEWAY, "our record is kept by the relay %s", relay);
    if (d->stored.seq != d->item.seq) {
        d->stored.seq = d->item.seq;
        d->stored.nodes = 0;
    }
    d->stored.when = env_now(d->node->env);
}

static void on_relays_ended(struct relays_call *call)
{
    (void)call;
}

static void put_at_relays(struct record_desk *d)
{
    d->stored.relays = 0;
    d->relays.found = on_relay_took;
    d->relays.ended = on_relays_ended;
    if (relays_exist(d->node))
        (void)!relays_put(&d->relays, d->node, &d->item); /* none could be asked: next time */
}

/* ---- on the DHT ---- */

/* Who is new, or whose table is still empty, finds few nodes; the network is there a moment later.
 * Where all that there are keep it, there may be no more of them. */
static instant next_time(struct record_desk *d, const struct dht_event *event)
{
    instant most = event->stored >= event->answered ? EVERY : THIN_MAX;
    instant pause = THIN_FIRST << (d->thin < 7 ? d->thin : 7);

    if (event->stored >= ENOUGH) {
        d->thin = 0;
        return EVERY;
    }
    d->thin++;
    return pause < most ? pause : most;
}

static void note_stored(struct record_desk *d, unsigned nodes)
{
    if (d->stored.seq != d->item.seq || d->stored.nodes != nodes)
        log_info(LOG_GATEWAY, "our record is kept by %u nodes of the DHT", nodes);
    if (d->stored.seq != d->item.seq)
        d->thin = 0;
    d->failures = 0;
    d->stored.seq = d->item.seq;
    d->stored.when = env_now(d->node->env);
    d->stored.nodes = nodes;
}

static void on_stored(struct record_desk *d, const struct dht_event *event)
{
    if (d->changed) {
        d->changed = false;
        look_again(d, SOON);
    } else if (event->result == -ESTALE || event->result == -EEXIST) {
        look_again(d, SOON); /* somebody else has our key and was faster: read it, and go beyond */
    } else if (event->result < 0) {
        try_later(d);
    } else {
        note_stored(d, event->stored);
        look_again(d, next_time(d, event));
    }
}

/* Signs what we say, unless the item of last time says it already and is the newest: an item may be
 * stored again as it is, but no number may name two values. */
static int sign(struct record_desk *d, const struct dht_item *found)
{
    struct dht_item fresh;
    int err = write_value(d, &fresh);

    if (err < 0)
        return err;
    int64_t above = found ? found->seq : 0;
    if (d->item.seq >= above && d->item.seq > 0 && same_value(&fresh, &d->item))
        return 0;
    if (above > env_wall_us(d->node->env) + DAY_US)
        log_warn(LOG_GATEWAY, "our record on the DHT claims to be from the future: has this key "
                              "been used on a machine whose clock was wrong?");
    err = take_seq(d, above);
    if (err < 0) {
        log_warn(LOG_GATEWAY, "%s could not be saved, so our record is not published: %s",
                 RECORD_SEQ_FILE, strerror(-err));
        return err;
    }
    fresh.seq = d->last_seq;
    dht_item_sign(&fresh, d->source.keys);
    d->item = fresh;
    d->source.on_own(d->source.arg, &d->item);
    return 0;
}

/* Not on the DHT alone. */
static bool is_wanted_elsewhere(const struct record_desk *d)
{
    return relays_exist(d->node) || d->node->options->peer_exchange;
}

static void on_looked(struct record_desk *d, const struct dht_event *event)
{
    const int64_t seen = event->item ? event->item->seq : 0;

    const bool unreachable = event->result == -EHOSTUNREACH;

    if ((unreachable && !is_wanted_elsewhere(d)) || sign(d, event->item) < 0) {
        try_later(d);
        return;
    }
    put_at_relays(d);
    if (unreachable || dht_desk_put(d->dht, &d->call, &d->item, seen > 0 ? &seen : NULL) < 0) {
        try_later(d);
        return;
    }
    d->state = RECORD_STORING;
}

static void on_event(struct dht_call *call, const struct dht_event *event)
{
    struct record_desk *d = container_of(call, struct record_desk, call);

    if (event->kind != DHT_DONE)
        return;
    if (d->state == RECORD_LOOKING)
        on_looked(d, event);
    else
        on_stored(d, event);
}

/* Reads before it writes: another machine may have our key. */
static void on_timer(struct timer *timer)
{
    struct record_desk *d = container_of(timer, struct record_desk, timer);
    const uint8_t *key = d->source.keys->id.key;
    uint8_t salt[PKARR_SALT_LEN];

    if (!d->dht->dht) { /* relays or peers alone: they refuse what is older */
        if (sign(d, NULL) == 0)
            put_at_relays(d);
        look_again(d, EVERY);
        return;
    }
    if (dht_desk_get(d->dht, &d->call, key, record_salt(d, key, salt), 0) < 0) {
        try_later(d);
        return;
    }
    d->state = RECORD_LOOKING;
}

void record_desk_changed(struct record_desk *d)
{
    struct dht_item now;

    if (!d->node || d->state == RECORD_OFF || write_value(d, &now) < 0 ||
        same_value(&now, &d->item))
        return;
    if (d->state == RECORD_WAITING)
        look_again(d, SOON);
    else
        d->changed = true;
}

void record_desk_status(const struct record_desk *d, struct record_status *out)
{
    *out = d->stored;
    out->state = d->state;
}

void record_publish_start(struct record_desk *d)
{
    d->timer.fire = on_timer;
    d->call.event = on_event;
    d->last_seq = load_seq(d->node->env);
    if (d->dht->dht || is_wanted_elsewhere(d))
        look_again(d, SOON);
}

void record_publish_stop(struct record_desk *d)
{
    timer_stop(d->node->env, &d->timer);
    dht_desk_cancel(d->dht, &d->call);
    relays_cancel(&d->relays);
}
