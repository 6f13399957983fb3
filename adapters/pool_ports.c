#include "adapters/pool_ports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/browser_flows.h"
#include "gateway/base/log.h"

struct pool_port {
    struct list link;
    struct pool_ports *ports;
    struct peer_id peer;
    struct addr at;
    enum service_proto proto;       /* TCP or UDP */
    struct sock_listener *listener; /* TCP; one of them, or there is a conflict */
    struct flows *flows;            /* UDP */
    uint64_t to_far, from_far;
    int err;
    bool wanted; /* by the sync that runs */
};

static int listen_tcp(struct pool_port *p)
{
    const struct pool_ports *ports = p->ports;
    return sock_listen_lo(node_env(ports->targets->node), &p->listener, &p->at, false,
                          ports->handler, ports->arg);
}

static int listen_udp(struct pool_port *p)
{
    const struct flows_options options = {
        .node = p->ports->targets->node,
        .users = p->ports->targets->users,
        .peer = p->peer,
        .what = {.kind = PREAMBLE_UDP, .port = addr_port(&p->at)},
        .loopback_only = true,
        .to_far = &p->to_far,
        .from_far = &p->from_far,
    };
    return flows_open(&p->flows, &p->at, &options);
}

static void complain(const struct pool_port *p)
{
    const char *proto = p->proto == SERVICE_UDP ? "UDP" : "TCP";
    char at[ADDR_TEXT_MAX];

    addr_print(&p->at, at);
    if (p->err == -EADDRINUSE && p->proto == SERVICE_TCP)
        log_warn(LOG_OPEN,
                 "%s: another program has this port on all addresses; `sudo overlay setup` leads "
                 "connections to the peer around it",
                 at);
    else if (p->err == -EADDRINUSE)
        log_warn(LOG_OPEN,
                 "%s (UDP): another program has this port on all addresses; end it, or open the "
                 "service by `overlay open SERVICE.PEER --udp`",
                 at);
    else if (p->err == -EACCES || p->err == -EADDRNOTAVAIL) /* the range has just gone */
        log_debug(LOG_OPEN, "%s (%s): %s", at, proto, strerror(-p->err));
    else
        log_warn(LOG_OPEN, "%s (%s): %s", at, proto, strerror(-p->err));
}

static void try(struct pool_port *p)
{
    if (p->listener || p->flows)
        return;
    int err = p->proto == SERVICE_UDP ? listen_udp(p) : listen_tcp(p);
    bool news = err != p->err;
    p->err = err;
    if (err < 0 && news)
        complain(p);
}

static void drop(struct pool_port *p)
{
    if (p->listener)
        listener_close(node_env(p->ports->targets->node), p->listener);
    flows_close(p->flows);
    list_remove(&p->link);
    p->ports->count--;
    free(p);
}

static struct pool_port *find(struct pool_ports *ports, const struct addr *at,
                              enum service_proto proto)
{
    list_each(node, &ports->open)
    {
        struct pool_port *p = list_entry(node, struct pool_port, link);
        if (p->proto == proto && addr_equal(&p->at, at))
            return p;
    }
    return NULL;
}

static struct pool_port *add(struct pool_ports *ports, const struct peer_id *peer,
                             const struct addr *at, enum service_proto proto)
{
    struct pool_port *p = ports->count < POOL_PORTS_MAX ? calloc(1, sizeof(*p)) : NULL;
    if (!p)
        return NULL;
    p->ports = ports;
    p->peer = *peer;
    p->at = *at;
    p->proto = proto;
    list_append(&ports->open, &p->link);
    ports->count++;
    return p;
}

static void want(struct pool_ports *ports, const struct pool_line *line, uint16_t port,
                 enum service_proto proto)
{
    struct addr at = addr_v4(line->ip, port);
    struct pool_port *p = find(ports, &at, proto);
    if (!p)
        p = add(ports, &line->peer, &at, proto);
    if (p)
        p->wanted = true;
}

static void want_all(void *arg, const struct pool_line *line)
{
    struct pool_ports *ports = arg;
    for (size_t i = 0; i < line->count; i++) {
        if (line->service[i].proto & SERVICE_UDP)
            want(ports, line, line->service[i].port, SERVICE_UDP);
        if (ports->tcp && line->service[i].proto & SERVICE_TCP)
            want(ports, line, line->service[i].port, SERVICE_TCP);
    }
}

void pool_ports_init(struct pool_ports *p, struct pool_targets *targets,
                     const struct listen_handler *handler, void *arg)
{
    *p = (struct pool_ports){.targets = targets, .handler = handler, .arg = arg};
    list_init(&p->open);
}

void pool_ports_deinit(struct pool_ports *p)
{
    for (struct list *at = list_first(&p->open); at; at = list_first(&p->open))
        drop(list_entry(at, struct pool_port, link));
}

void pool_ports_sync(struct pool_ports *ports, bool tcp)
{
    struct list all;

    ports->tcp = tcp;
    if (pool_is_active(ports->targets->pool))
        pool_each(ports->targets->pool, want_all, ports);
    list_take_all(&all, &ports->open);
    for (struct list *at = list_first(&all); at; at = list_first(&all)) {
        struct pool_port *p = list_entry(at, struct pool_port, link);
        list_remove(at);
        list_append(&ports->open, at);
        if (!p->wanted) {
            drop(p);
            continue;
        }
        p->wanted = false;
        try(p);
    }
}

size_t pool_ports_conflicts(const struct pool_ports *ports, enum service_proto proto, uint16_t *out,
                            size_t max)
{
    size_t count = 0;

    list_each(node, &ports->open)
    {
        const struct pool_port *p = list_entry(node, struct pool_port, link);
        bool listed = false;
        if (p->proto != proto || p->err != -EADDRINUSE)
            continue;
        for (size_t i = 0; i < count && !listed; i++)
            listed = out[i] == addr_port(&p->at);
        if (!listed && count < max)
            out[count++] = addr_port(&p->at);
    }
    return count;
}
