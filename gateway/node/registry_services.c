/* The services of the registry, who may use them, and what the command line granted. */
#include "gateway/node/registry_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"

/* ---- who is on its lists ---- */

/* The lists of struct service, taken out and put back. */
static struct id_list allow_of(const struct service *s)
{
    return (struct id_list){s->allow, s->allow_count};
}

static struct id_list deny_of(const struct service *s)
{
    return (struct id_list){s->deny, s->deny_count};
}

static void set_lists(struct service *s, const struct id_list *allow, const struct id_list *deny)
{
    s->allow = allow->id;
    s->allow_count = allow->count;
    s->deny = deny->id;
    s->deny_count = deny->count;
}

/* ---- what a target may be ---- */

static bool local_port_ok(const char *text)
{
    uint16_t port;
    return text_parse_u16(&port, text, strlen(text)) == 0 && port != 0;
}

static bool address_ok(const struct addr *a, bool off_host)
{
    if (addr_port(a) == 0)
        return false;
    if (addr_is_loopback(a))
        return true;
    return off_host && !addr_is_link_local(a) && !addr_is_unspecified(a) && !addr_is_multicast(a);
}

static bool host_ok(const char *host, size_t len)
{
    if (len == 0 || len > 253 || host[0] == '.' || host[0] == '-')
        return false;
    /* One that ends in a number is an address in a spelling that addr_parse() refused, as in
     * "0251.0376.1" or "2851995905"; a resolver would still take it for one. */
    size_t last = len;
    while (last > 0 && host[last - 1] != '.')
        last--;
    if (last == len || (host[last] >= '0' && host[last] <= '9'))
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = host[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_')
            return false;
    }
    return true;
}

bool registry_target_ok(const char *target, bool off_host)
{
    struct addr a;
    size_t len = strnlen(target, SERVICE_TARGET_MAX + 1);
    if (len > SERVICE_TARGET_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)target[i] < 0x20 || target[i] == 0x7f)
            return false;
    if (strncmp(target, "unix:", 5) == 0)
        return target[5] == '/' && target[6] != '\0';
    if (strncmp(target, "localhost:", 10) == 0)
        return local_port_ok(target + 10);
    if (addr_parse(&a, target) == 0)
        return address_ok(&a, off_host);
    const char *colon = strrchr(target, ':');
    return off_host && colon && local_port_ok(colon + 1) &&
           host_ok(target, (size_t)(colon - target));
}

/* HOST:PORT, or HOST:PORT/TLS-PORT, in PEER_RELAY_MAX characters at most. */
static bool relay_host_ok(const char *host)
{
    char udp[PEER_RELAY_MAX + 1];
    size_t len = strcspn(host, "/");

    if (host[len] && !local_port_ok(host + len + 1))
        return false;
    memcpy(udp, host, len);
    udp[len] = '\0';
    return registry_target_ok(udp, true) && strncmp(udp, "unix:", 5) != 0;
}

bool registry_relay_ok(const char *relay)
{
    struct peer_id id;
    size_t len = strnlen(relay, PEER_RELAY_MAX + 1);
    if (len <= PEER_ID_TEXT_LEN || len > PEER_RELAY_MAX)
        return false;
    const char *host = relay + PEER_ID_TEXT_LEN + 1;
    return peer_id_parse(&id, relay, PEER_ID_TEXT_LEN) == 0 && host[-1] == '@' &&
           relay_host_ok(host);
}

/* ---- finding ---- */

