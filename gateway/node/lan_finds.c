/* LAN discovery as the gateway uses it: its sockets' ports go out, and peers that are found come
 * in. */
#include "gateway/node/members.h"

#include <string.h>

#include "gateway/base/log.h"

static void fill_random(void *arg, void *out, size_t len)
{
    struct node *n = arg;
    env_random(n->env, out, len);
}

/* Newest first, each once. */
static void remember_lan_address(struct member *m, const struct addr *a)
{
    size_t at = 0;
    while (at < MEMBER_LAN_MAX - 1 && !addr_equal(&m->lan[at], a))
        at++;
    memmove(&m->lan[1], &m->lan[0], at * sizeof(m->lan[0]));
    m->lan[0] = *a;
}

static const char *text_of_found(enum lan_found how)
{
    switch (how) {
    case LAN_FOUND_CONTACT:
        return "beacon of a contact";
    case LAN_FOUND_ANSWER:
        return "answer to our question";
    case LAN_FOUND_SIGNED:
        return "public beacon";
    }
    return "?";
}

/* Somebody was found on the LAN: of use only if it is a peer that we know. */
static void on_found(void *arg, const struct lan_event *event)
{
    struct node *n = arg;
    const struct known_peer *known = registry_peer(n->registry, &event->id);
    const struct path path = {.kind = PATH_UDP, .remote = event->addr};
    char id[9], text[ADDR_TEXT_MAX];

    if (known && known->blocked)
        return;
    log_debug(LOG_LAN, "%s: %s at %s", peer_id_short(&event->id, id), text_of_found(event->how),
              addr_print(&event->addr, text));
    struct member *m = known ? member_get(n, &event->id) : member_find(n, &event->id);
    if (!m)
        return;
    remember_lan_address(m, &event->addr);
    peer_add_candidate(&m->peer, &path);
}

static void on_invite(void *arg, const struct udp_rx *rx)
{
    struct node *n = arg;
    invite_desk_input(&n->invite, rx);
}

int node_start_lan(struct node *n)
{
    struct lan_options options = {
        .keys = n->keys,
        .public = n->options.lan == LAN_PUBLIC,
        .random = fill_random,
        .arg = n,
    };
    if (n->options.lan == LAN_OFF)
        return 0;
    memcpy(options.network, n->hello.network, sizeof(options.network));
    for (size_t i = 0; i < n->hub.sockets; i++) {
        const struct addr *local = &n->hub.socket[i].local;
        uint16_t *port = addr_is_v6(local) ? &options.port_v6 : &options.port_v4;
        /* The first, as hub_socket_for() wants it: beacons leave from there. */
        if (!addr_is_loopback(local) && *port == 0)
            *port = addr_port(local);
    }
    int err = lan_link_start(&n->lan, n->env, &n->hub, &options, on_found, n);
    n->lan.on_invite = on_invite;
    return err;
}
