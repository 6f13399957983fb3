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

/* Where a peer has an address of its own, it is there with all its ports. */
static bool set_own_address(const struct zone *z, const struct peer_id *peer,
                            struct answer_host *out)
{
    struct addr at;
    size_t len;
    if (!pool_is_active(z->pool) || !pool_address(z->pool, peer, &at))
        return false;
    *out = (struct answer_host){.has_v4 = true, .https = z->https && z->https(z->https_arg, peer)};
    memcpy(out->v4, addr_ip(&at, &len), sizeof(out->v4));
    return true;
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

/* The gateway's own page is where a peer would be: that is what it is to find out about. */
static void set_gateway_address(const struct zone *z, struct answer_host *out)
{
    size_t len;
    *out = (struct answer_host){0};
    if (pool_is_active(z->pool)) {
        const struct addr at = pool_gateway(z->pool);
        memcpy(out->v4, addr_ip(&at, &len), sizeof(out->v4));
        out->has_v4 = true;
        return;
    }
    set_addresses(z, NULL, out);
}

static int find_host(void *arg, const char *host, struct answer_host *out)
{
    const struct zone *z = arg;
    struct name_target target;
    const struct port_assignment *port = NULL;
    int err = names_resolve(z->node, z->suffix, host, &target);
    if (err < 0 && names_is_check(z->node, z->suffix, host)) {
        set_gateway_address(z, out);
        return 0;
    }
    if (err < 0)
        return -ENOENT;
    if (target.kind != NAME_PEER)
        port = open_port(z, &target.peer, target.service);
    if (!set_own_address(z, &target.peer, out))
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

/* At the peer's own address the port is the peer's too. */
static int find_own_port(const struct zone *z, const struct name_target *target,
                         const char *service, bool udp, struct answer_port *out)
{
    struct peer_view view;
    const char *wanted = target->kind == NAME_PEER ? service : target->service;
    unsigned proto = udp ? SERVICE_UDP : SERVICE_TCP;
    const struct remote_service *found = NULL;
    if (!node_peer(z->node, &target->peer, &view) || !view.services_known)
        return -ENOENT;
    for (size_t i = 0; i < view.service_count; i++) {
        const struct remote_service *s = &view.services[i];
        bool is_web = strcmp(wanted, "http") == 0 && strcmp(s->name, "web") == 0;
        if (s->proto & proto && (strcmp(s->name, wanted) == 0 || (is_web && !found)))
            found = s;
    }
    if (!found)
        return -ENOENT;
    *out = (struct answer_port){.port = found->port};
    return 0;
}

static int find_port(void *arg, const char *host, const char *service, bool udp,
                     struct answer_port *out)
{
    const struct zone *z = arg;
    struct name_target target;
    const char *label = "";
    if (names_resolve(z->node, z->suffix, host, &target) < 0)
        return -ENOENT;
    if (pool_is_active(z->pool))
        return find_own_port(z, &target, service, udp, out);

    const struct port_assignment *port = target.kind == NAME_PEER
                                             ? port_of(z, &target.peer, service, &label)
                                             : open_port(z, &target.peer, target.service);
    if (!port || !(port->proto & (udp ? SERVICE_UDP : SERVICE_TCP)))
        return -ENOENT;
    out->port = addr_is_none(&port->at) ? port->port : addr_port(&port->at);
    (void)snprintf(out->label, sizeof(out->label), "%s", label);
    return 0;
}

static bool named_range(void *arg, struct addr_prefix *out)
{
    const struct zone *z = arg;
    if (!pool_is_active(z->pool))
        return false;
    *out = *pool_range(z->pool);
    return true;
}

static int find_name(void *arg, const uint8_t ip[static 4], char name[static ANSWER_HOST_MAX + 1])
{
    const struct zone *z = arg;
    const struct addr at = addr_v4(ip, 0);
    struct peer_id peer;
    if (!pool_peer(z->pool, &at, &peer))
        return -ENOENT;
    return names_write(z->node, z->suffix, &peer, NULL, name, ANSWER_HOST_MAX + 1) > ANSWER_HOST_MAX
               ? -ENOENT
               : 0;
}

const struct answer_source zone_source = {find_host, describe, find_port, named_range, find_name};