/* The first entry whose name is not below `name`. */
static size_t place_of(const struct registry *r, const char *name)
{
    size_t low = 0, high = r->service_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(r->services[middle]->service.name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct service_entry *registry_service_entry(const struct registry *r, const char *name,
                                             bool from_config)
{
    for (size_t i = place_of(r, name); i < r->service_count; i++) {
        struct service_entry *e = r->services[i];
        if (strcmp(e->service.name, name) != 0)
            break;
        if (e->service.from_config == from_config)
            return e;
    }
    return NULL;
}

struct service *registry_service(struct registry *r, const char *name)
{
    size_t i = place_of(r, name);
    if (i == r->service_count || strcmp(r->services[i]->service.name, name) != 0)
        return NULL;
    return &r->services[i]->service;
}

struct service *registry_service_by_port(struct registry *r, uint16_t port,
                                         enum service_proto proto)
{
    for (size_t i = 0; i < r->visible_count; i++)
        if (r->visible[i]->port == port && (r->visible[i]->proto & proto))
            return r->visible[i];
    return NULL;
}

size_t registry_service_count(const struct registry *r)
{
    return r->visible_count;
}

struct service *registry_service_at(struct registry *r, size_t index)
{
    return index < r->visible_count ? r->visible[index] : NULL;
}

/* The first of each name is the one in effect. */
static void refresh_view(struct registry *r)
{
    r->visible_count = 0;
    for (size_t i = 0; i < r->service_count; i++) {
        struct service *s = &r->services[i]->service;
        if (i == 0 || strcmp(s->name, r->services[i - 1]->service.name) != 0)
            r->visible[r->visible_count++] = s;
    }
}

/* ---- grants to services of the configuration file ---- */

int registry_merge_grants(struct registry *r, struct service_entry *e)
{
    struct id_list allow, deny = {0};
    int err = registry_ids_copy(&allow, e->own_allow.id, e->own_allow.count);
    if (err == 0)
        err = registry_ids_copy(&deny, e->own_deny.id, e->own_deny.count);
    for (size_t i = 0; i < r->grant_count && err == 0; i++) {
        const struct grant *g = &r->grants[i];
        if (strcmp(g->service, e->service.name) == 0)
            err = registry_ids_add(g->deny ? &deny : &allow, &g->peer);
    }
    if (err < 0) {
        registry_ids_free(&allow);
        registry_ids_free(&deny);
        return err;
    }
    free(e->service.allow);
    free(e->service.deny);
    set_lists(&e->service, &allow, &deny);
    return 0;
}

int registry_grant_put(struct registry *r, const struct grant *grant)
{
    void *array = r->grants;
    for (size_t i = 0; i < r->grant_count; i++) {
        struct grant *g = &r->grants[i];
        if (strcmp(g->service, grant->service) == 0 && peer_id_equal(&g->peer, &grant->peer)) {
            g->deny = grant->deny;
            g->guest = grant->guest;
            return 0;
        }
    }
    if (r->grant_count >= REGISTRY_GRANTS_MAX)
        return -ENOSPC;
    if (registry_grow(&array, &r->grant_room, r->grant_count, sizeof(*r->grants)) < 0)
        return -ENOMEM;
    r->grants = array;
    r->grants[r->grant_count++] = *grant;
    return 0;
}

static int grant_to(struct registry *r, const char *name, const struct peer_id *peer, bool deny)
{
    struct service *s = registry_service(r, name);
    if (!s)
        return -ENOENT;
    if (s->from_config) {
        struct grant grant = {.peer = *peer, .deny = deny};
        memcpy(grant.service, s->name, sizeof(grant.service));
        int err = registry_grant_put(r, &grant);
        return err < 0 ? err
                       : registry_merge_grants(r, container_of(s, struct service_entry, service));
    }
    struct id_list allow = allow_of(s), denied = deny_of(s);
    int err = registry_ids_add(deny ? &denied : &allow, peer);
    if (err == 0)
        registry_ids_drop(deny ? &allow : &denied, peer);
    set_lists(s, &allow, &denied);
    registry_ids_drop(&container_of(s, struct service_entry, service)->guests, peer);
    return err;
}

int registry_allow(struct registry *r, const char *service, const struct peer_id *peer)
{
    return grant_to(r, service, peer, false);
}

int registry_deny(struct registry *r, const char *service, const struct peer_id *peer)
{
    return grant_to(r, service, peer, true);
}

/* ---- adding and removing ---- */

static void entry_free(struct service_entry *e)
{
    free(e->service.allow);
    free(e->service.deny);
    registry_ids_free(&e->own_allow);
    registry_ids_free(&e->own_deny);
    registry_ids_free(&e->guests);
    free(e);
}

static bool service_ok(const struct service *s)
{
    return preamble_name_ok(s->name) && s->port != 0 && s->proto >= SERVICE_TCP &&
           s->proto <= SERVICE_BOTH && registry_target_ok(s->target, s->off_host) &&
           s->expires_us >= 0;
}

/* That by the monotonic clock, which a registry without a home does not have. */
static instant end_of(struct registry *r, int64_t expires_us)
{
    if (expires_us == 0)
        return INSTANT_NEVER;
    int64_t left_us = expires_us - env_wall_us(r->env);
    if (left_us > INT64_MAX / 2000)
        return INSTANT_NEVER;
    return env_now(r->env) + (left_us > 0 ? (instant)left_us * 1000 : 0);
}

/* A copy of its own, with the lists that are in effect. */
static int entry_new(struct registry *r, const struct service *s, struct service_entry **out)
{
    struct service_entry *e = calloc(1, sizeof(*e));
    struct id_list allow = {0}, deny = {0};
    if (!e)
        return -ENOMEM;
    e->service = *s;
    e->service.ends = end_of(r, s->expires_us);
    set_lists(&e->service, &allow, &deny);
    int err = registry_ids_copy(&allow, s->allow, s->allow_count);
    if (err == 0)
        err = registry_ids_copy(&deny, s->deny, s->deny_count);
    if (s->from_config) {
        e->own_allow = allow;
        e->own_deny = deny;
        if (err == 0)
            err = registry_merge_grants(r, e);
    } else {
        set_lists(&e->service, &allow, &deny);
    }
    if (err < 0) {
        entry_free(e);
        return err;
    }
    *out = e;
    return 0;
}

static int make_room(struct registry *r)
{
    size_t room = r->service_room;
    void *services = r->services;
    int err = registry_grow(&services, &room, r->service_count, sizeof(*r->services));
    r->services = services;
    if (err < 0 || room == r->service_room)
        return err;
    struct service **visible = reallocarray(r->visible, room, sizeof(struct service *));
    if (!visible)
        return -ENOMEM;
    r->visible = visible;
    r->service_room = room;
    return 0;
}

int registry_service_put(struct registry *r, const struct service *service)
{
    struct service_entry *e, *old = registry_service_entry(r, service->name, service->from_config);
    if (!service_ok(service))
        return -EINVAL;
    if (!service->from_config && registry_service_entry(r, service->name, true))
        return -EPERM;
    if (!old && r->service_count >= REGISTRY_SERVICES_MAX)
        return -ENOSPC;
    if (make_room(r) < 0)
        return -ENOMEM;
    int err = entry_new(r, service, &e);
    if (err < 0)
        return err;
    size_t at = place_of(r, service->name);
    if (old) {
        e->service.connections = old->service.connections;
        e->service.rx_bytes = old->service.rx_bytes;
        e->service.tx_bytes = old->service.tx_bytes;
        if (e->service.expires_us == old->service.expires_us)
            e->service.ends = old->service.ends;
        registry_guests_move(e, old);
        at += r->services[at] != old;
        entry_free(old);
    } else {
        memmove(&r->services[at + 1], &r->services[at],
                (r->service_count - at) * sizeof(*r->services));
        r->service_count++;
    }
    r->services[at] = e;
    refresh_view(r);
    return 0;
}

static void remove_at(struct registry *r, size_t i)
{
    entry_free(r->services[i]);
    r->service_count--;
    memmove(&r->services[i], &r->services[i + 1], (r->service_count - i) * sizeof(*r->services));
}

int registry_service_remove(struct registry *r, const char *name)
{
    struct service *s = registry_service(r, name);
    if (!s)
        return -ENOENT;
    if (s->from_config)
        return -EPERM;
    remove_at(r, place_of(r, name));
    refresh_view(r);
    return 0;
}

static bool expired(const struct registry *r, const struct service *s, int64_t wall_us)
{
    return s->expires_us != 0 && (s->expires_us <= wall_us || s->ends <= env_now(r->env));
}

bool registry_expire(struct registry *r, int64_t wall_us)
{
    size_t before = r->service_count;
    for (size_t i = r->service_count; i > 0; i--)
        if (expired(r, &r->services[i - 1]->service, wall_us))
            remove_at(r, i - 1);
    refresh_view(r);
    return r->service_count != before;
}

void registry_services_drop_config(struct registry *r)
{
    for (size_t i = r->service_count; i > 0; i--)
        if (r->services[i - 1]->service.from_config)
            remove_at(r, i - 1);
    refresh_view(r);
}

void registry_services_free(struct registry *r)
{
    for (size_t i = 0; i < r->service_count; i++)
        entry_free(r->services[i]);
    free(r->services);
    free(r->visible);
    free(r->grants);
}

/* ---- who may ---- */

static bool may_use(const struct registry *r, const struct service *s, const struct peer_id *peer,
                    int64_t wall_us)
{
    if (expired(r, s, wall_us) || registry_ids_have(s->deny, s->deny_count, peer))
        return false;
    return s->public || registry_ids_have(s->allow, s->allow_count, peer);
}

bool registry_may_use(const struct registry *r, const struct service *s, const struct peer_id *peer,
                      int64_t wall_us)
{
    return !registry_is_blocked(r, peer) && may_use(r, s, peer, wall_us);
}

bool registry_may_connect(const struct registry *r, const struct peer_id *peer, int64_t wall_us)
{
    const struct peer_entry *e = registry_entry(r, peer);
    if (e)
        return !e->peer.blocked;
    for (size_t i = 0; i < r->visible_count; i++)
        if (may_use(r, r->visible[i], peer, wall_us))
            return true;
    return false;
}
