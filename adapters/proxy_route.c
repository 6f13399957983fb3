#include "adapters/proxy_route.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is_tcp(const struct remote_service *s)
{
    return (s->proto & SERVICE_TCP) != 0;
}

static const struct remote_service *by_name(const struct peer_view *v, const char *name)
{
    for (size_t i = 0; i < v->service_count; i++) {
        if (strcmp(v->services[i].name, name) == 0)
            return &v->services[i];
    }
    return NULL;
}

static const struct remote_service *by_port(const struct peer_view *v, uint16_t port)
{
    for (size_t i = 0; i < v->service_count; i++) {
        if (v->services[i].port == port && is_tcp(&v->services[i]))
            return &v->services[i];
    }
    return NULL;
}

/* `web`, else the only TCP service. */
static const struct remote_service *by_default(const struct peer_view *v)
{
    const struct remote_service *only = by_name(v, "web");
    if (only && is_tcp(only))
        return only;
    only = NULL;
    for (size_t i = 0; i < v->service_count; i++) {
        if (!is_tcp(&v->services[i]))
            continue;
        if (only)
            return NULL;
        only = &v->services[i];
    }
    return only;
}

static enum route_result take(struct route *r, const struct remote_service *s)
{
    if (!is_tcp(s)) {
        snprintf(r->why, sizeof(r->why), "The service %s speaks UDP, not TCP.", s->name);
        return ROUTE_WRONG_PROTO;
    }
    r->what = (struct preamble){.kind = PREAMBLE_TCP};
    snprintf(r->what.name, sizeof(r->what.name), "%s", s->name);
    r->service_port = s->port;
    r->raw = s->raw;
    return ROUTE_READY;
}

/* The service of a peer whose list is known. */
static enum route_result choose(struct route *r, const struct peer_view *v)
{
    const struct remote_service *s;
    if (r->name.service[0]) {
        s = r->name.kind == NAME_SERVICE ? &r->name.offered : by_name(v, r->name.service);
        if (s)
            return take(r, s);
        snprintf(r->why, sizeof(r->why), "This peer shares no service %s with us.",
                 r->name.service);
        return ROUTE_UNKNOWN;
    }
    s = r->port ? by_port(v, r->port) : NULL;
    if (!s && (r->port == 0 || r->port == 80))
        s = by_default(v);
    if (s)
        return take(r, s);
    if (r->port != 0 && r->port != 80) {
        snprintf(r->why, sizeof(r->why), "This peer shares nothing on TCP port %u with us.",
                 r->port);
        return ROUTE_UNKNOWN;
    }
    bool none = true;
    for (size_t i = 0; i < v->service_count; i++)
        none = none && !is_tcp(&v->services[i]);
    snprintf(r->why, sizeof(r->why), "%s",
             none ? "This peer shares no TCP service with us."
                  : "This peer shares several services: put the name of one in front.");
    return none ? ROUTE_UNKNOWN : ROUTE_NO_DEFAULT;
}

static bool is_connected(const struct peer_view *v)
{
    return (v->state == PEER_DIRECT || v->state == PEER_RELAYED) && v->services_known;
}

static enum route_result resolve(struct route *r)
{
    const struct proxy_options *o = &r->proxy->o;
    int err = names_resolve(o->node, o->suffix, r->host, &r->name);
    if (err == 0) {
        r->peer = r->name.peer;
        return ROUTE_READY;
    }
    if (err == -EDOM) {
        snprintf(r->why, sizeof(r->why), "Only names under .%s are served here.", o->suffix);
        return ROUTE_OUTSIDE;
    }
    snprintf(r->why, sizeof(r->why), "There is no peer or service of the name %s.", r->host);
    return ROUTE_UNKNOWN;
}

static enum route_result find(struct route *r)
{
    struct peer_view view;
    enum route_result result = resolve(r);
    if (result != ROUTE_READY)
        return result;
    if (node_peer(r->proxy->o.node, &r->peer, &view) && is_connected(&view))
        return choose(r, &view);
    return ROUTE_WAITING;
}

static void on_connected(struct node_wait *wait, int err, const char *why)
{
    struct route *r = container_of(wait, struct route, wait);
    enum route_result result = err == -EACCES ? ROUTE_DENIED : ROUTE_UNREACHABLE;
    r->waiting = false;
    if (why)
        snprintf(r->why, sizeof(r->why), "%s", why);
    if (err == 0)
        result = find(r);
    if (result == ROUTE_WAITING) {
        snprintf(r->why, sizeof(r->why), "The session to this peer ended at once.");
        result = ROUTE_UNREACHABLE;
    }
    r->done(r, result);
}

enum route_result route_begin(struct route *r, struct proxy *p, const char *host, uint16_t port,
                              void (*done)(struct route *r, enum route_result result))
{
    *r = (struct route){.proxy = p, .port = port, .done = done};
    snprintf(r->host, sizeof(r->host), "%s", host);
    enum route_result result = find(r);
    if (result == ROUTE_WAITING) {
        r->waiting = true;
        r->wait.done = on_connected;
        node_connect(p->o.node, &r->peer, &r->wait);
    }
    return result;
}

void route_cancel(struct route *r)
{
    if (r->waiting)
        node_connect_cancel(&r->wait);
    r->waiting = false;
}

enum route_result route_open(struct route *r, struct pipe **out)
{
    int err = node_open_stream(r->proxy->o.node, &r->peer, &r->what, out);
    if (err == 0)
        return ROUTE_READY;
    snprintf(r->why, sizeof(r->why), "%s",
             err == -ENOTCONN ? "The session to this peer was lost."
                              : "Too many connections to this peer are open.");
    return err == -ENOTCONN ? ROUTE_UNREACHABLE : ROUTE_BUSY;
}
