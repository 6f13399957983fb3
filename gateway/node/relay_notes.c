/* Relays: notes about invites, as host, as guest, and as a relay that has invites of its own. */
#include "gateway/node/relay_parts.h"

#include <string.h>

#define REACHED_WITHIN SEC(8)
#define OWN_TOKEN      0 /* stands for the relay itself */

void relay_desk_take_notes(struct relay_desk *d, const struct relay_notes *notes)
{
    d->notes = *notes;
}

/* ---- our invites ---- */

void relay_notes_registered(struct relay_desk *d, struct quic_conn *conn)
{
    const struct relay_message m = {
        .type = RELAY_INVITES, .handles = d->invites, .handle_count = d->invite_count};

    if (d->invite_count > 0)
        relay_tell(d, conn, &m);
}

void relay_desk_set_invites(struct relay_desk *d, const uint8_t *handles, size_t count)
{
    if (count == d->invite_count &&
        (count == 0 || memcmp(d->invites, handles, count * RELAY_MESSAGE_HANDLE) == 0))
        return;
    if (count > 0)
        memcpy(d->invites, handles, count * RELAY_MESSAGE_HANDLE);
    d->invite_count = count;
    const struct relay_message m = {
        .type = RELAY_INVITES, .handles = d->invites, .handle_count = count};
    list_each(node, &d->places)
    {
        const struct relay_site *p = list_entry(node, struct relay_site, link);
        if (p->registered)
            relay_tell(d, p->registered, &m);
    }
}

size_t relay_desk_places(const struct relay_desk *d, struct relay_place *out, size_t max)
{
    return relay_places_of(d, NULL, true, out, max);
}

/* ---- those of others ---- */

static bool seek_through(struct relay_desk *d, const struct relay_site *place, const uint8_t *note,
                         size_t len)
{
    const struct peer *p = d->node->find(d->node->node, &place->id);
    const struct relay_message m = {.type = RELAY_SEEK, .early = note, .early_len = len};

    if (!p || !peer_session(p))
        return false;
    relay_tell(d, peer_conn(p), &m);
    return true;
}

/* A relay that a ticket names need not be known yet. */
static unsigned seek_at(struct relay_desk *d, const char *relay, const uint8_t *note, size_t len)
{
    struct relay_site *place = relay_site_get(&d->places, d->node, &d->doors, relay, false);
    struct peer *p;

    if (!place || registry_is_blocked(d->node->registry, &place->id))
        return 0;
    if (seek_through(d, place, note, len))
        return 1;
    p = d->node->get(d->node->node, &place->id);
    if (p) {
        relay_site_look_up(place);
        peer_connect_within(p, REACHED_WITHIN);
    }
    return 0;
}

unsigned relay_desk_seek(struct relay_desk *d, const char *relay, const uint8_t *note, size_t len)
{
    unsigned count = 0;

    if (relay)
        return seek_at(d, relay, note, len);
    list_each(node, &d->places)
    {
        const struct relay_site *place = list_entry(node, struct relay_site, link);
        if (place->ours)
            count += seek_through(d, place, note, len);
    }
    return count;
}

void relay_desk_say(struct relay_desk *d, const struct peer_id *to, bool served, uint32_t token,
                    const uint8_t *note, size_t len)
{
    const struct peer *p = d->node->find(d->node->node, to);
    const struct relay_message m = {
        .type = served ? RELAY_SAID : RELAY_SAY, .token = token, .early = note, .early_len = len};

    if (p && peer_session(p))
        relay_tell(d, peer_conn(p), &m);
}

/* ---- what comes ---- */

void relay_notes_ready(struct relay_desk *d)
{
    if (d->notes.on_relay)
        d->notes.on_relay(d->notes.arg);
}

void relay_notes_on_part(struct relay_desk *d, struct peer *p, struct quic_conn *conn,
                         const struct relay_message *m)
{
    struct quic_conn_info info;
    bool to_relay = relay_message_to_relay(m);
    bool for_us = to_relay ? d->server && (m->type == RELAY_SEEK ||
                                           (m->type == RELAY_SAY && m->token == OWN_TOKEN))
                           : relay_site_find(&d->places, &p->id) != NULL;

    if (for_us && m->early_len > 0 && d->notes.on_note)
        d->notes.on_note(d->notes.arg, &p->id, to_relay, to_relay ? OWN_TOKEN : m->token, m->early,
                         m->early_len);
    if (!to_relay || !d->server)
        return;
    quic_conn_info(conn, &info);
    relay_server_message(d->server, env_now(d->node->env), conn, &p->id, &info.path, m);
}
