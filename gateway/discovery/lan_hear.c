#include "gateway/discovery/lan_hear.h"

#include <string.h>

#define FORGET_AFTER  SEC(90) /* three beacons missed: a newcomer when it comes back */
#define ASK_MEMORY    SEC(10) /* how long an answer is waited for */
#define TIME_WINDOW_S 60

static void tell(const struct lan_caller *who, const struct peer_id *id, uint16_t port,
                 enum lan_found how)
{
    struct lan *l = who->l;

    if (l->event_count == LAN_EVENTS_MAX) {
        l->first_event = (l->first_event + 1) % LAN_EVENTS_MAX;
        l->event_count--;
    }
    struct lan_event *e = &l->event[(l->first_event + l->event_count++) % LAN_EVENTS_MAX];
    *e = (struct lan_event){.id = *id, .addr = *who->from, .how = how};
    if (port != 0)
        addr_set_port(&e->addr, port);
}

/* True if it was away, or started anew. */
static bool note_heard(struct lan_contact *c, const uint8_t *instance, instant now)
{
    bool newcomer = c->heard == 0 || now > c->heard + FORGET_AFTER ||
                    memcmp(c->instance, instance, sizeof(c->instance)) != 0;

    c->heard = now;
    memcpy(c->instance, instance, sizeof(c->instance));
    return newcomer;
}

static bool is_in_time(int64_t wall_us, uint32_t time_s)
{
    int32_t ahead = (int32_t)(time_s - (uint32_t)(wall_us / 1000000));
    return ahead >= -TIME_WINDOW_S && ahead <= TIME_WINDOW_S;
}

/* A clock that is off does not matter to who repeats something that we said just now. */
static void on_contact(const struct lan_caller *who, struct lan_contact *c,
                       const struct beacon_note *note)
{
    bool fresh = is_in_time(who->wall_us, note->time_s) || lan_speak_echoed(who->l, note->echo);
    bool newcomer = false;

    if (fresh) {
        newcomer = note_heard(c, note->instance, who->now);
        tell(who, &c->id, note->port, LAN_FOUND_CONTACT);
    }
    if (note->flags & BEACON_ANSWER)
        return;
    if (!fresh)
        lan_speak_to(who, c, BEACON_WANT);
    else if (newcomer || (note->flags & BEACON_WANT))
        lan_speak_to(who, c, BEACON_ANSWER);
}

static void on_beacon(struct lan_caller *who, const uint8_t *data, size_t len)
{
    struct lan *l = who->l;
    struct beacon b;
    struct beacon_note note;

    if (beacon_read(&b, data, len) < 0)
        return;
    who->nonce = b.nonce;
    struct lan_contact *c = lan_contacts_recognise(&l->contacts, &b, &note);
    if (c)
        on_contact(who, c, &note);
    else if (beacon_open(&b, l->ask_key, &note) == 0 && !(note.flags & BEACON_ANSWER))
        lan_speak_answer(who);
}

static bool is_answer_of(const struct lan *l, const struct peer_id *id, const uint8_t *data,
                         size_t len, struct beacon_note *note)
{
    uint8_t key[BEACON_KEY_LEN], sig[BEACON_SIG_LEN], text[BEACON_ANSWER_TEXT_LEN];

    lan_contacts_ask_key(&l->contacts, id, true, key);
    if (beacon_answer_read(data, len, key, note, sig) < 0)
        return false;
    const uint8_t *question = lan_speak_echoed(l, note->echo);
    if (!question)
        return false;
    beacon_answer_text(text, question, data, note);
    return peer_id_verify(id, text, sizeof(text), sig);
}

static void on_answer(const struct lan_caller *who, const uint8_t *data, size_t len)
{
    struct lan *l = who->l;
    struct beacon_note note;

    for (unsigned i = 0; i < LAN_ASKS_MAX; i++) {
        struct lan_ask_state *a = &l->ask[i];
        if (a->began == 0 || who->now > a->began + ASK_MEMORY ||
            !is_answer_of(l, &a->id, data, len, &note))
            continue;
        a->due = INSTANT_NEVER;
        tell(who, &a->id, note.port, LAN_FOUND_ANSWER);
        return;
    }
}

static bool is_genuine(const struct lan_caller *who, const struct beacon_signed *b,
                       const uint8_t *data)
{
    const struct lan *l = who->l;
    uint8_t text[BEACON_SIGNED_TEXT_LEN];
    struct peer_id id;
    uint64_t wall_s = (uint64_t)(who->wall_us / 1000000);
    uint64_t apart = b->time_s > wall_s ? b->time_s - wall_s : wall_s - b->time_s;

    memcpy(id.key, b->id, sizeof(id.key));
    if (apart > TIME_WINDOW_S || memcmp(b->network, l->options.network, LAN_NETWORK_LEN) != 0 ||
        !addr_prefix_contains(&b->prefix, who->from) ||
        !lan_places_has_network(&l->places, &b->prefix, who->ifindex))
        return false;
    beacon_signed_text(text, data);
    return peer_id_is_valid(&id) && !peer_id_equal(&id, &l->options.keys->id) &&
           peer_id_verify(&id, text, sizeof(text), data + BEACON_SIGNED_LEN - BEACON_SIG_LEN);
}

static void on_signed(const struct lan_caller *who, const struct beacon_signed *b,
                      const uint8_t *data)
{
    struct lan *l = who->l;
    struct peer_id id;

    if (!is_genuine(who, b, data))
        return;
    memcpy(id.key, b->id, sizeof(id.key));
    tell(who, &id, b->port, LAN_FOUND_SIGNED);
    struct lan_contact *c = lan_contacts_find(&l->contacts, &id);
    bool newcomer = c && note_heard(c, b->instance, who->now);
    bool want = newcomer || (b->flags & BEACON_WANT);
    if (c && want)
        lan_speak_to(who, c, BEACON_ANSWER);
    else if (want && l->options.public && who->now > l->signed_at + SEC(2) &&
             who->now < l->beacon_due)
        l->beacon_due = who->now; /* show ourselves to the newcomer */
}

void lan_hear(struct lan_caller *who, const uint8_t *data, size_t len)
{
    struct beacon_signed b;

    if (len < BEACON_ANSWER_LEN || len > BEACON_MAX)
        return;
    bool near = lan_places_has_neighbour(&who->l->places, who->from);
    if (!lan_ears_admit(&who->l->ears, who->now, who->from, near, data, len))
        return;
    if (beacon_signed_read(&b, data, len) == 0)
        on_signed(who, &b, data);
    else if (len == BEACON_ANSWER_LEN)
        on_answer(who, data, len);
    else
        on_beacon(who, data, len);
}
