/* What invites gave to peers, so that it can be taken back. */
#include "gateway/node/registry_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAMESAKES_MAX 99

static bool has(const struct id_list *list, const struct peer_id *id)
{
    return registry_ids_have(list->id, list->count, id);
}

/* ---- giving ---- */

/* On a service of the configuration file. */
static int grant_guest(struct registry *r, struct service *s, const struct peer_id *peer)
{
    struct grant grant = {.peer = *peer, .guest = true};

    memcpy(grant.service, s->name, sizeof(grant.service));
    int err = registry_grant_put(r, &grant);
    return err < 0 ? err : registry_merge_grants(r, container_of(s, struct service_entry, service));
}

int registry_allow_guest(struct registry *r, const char *service, const struct peer_id *peer)
{
    struct service *s = registry_service(r, service);

    if (!s)
        return -ENOENT;
    if (registry_ids_have(s->allow, s->allow_count, peer))
        return 0;
    if (s->from_config)
        return grant_guest(r, s, peer);
    int err = registry_allow(r, service, peer);
    return err < 0
               ? err
               : registry_ids_add(&container_of(s, struct service_entry, service)->guests, peer);
}

void registry_guests_move(struct service_entry *to, struct service_entry *from)
{
    to->guests = from->guests;
    from->guests = (struct id_list){0};
    for (size_t i = to->guests.count; i > 0; i--) {
        const struct peer_id id = to->guests.id[i - 1];
        if (!registry_ids_have(to->service.allow, to->service.allow_count, &id))
            registry_ids_drop(&to->guests, &id);
    }
}

/* ---- taking back ---- */

static unsigned revoke_grants(struct registry *r, const struct peer_id *peer, int *err)
{
    unsigned count = 0;

    for (size_t i = r->grant_count; i > 0; i--) {
        struct grant *g = &r->grants[i - 1];
        if (!g->guest || !peer_id_equal(&g->peer, peer))
            continue;
        struct service_entry *e = registry_service_entry(r, g->service, true);
        memmove(g, g + 1, (r->grant_count - i) * sizeof(*g));
        r->grant_count--;
        count++;
        if (e && registry_merge_grants(r, e) < 0)
            *err = -ENOMEM;
    }
    return count;
}

static bool revoke_from(struct service_entry *e, const struct peer_id *peer)
{
    struct service *s = &e->service;
    struct id_list allow = {s->allow, s->allow_count};

    if (!has(&e->guests, peer))
        return false;
    registry_ids_drop(&e->guests, peer);
    registry_ids_drop(&allow, peer);
    s->allow = allow.id;
    s->allow_count = allow.count;
    return true;
}

int registry_revoke(struct registry *r, const struct peer_id *peer)
{
    struct peer_entry *e = registry_entry(r, peer);
    int err = 0;
    unsigned count = revoke_grants(r, peer, &err);
    bool guest = e && e->peer.guest;

    for (size_t i = 0; i < r->service_count; i++)
        count += revoke_from(r->services[i], peer);
    if (guest) {
        e->peer.guest = false;
        if (!e->peer.from_config)
            e->peer.alias[0] = '\0';
        r->unsorted = true;
        registry_drop_if_empty(r, e);
    }
    if (err < 0)
        return err;
    return count > 0 || guest ? (int)count : -ENOENT;
}

bool registry_is_guest(const struct registry *r, const struct peer_id *peer)
{
    const struct peer_entry *e = registry_entry(r, peer);

    for (size_t i = 0; i < r->grant_count; i++)
        if (r->grants[i].guest && peer_id_equal(&r->grants[i].peer, peer))
            return true;
    for (size_t i = 0; i < r->service_count; i++)
        if (has(&r->services[i]->guests, peer))
            return true;
    return e && e->peer.guest;
}

/* ---- what to call somebody ---- */

/* A label: small letters, digits, single hyphens inside. */
static void make_label(char out[static ALIAS_MAX + 1], const char *text, const char *nameless)
{
    size_t len = 0;

    for (; *text && len < ALIAS_MAX - 3; text++) {
        char c = (char)(*text >= 'A' && *text <= 'Z' ? *text | 0x20 : *text);
        bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (fine)
            out[len++] = c;
        else if (len > 0 && out[len - 1] != '-')
            out[len++] = '-';
    }
    while (len > 0 && out[len - 1] == '-')
        len--;
    out[len] = '\0';
    if (!registry_alias_ok(out) || strcmp(out, REGISTRY_RESERVED_ALIAS) == 0)
        (void)snprintf(out, ALIAS_MAX + 1, "%s", nameless);
}

bool registry_free_alias(struct registry *r, const char *proposed, const char *nameless,
                         char out[static ALIAS_MAX + 1])
{
    char base[ALIAS_MAX + 1];

    make_label(base, proposed, nameless);
    memcpy(out, base, sizeof(base));
    for (unsigned n = 2; registry_peer_by_alias(r, out); n++) {
        if (n > NAMESAKES_MAX)
            return false;
        (void)snprintf(out, ALIAS_MAX + 1, "%.*s-%u", ALIAS_MAX - 3, base, n);
    }
    return true;
}
