#include "gateway/discovery/lan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/crypto/secret.h"
#include "gateway/discovery/lan_hear.h"
#include "gateway/discovery/lan_speak.h"
#include "gateway/discovery/lan_state.h"

#define BEACON_EVERY  SEC(30)
#define BEACON_JITTER SEC(2) /* or gateways that start together collide for ever */
#define BURST_EVERY   SEC(1)
#define ASK_AGAIN     SEC(10) /* before a question to the same peer is begun anew */

enum { BURST_MIN = 3, BURST_MAX = 8, ASK_TIMES = 3 };

/* After the first question, after the second. */
static const instant ask_pause[ASK_TIMES] = {MSEC(400), MSEC(1200), 0};

/* ---- life ---- */

int lan_new(struct lan **out, const struct lan_options *options)
{
    struct lan *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    l->options = *options;
    l->beacon_due = INSTANT_NEVER;
    options->random(options->arg, l->instance, sizeof(l->instance));
    lan_contacts_init(&l->contacts, options->keys, options->network);
    lan_contacts_ask_key(&l->contacts, &options->keys->id, false, l->ask_key);
    lan_contacts_ask_key(&l->contacts, &options->keys->id, true, l->answer_key);
    lan_ears_init(&l->ears);
    dnssd_init(&l->dnssd, &options->keys->id, options->port_v4, options->port_v6, options->random,
               options->arg);
    *out = l;
    return 0;
}

void lan_free(struct lan *l)
{
    if (!l)
        return;
    lan_contacts_deinit(&l->contacts);
    secret_wipe(l, sizeof(*l));
    free(l);
}

static void begin_burst(struct lan *l, instant now)
{
    size_t rounds = (l->contacts.count + BEACON_ENTRIES_MAX - 1) / BEACON_ENTRIES_MAX;

    if (l->places.count == 0 || (l->contacts.count == 0 && !l->options.public))
        return;
    l->burst_left = (unsigned)(rounds < BURST_MIN   ? BURST_MIN
                               : rounds > BURST_MAX ? BURST_MAX
                                                    : rounds);
    if (now < l->beacon_due)
        l->beacon_due = now;
}

int lan_set_contacts(struct lan *l, instant now, const struct peer_id *ids, size_t count)
{
    int fresh = lan_contacts_set(&l->contacts, ids, count);

    if (fresh < 0)
        return fresh;
    if (fresh)
        begin_burst(l, now);
    return 0;
}

void lan_set_interfaces(struct lan *l, instant now, const struct interface *list, size_t count)
{
    lan_places_set(&l->places, list, count, l->options.port_v4 != 0, l->options.port_v6 != 0,
                   l->options.public);
    l->next_join = 0;
    l->sweep = LAN_SWEEP_NONE;
    begin_burst(l, now);
    if (l->options.public)
        dnssd_set_interfaces(&l->dnssd, now, list, count);
}

bool lan_next_join(struct lan *l, struct lan_join *out)
{
    if (l->next_join >= l->places.join_count)
        return false;
    *out = l->places.join[l->next_join++];
    return true;
}

void lan_stop(struct lan *l, instant now)
{
    l->places.count = l->reply_count = 0;
    l->sweep = LAN_SWEEP_NONE;
    l->beacon_due = INSTANT_NEVER;
    memset(l->ask, 0, sizeof(l->ask));
    dnssd_stop(&l->dnssd, now);
}

/* ---- questions of ours ---- */

void lan_ask(struct lan *l, instant now, const struct peer_id *id)
{
    struct lan_ask_state *place = &l->ask[0];

    for (unsigned i = 0; i < LAN_ASKS_MAX; i++) {
        struct lan_ask_state *a = &l->ask[i];
        if (a->began > 0 && peer_id_equal(&a->id, id)) {
            place = a;
            break;
        }
        if (a->began < place->began)
            place = a;
    }
    bool same = place->began > 0 && peer_id_equal(&place->id, id);
    if (same && now < place->began + ASK_AGAIN)
        return;
    *place = (struct lan_ask_state){.id = *id, .began = now > 0 ? now : 1, .due = now};
}

static instant next_question(const struct lan *l)
{
    instant due = INSTANT_NEVER;

    for (unsigned i = 0; i < LAN_ASKS_MAX; i++)
        if (l->ask[i].began > 0 && l->ask[i].due < due)
            due = l->ask[i].due;
    return due;
}

/* Takes the keys for those that are due; a peer that knows us gets its own tag as well. */
static void begin_asking(struct lan *l, instant now)
{
    l->key_count = 0;
    for (unsigned i = 0; i < LAN_ASKS_MAX; i++) {
        struct lan_ask_state *a = &l->ask[i];
        if (a->began == 0 || now < a->due)
            continue;
        lan_contacts_ask_key(&l->contacts, &a->id, false, l->keys[l->key_count++]);
        const struct lan_contact *c = lan_contacts_find(&l->contacts, &a->id);
        if (c)
            memcpy(l->keys[l->key_count++], c->key_out, BEACON_KEY_LEN);
        instant pause = ask_pause[a->asked++];
        a->due = a->asked < ASK_TIMES ? now + pause : INSTANT_NEVER;
    }
    l->sweep = LAN_SWEEP_ASK;
    l->place = 0;
}

