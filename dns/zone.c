#include "dns/zone.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/node/names.h"

static const uint8_t LOOPBACK_V4[4] = {127, 0, 0, 1};
static const uint8_t LOOPBACK_V6[16] = {[15] = 1};

/* A number is kept for ever, but nobody listens there while it is closed. */
static const struct port_assignment *open_port(const struct zone *z, const struct peer_id *peer,
                                               const char *service)
{
    const struct port_assignment *port = registry_port(node_registry(z->node), peer, service);
    return port && port->open ? port : NULL;
}

/* A listener that a person put elsewhere (--at) is found there and nowhere else. */
static void set_addresses(const struct zone *z, const struct port_assignment *port,
                          struct answer_host *out)
{
    size_t len = 0;
    const uint8_t *ip = port ? addr_ip(&port->at, &len) : NULL;
    out->has_v4 = !ip || len == sizeof(out->v4);
    out->has_v6 = ip ? len == sizeof(out->v6) : z->loopback_v6;
    if (out->has_v4)
        memcpy(out->v4, ip ? ip : LOOPBACK_V4, sizeof(out->v4));
    if (out->has_v6)
        memcpy(out->v6, ip ? ip : LOOPBACK_V6, sizeof(out->v6));
}

static int find_host(void *arg, const char *host, struct answer_host *out)
{
    const struct zone *z = arg;
    struct name_target target;
    const struct port_assignment *port = NULL;
    int err = names_resolve(z->node, z->suffix, host, &target);
    if (err < 0)
        return -ENOENT;
    if (target.kind != NAME_PEER)
        port = open_port(z, &target.peer, target.service);
    set_addresses(z, port, out);
    if (z->predial && target.by_alias)
        predial_peer(z->predial, &target.peer);
    return 0;
}

static void describe(void *arg, const char *host, struct answer_text *out)
{
    const struct zone *z = arg;
    struct name_target target;
    struct peer_view view;
    char id[PEER_ID_TEXT_MAX];
    if (names_resolve(z->node, z->suffix, host, &target) < 0)
        return;
    bool present = node_peer(z->node, &target.peer, &view);
    (void)snprintf(out->string[0], sizeof(out->string[0]), "id=%s",
                   peer_id_print(&target.peer, id));
    (void)snprintf(out->string[1], sizeof(out->string[1]), "path=%s",
                   peer_state_text(present ? view.state : PEER_IDLE));
}

/* The service below a peer's own name: `_ssh` is "ssh", and `_http` also what a web server is
 * called unless somebody named it. */
static const struct port_assignment *port_of(const struct zone *z, const struct peer_id *peer,
                                             const char *service, const char **label)
{
    const struct port_assignment *port = open_port(z, peer, service);
    *label = service;
    if (!port && strcmp(service, "http") == 0) {
        *label = "web";
        port = open_port(z, peer, *label);
    }
    return port;
}

static int find_port(void *arg, const char *host, const char *service, bool udp,
                     struct answer_port *out)
{
    const struct zone *z = arg;
    struct name_target target;
    const char *label = "";
    if (names_resolve(z->node, z->suffix, host, &target) < 0)
        return -ENOENT;

    const struct port_assignment *port = target.kind == NAME_PEER
                                             ? port_of(z, &target.peer, service, &label)
                                             : open_port(z, &target.peer, target.service);
    if (!port || !(port->proto & (udp ? SERVICE_UDP : SERVICE_TCP)))
        return -ENOENT;
    out->port = addr_is_none(&port->at) ? port->port : addr_port(&port->at);
    (void)snprintf(out->label, sizeof(out->label), "%s", label);
    return 0;
}

const struct answer_source zone_source = {find_host, describe, find_port};
