/**
 * LAN discovery on its sockets: joins groups, carries datagrams, reports who was found.
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/env.h"
#include "gateway/discovery/lan.h"
#include "gateway/node/hub.h"

struct lan_link {
    struct env *env;
    struct hub *hub;
    struct lan *lan;                       /* NULL: off */
    struct udp_socket *group[2], *mdns[2]; /* by family: IPv4, IPv6; NULL: none */
    struct timer timer;
    void (*found)(void *arg, const struct lan_event *event);
    /** A message of an invite came to the group. NULL: nobody wants it. */
    void (*on_invite)(void *arg, const struct udp_rx *rx);
    void *arg;
};

/** Begins. The hub's sockets are open. Returns 0 or -ENOMEM; sockets that cannot be had are done
 *  without. */
MUST_USE int lan_link_start(struct lan_link *l, struct env *env, struct hub *hub,
                            const struct lan_options *options,
                            void (*found)(void *arg, const struct lan_event *event), void *arg);
/** Says good-bye where that is seen, and closes. Fine on a zeroed struct. */
void lan_link_stop(struct lan_link *l);
/** The interfaces of this machine changed. */
void lan_link_network_changed(struct lan_link *l);
/** A datagram on the main socket that is nobody else's. */
void lan_link_input(struct lan_link *l, const struct udp_rx *rx);
/** Whom to be found by, and to find. */
void lan_link_contacts(struct lan_link *l, const struct peer_id *ids, size_t count);
/** Says something to everybody on the networks that we are on. Returns false if discovery is off.
 */
bool lan_link_shout(struct lan_link *l, const uint8_t *data, size_t len);
/** Asks for a peer. Returns false if discovery is off. */
bool lan_link_ask(struct lan_link *l, const struct peer_id *id);