/* ---- input ---- */

void lan_input(struct lan *l, instant now, int64_t wall_us, const struct addr *from,
               unsigned ifindex, const uint8_t *data, size_t len)
{
    struct lan_caller who = {
        .l = l, .now = now, .wall_us = wall_us, .from = from, .ifindex = ifindex, .len = len};

    lan_hear(&who, data, len);
}

void lan_input_mdns(struct lan *l, instant now, const struct addr *from, unsigned ifindex,
                    const uint8_t *data, size_t len)
{
    if (l->options.public)
        dnssd_input(&l->dnssd, now, from, ifindex, data, len);
}

bool lan_next_event(struct lan *l, struct lan_event *out)
{
    if (l->event_count == 0)
        return false;
    *out = l->event[l->first_event];
    l->first_event = (l->first_event + 1) % LAN_EVENTS_MAX;
    l->event_count--;
    return true;
}

/* ---- output ---- */

static instant jitter(struct lan *l)
{
    uint32_t chance;
    l->options.random(l->options.arg, &chance, sizeof(chance));
    return chance % BEACON_JITTER;
}

/* A round is one sweep of private beacons, if we know anybody, and one of signed ones. */
static void begin_round(struct lan *l, instant now)
{
    l->bursting = l->burst_left > 0;
    if (l->burst_left > 0)
        l->burst_left--;
    l->beacon_due = now + (l->burst_left > 0 ? BURST_EVERY : BEACON_EVERY + jitter(l));
    l->sign_next = l->options.public;
    if (l->sign_next)
        l->signed_at = now;
    l->key_count = lan_contacts_next_keys(&l->contacts, l->keys);
    l->sweep = l->key_count > 0 ? LAN_SWEEP_BEACON : LAN_SWEEP_NONE;
    l->place = 0;
    if (l->key_count == 0 && !l->options.public)
        l->beacon_due = INSTANT_NEVER; /* nobody to talk to; lan_set_contacts() starts again */
}

static void begin_sweep(struct lan *l, instant now)
{
    if (l->sign_next) {
        l->sign_next = false;
        l->sweep = LAN_SWEEP_SIGNED;
        l->place = 0;
    } else if (now >= next_question(l)) {
        begin_asking(l, now);
    } else if (now >= l->beacon_due) {
        begin_round(l, now);
    }
}

static bool output_reply(struct lan *l, struct lan_tx *tx)
{
    if (l->reply_count == 0)
        return false;
    const struct lan_reply *r = &l->reply[--l->reply_count];
    memcpy(l->out, r->data, r->len);
    *tx = (struct lan_tx){.to = r->to, .ifindex = r->ifindex, .data = l->out, .len = r->len};
    return true;
}

static bool output_sweep(struct lan *l, int64_t wall_us, struct lan_tx *tx)
{
    if (l->sweep == LAN_SWEEP_NONE)
        return false;
    if (l->place >= l->places.count) {
        l->sweep = LAN_SWEEP_NONE;
        return false;
    }
    const struct lan_place *place = &l->places.place[l->place++];
    if (!place->again || l->place == 1) {
        if (l->sweep == LAN_SWEEP_SIGNED)
            lan_speak_signed(l, place, wall_us);
        else
            lan_speak_beacon(l, &place->to, wall_us);
    }
    *tx = (struct lan_tx){.to = place->to,
                          .from = place->from,
                          .ifindex = place->ifindex,
                          .ttl = place->ttl,
                          .data = l->out,
                          .len = l->out_len};
    return true;
}

static bool output_dnssd(struct lan *l, instant now, struct lan_tx *tx)
{
    struct dnssd_tx d;

    if (!l->options.public || !dnssd_output(&l->dnssd, now, &d))
        return false;
    *tx = (struct lan_tx){.socket = LAN_SOCKET_MDNS,
                          .to = d.to,
                          .ifindex = d.ifindex,
                          .ttl = 255,
                          .data = d.data,
                          .len = d.len};
    return true;
}

bool lan_output(struct lan *l, instant now, int64_t wall_us, struct lan_tx *tx)
{
    if (output_sweep(l, wall_us, tx)) /* first, because a reply would overwrite what it repeats */
        return true;
    if (output_reply(l, tx))
        return true;
    for (unsigned i = 0; i < 3; i++) { /* a round, its signed half, and questions */
        begin_sweep(l, now);
        if (output_sweep(l, wall_us, tx))
            return true;
    }
    return output_dnssd(l, now, tx);
}

bool lan_place_at(const struct lan *l, size_t at, struct lan_tx *tx)
{
    if (at >= l->places.count)
        return false;
    const struct lan_place *p = &l->places.place[at];
    *tx = (struct lan_tx){.socket = LAN_SOCKET_MAIN,
                          .to = p->to,
                          .from = p->from,
                          .ifindex = p->ifindex,
                          .ttl = p->ttl};
    return true;
}

instant lan_deadline(const struct lan *l)
{
    if (l->sweep != LAN_SWEEP_NONE || l->sign_next || l->reply_count > 0)
        return 0;
    instant due = next_question(l);
    if (l->beacon_due < due)
        due = l->beacon_due;
    if (l->options.public && dnssd_deadline(&l->dnssd) < due)
        due = dnssd_deadline(&l->dnssd);
    return due;
}
