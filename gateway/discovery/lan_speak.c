#include "gateway/discovery/lan_speak.h"

#include <string.h>

#define SPEAK_EVERY SEC(1) /* unicast to one contact; answers to strangers altogether */

static struct beacon_note note_for(const struct lan *l, const struct addr *to, int64_t wall_us,
                                   uint8_t flags)
{
    struct beacon_note note = {.port = addr_is_v6(to) ? l->options.port_v6 : l->options.port_v4,
                               .flags = flags,
                               .time_s = (uint32_t)(wall_us / 1000000)};

    memcpy(note.instance, l->instance, sizeof(note.instance));
    return note;
}

/* What we sent is known when it comes back to us, by multicast or in an answer. */
static void remember(struct lan *l, const uint8_t *data, size_t len)
{
    memcpy(l->nonce[l->next_nonce], data, BEACON_NONCE_LEN);
    l->next_nonce = (l->next_nonce + 1) % LAN_NONCES_MAX;
    lan_ears_note(&l->ears, data, len);
}

const uint8_t *lan_speak_echoed(const struct lan *l, const uint8_t echo[static BEACON_ECHO_LEN])
{
    static const uint8_t none[BEACON_ECHO_LEN];

    if (memcmp(echo, none, sizeof(none)) == 0)
        return NULL;
    for (unsigned i = 0; i < LAN_NONCES_MAX; i++)
        if (memcmp(beacon_echo(l->nonce[i]), echo, BEACON_ECHO_LEN) == 0)
            return l->nonce[i];
    return NULL;
}

void lan_speak_beacon(struct lan *l, const struct addr *to, int64_t wall_us)
{
    bool want = l->sweep == LAN_SWEEP_ASK || l->bursting;
    struct beacon_note note = note_for(l, to, wall_us, want ? BEACON_WANT : 0);

    l->out_len = beacon_len(l->key_count);
    l->options.random(l->options.arg, l->out, l->out_len);
    beacon_write(l->out, &note, l->keys, l->key_count);
    remember(l, l->out, l->out_len);
}

void lan_speak_signed(struct lan *l, const struct lan_place *place, int64_t wall_us)
{
    uint8_t text[BEACON_SIGNED_TEXT_LEN];
    struct beacon_signed b = {.time_s = (uint64_t)(wall_us / 1000000),
                              .port =
                                  addr_is_v6(&place->to) ? l->options.port_v6 : l->options.port_v4,
                              .flags = l->bursting ? BEACON_WANT : 0,
                              .prefix = place->prefix};

    memcpy(b.network, l->options.network, sizeof(b.network));
    memcpy(b.id, l->options.keys->id.key, sizeof(b.id));
    memcpy(b.instance, l->instance, sizeof(b.instance));
    beacon_signed_write(l->out, &b);
    beacon_signed_text(text, l->out);
    keys_sign(l->options.keys, text, sizeof(text), l->out + BEACON_SIGNED_LEN - BEACON_SIG_LEN);
    l->out_len = BEACON_SIGNED_LEN;
    lan_ears_note(&l->ears, l->out, l->out_len);
}

/* Room for one unicast datagram, or NULL when too many wait. */
static struct lan_reply *new_reply(struct lan *l, const struct addr *to, unsigned ifindex,
                                   size_t len)
{
    if (l->reply_count == LAN_REPLIES_MAX)
        return NULL;
    struct lan_reply *r = &l->reply[l->reply_count++];
    *r = (struct lan_reply){.to = *to, .len = len};
    if (addr_is_link_local(to))
        r->ifindex = ifindex;
    l->options.random(l->options.arg, r->data, len);
    return r;
}

void lan_speak_to(const struct lan_caller *who, struct lan_contact *c, uint8_t flags)
{
    struct lan *l = who->l;

    if (c->spoken_to > 0 && who->now < c->spoken_to + SPEAK_EVERY)
        return;
    struct lan_reply *r = new_reply(l, who->from, who->ifindex, beacon_len(1));
    if (!r)
        return;
    struct beacon_note note = note_for(l, who->from, who->wall_us, flags);
    if (who->nonce)
        memcpy(note.echo, beacon_echo(who->nonce), BEACON_ECHO_LEN);
    beacon_write(r->data, &note, (const uint8_t(*)[BEACON_KEY_LEN]) & c->key_out, 1);
    remember(l, r->data, r->len);
    c->spoken_to = who->now;
}

void lan_speak_answer(const struct lan_caller *who)
{
    struct lan *l = who->l;
    uint8_t text[BEACON_ANSWER_TEXT_LEN], sig[BEACON_SIG_LEN];

    if (who->len < BEACON_ANSWER_LEN ||
        (l->answered_at > 0 && who->now < l->answered_at + SPEAK_EVERY))
        return;
    struct lan_reply *r = new_reply(l, who->from, who->ifindex, BEACON_ANSWER_LEN);
    if (!r)
        return;
    l->answered_at = who->now;
    struct beacon_note note = note_for(l, who->from, who->wall_us, BEACON_ANSWER);
    memcpy(note.echo, beacon_echo(who->nonce), BEACON_ECHO_LEN);
    beacon_fix_nonce(r->data);
    beacon_answer_text(text, who->nonce, r->data, &note);
    keys_sign(l->options.keys, text, sizeof(text), sig);
    beacon_answer_write(r->data, &note, sig, l->answer_key);
    lan_ears_note(&l->ears, r->data, r->len);
}
