/* Invites: what the registry keeps of who was proven. */
#include "gateway/node/invite_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"

/* Where the other side says that it can be reached, and where it was seen. */
static void note_places(struct invite_desk *d, const struct invite_road *road,
                        const struct invite_party *party)
{
    char relay[PEER_RELAYS_MAX][PEER_RELAY_MAX + 1] = {{0}};
    size_t relays = 0;
    const struct hints *h = &party->hints;

    for (size_t i = 0; i < h->relays && relays < PEER_RELAYS_MAX; i++) {
        struct peer_id id;
        char id_text[PEER_ID_TEXT_LEN + 1], text[PEER_ID_TEXT_LEN + 2 + HINTS_HOST_MAX];
        memcpy(id.key, h->relay[i].id, sizeof(id.key));
        (void)snprintf(text, sizeof(text), "%s@%s", peer_id_print(&id, id_text), h->relay[i].host);
        if (strlen(text) <= PEER_RELAY_MAX && registry_relay_ok(text))
            memcpy(relay[relays++], text, strlen(text) + 1);
    }
    (void)registry_peer_relays(d->node->registry, &party->id, relay, relays);
    for (size_t i = h->addrs; i > 0; i--) /* the newest of these is tried first */
        if (relay_site_may_name(d->node, &h->addr[i - 1]))
            registry_good_address(d->node->registry, &party->id, &h->addr[i - 1]);
    if (road->kind == INVITE_ROAD_UDP)
        registry_good_address(d->node->registry, &party->id, &road->addr);
}

/* Makes the peer known, under the name that it proposes unless it has one. */
static int make_known(struct invite_desk *d, const struct invite_road *road,
                      const struct invite_party *party, bool guest,
                      char alias[static ALIAS_MAX + 1])
{
    struct registry *r = d->node->registry;
    struct known_peer *known = registry_peer(r, &party->id);
    bool is_new = !known;
    int err = 0;

    if (known && known->blocked)
        return -EACCES;
    if (!known)
        known = registry_peer_add(r, &party->id, &err);
    if (err < 0)
        return err;
    known->guest = known->guest || (is_new && guest);
    if (!known->alias[0]) {
        if (!registry_free_alias(r, party->hints.nick, guest ? "guest" : "host", alias))
            return -ENOSPC;
        err = registry_set_alias(r, &party->id, alias);
        /* One that the configuration file describes without a name keeps none. */
        if (err < 0 && err != -EPERM)
            return err;
        known = registry_peer(r, &party->id);
    }
    (void)snprintf(alias, ALIAS_MAX + 1, "%s", known->alias);
    note_places(d, road, party);
    return 0;
}

static int keep(struct invite_desk *d, int err)
{
    char why[256];

    if (err == -EACCES)
        return err; /* nothing was changed */
    if (err == 0)
        err = registry_save(d->node->registry);
    if (err < 0 && registry_reload(d->node->registry, why, sizeof(why)) < 0)
        log_error(LOG_GATEWAY, "%s", why);
    d->enrolled = true;
    env_defer(d->node->env, &d->later);
    return err;
}

int invite_enrol(struct invite_desk *d, const struct invite_road *road,
                 const struct invite_party *guest, const char *service,
                 char alias[static ALIAS_MAX + 1])
{
    int err = make_known(d, road, guest, true, alias);

    if (err == 0 && service[0])
        err = registry_allow_guest(d->node->registry, service, &guest->id);
    return keep(d, err);
}

int invite_adopt(struct invite_desk *d, const struct invite_road *road,
                 const struct invite_party *host, char alias[static ALIAS_MAX + 1])
{
    return keep(d, make_known(d, road, host, false, alias));
}
