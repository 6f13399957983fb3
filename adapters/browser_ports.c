#include "adapters/browser_ports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapters/browser_conn.h"
#include "adapters/browser_flows.h"
#include "adapters/port_pool.h"
#include "gateway/base/log.h"
#include "gateway/node/names.h"

/* A remembered port that somebody else holds, maybe the gateway before us, is tried again. */
#define RETRY_EVERY SEC(5)

struct ports {
    struct ports_options o;
    struct env *env;
    struct list open; /* struct port, in the order of opening */
    uint16_t proxy_port;
    const struct pool *pool;
    bool (*https)(void *arg, const struct peer_id *peer);
    void *https_arg;
    struct timer retry;
    struct farewells farewells;
};

struct port {
    struct list link;
    struct ports *ports;
    struct port_assignment kept; /* as the registry has it */
    struct addr local;
    struct conn_target target;
    struct sock_listener *listener; /* TCP, or NULL */
    struct flows *flows;            /* UDP, or NULL */
};

/* ---- listening ---- */

static void on_accept(void *arg, struct sock *sock, const struct addr *from)
{
    struct port *p = arg;
    conn_accept(&p->target, sock, from, &p->local);
}

static const struct listen_handler listener_events = {on_accept};

static bool listens(const struct port *p)
{
    return (!(p->kept.proto & SERVICE_TCP) || p->listener) &&
           (!(p->kept.proto & SERVICE_UDP) || p->flows);
}

/* Stops listening for all but these protocols. */
static void narrow(struct port *p, unsigned proto)
{
    if (!(proto & SERVICE_TCP) && p->listener) {
        listener_close(p->ports->env, p->listener);
        p->listener = NULL;
    }
    if (!(proto & SERVICE_UDP)) {
        flows_close(p->flows);
        p->flows = NULL;
    }
}

/* Listens on p->local for what p->kept.proto says, all of it or nothing new. */
static int start_listening(struct port *p)
{
    struct env *env = p->ports->env;
    struct sock_listener *listener = NULL;
    if ((p->kept.proto & SERVICE_TCP) && !p->listener) {
        int err = sock_listen(env, &listener, &p->local, &listener_events, p);
        if (err < 0)
            return err;
    }
    if ((p->kept.proto & SERVICE_UDP) && !p->flows) {
        struct flows_options options = {
            .node = p->target.node,
            .users = p->target.users,
            .peer = p->target.site.peer,
            .what = p->target.what,
            .to_far = &p->target.to_far,
            .from_far = &p->target.from_far,
        };
        options.what.kind = PREAMBLE_UDP;
        int err = flows_open(&p->flows, &p->local, &options);
        if (err < 0) {
            if (listener)
                listener_close(env, listener);
            return err;
        }
    }
    if (listener)
        p->listener = listener;
    return 0;
}

static void on_nothing(void *arg, const struct udp_rx *rx)
{
    (void)arg, (void)rx;
}

static void on_nobody(void *arg, struct sock *sock, const struct addr *from)
{
    (void)from;
    sock_reset(arg, sock);
}

/* One number serves TCP and UDP, so that the protocol not asked for today must be free too. */
static bool both_free(struct env *env, const struct addr *at)
{
    static const struct listen_handler nobody = {on_nobody};
    static const struct udp_handler nothing = {on_nothing, NULL};
    struct sock_listener *listener;
    struct udp_socket *udp;
    if (sock_listen(env, &listener, at, &nobody, env) < 0)
        return false;
    listener_close(env, listener);
    if (udp_open(env, &udp, at, 0, &nothing, env) < 0)
        return false;
    udp_close(env, udp);
    return true;
}

/* ---- one port's life ---- */

static struct addr address_of(const struct port_assignment *a)
{
    return addr_is_none(&a->at) ? addr_loopback(false, a->port) : a->at;
}

static struct port *find(struct ports *ports, const struct peer_id *peer, const char *service)
{
    list_each(at, &ports->open)
    {
        struct port *p = list_entry(at, struct port, link);
        if (peer_id_equal(&p->kept.peer, peer) && strcmp(p->kept.service, service) == 0)
            return p;
    }
    return NULL;
}

static bool owns_port(void *arg, const struct addr *at, const struct peer_id *peer)
{
    return ports_belongs_to(arg, at, peer);
}

static struct port *new_port(struct ports *ports, const struct port_assignment *kept)
{
    struct port *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->ports = ports;
    p->kept = *kept;
    p->local = address_of(kept);
    p->target = (struct conn_target){
        .node = ports->o.node,
        .users = ports->o.users,
        .farewells = &ports->farewells,
        .site = {ports->o.node, ports->o.suffix, kept->peer, owns_port, ports, ports->pool},
        .what = {.kind = PREAMBLE_TCP, .port = kept->remote_port},
    };
    if (kept->remote_port == 0)
        snprintf(p->target.what.name, sizeof(p->target.what.name), "%s", kept->service);
    list_init(&p->target.conns);
    list_append(&ports->open, &p->link);
    return p;
}

static void free_port(struct port *p)
{
    narrow(p, 0);
    conn_abort_all(&p->target);
    list_remove(&p->link);
    free(p);
}

static bool has_https(const struct ports *ports, const struct peer_id *peer)
{
    return ports->https && ports->https(ports->https_arg, peer);
}

static void view(const struct port *p, struct ports_view *out)
{
    char name[PORTS_URL_MAX - sizeof("http://.localhost:65535/")];
    *out = (struct ports_view){
        .peer = p->kept.peer,
        .remote_port = p->kept.remote_port,
        .proto = (enum service_proto)p->kept.proto,
        .listening = listens(p),
        .listen = p->local,
        .connections = p->target.connections,
        .to_far = p->target.to_far,
        .from_far = p->target.from_far,
    };
    snprintf(out->service, sizeof(out->service), "%s", p->kept.service);
    if (p->kept.remote_port != 0 || !(p->kept.proto & SERVICE_TCP) || p->ports->proxy_port == 0)
        return;
    size_t len = names_write(p->target.node, p->ports->o.suffix, &p->kept.peer, p->kept.service,
                             name, sizeof(name));
    if (len < sizeof(name) && pool_has_http(p->ports->pool))
        snprintf(out->url, sizeof(out->url), "http%s://%s/",
                 has_https(p->ports, &p->kept.peer) ? "s" : "", name);
    else if (len < sizeof(name))
        snprintf(out->url, sizeof(out->url), "http://%s.localhost:%u/", name, p->ports->proxy_port);
}

/* ---- opening ---- */

static const char *reason_of(int err)
{
    switch (err) {
    case -EADDRINUSE:
        return "another program holds this port";
    case -EACCES:
        return "ports below 1024 need a privilege that the gateway does not have";
    case -EADDRNOTAVAIL:
        return "this machine has no such address";
    case -EMFILE:
    case -ENFILE:
        return "too many open files";
    case -ENOSPC:
        return "no free port is left";
    case -ENOMEM:
        return "out of memory";
    default:
        return "the port could not be opened";
    }
}

/* Remembers it, or on error what was before: of a new one the number, which is nobody else's. */
static int remember(struct ports *ports, const struct port_assignment *kept, char *why,
                    size_t why_len)
{
    struct registry *r = node_registry(ports->o.node);
    const struct port_assignment *old = registry_port(r, &kept->peer, kept->service);
    struct port_assignment before = old ? *old : *kept;
    before.open = old && old->open;
    int err = registry_port_put(r, kept);
    if (err < 0) {
        snprintf(why, why_len, "%s", reason_of(err));
        return err;
    }
    err = registry_save(r);
    if (err < 0) {
        (void)!registry_port_put(r, &before); /* its place is there */
        snprintf(why, why_len, "the registry could not be saved");
    }
    return err;
}

/* Finds the number for a service that has none yet, or whose number somebody else holds. */
static uint16_t choose(struct ports *ports, const struct port_assignment *plan, struct addr at)
{
    struct registry *r = node_registry(ports->o.node);
    unsigned turn = 0;
    uint16_t port;
    while ((port = port_pool_next(r, &plan->peer, plan->service, &turn)) != 0) {
        addr_set_port(&at, port);
        if (both_free(ports->env, &at))
            return port;
    }
    return 0;
}

/* Sets up what is to be remembered for a request: number and address. */
static int plan(struct ports *ports, const struct ports_request *what, struct port_assignment *plan)
{
    const struct port_assignment *old =
        registry_port(node_registry(ports->o.node), &what->peer, what->service);
    const struct port *open = find(ports, &what->peer, what->service);
    bool was_open = old && old->open;
    *plan = (struct port_assignment){.peer = what->peer, .remote_port = what->remote_port};
    snprintf(plan->service, sizeof(plan->service), "%s", what->service);
    plan->open = true;
    plan->proto = (uint8_t)((unsigned)what->proto | (was_open ? old->proto : 0u));
    plan->port = old ? old->port : 0;
    if (what->at)
        plan->at = *what->at;
    else if (was_open)
        plan->at = old->at;

    struct addr at = addr_is_none(&plan->at) ? addr_loopback(false, 0) : plan->at;
    if (!addr_is_loopback(&at))
        return -EPERM;
    bool named = addr_port(&at) != 0; /* --at names the number; one is kept all the same */
    addr_set_port(&at, plan->port);
    if (plan->port == 0 || !(named || (open && listens(open)) || both_free(ports->env, &at))) {
        if (plan->port != 0)
            log_warn(LOG_OPEN, "port %u is held by another program: choosing the next free one",
                     plan->port);
        plan->port = choose(ports, plan, at);
    }
    if (!addr_is_none(&plan->at) && !named)
        addr_set_port(&plan->at, plan->port);
    return plan->port != 0 ? 0 : -ENOSPC;
}

/* Listens as planned: with `old` if that is at the same place, else with a new one beside it. */
static int listen_as_planned(struct ports *ports, struct port *old,
                             const struct port_assignment *plan, struct port **out)
{
    struct addr at = address_of(plan);
    if (old && addr_equal(&old->local, &at)) {
        uint8_t before = old->kept.proto;
        old->kept.proto = plan->proto;
        int err = start_listening(old);
        if (err < 0)
            old->kept.proto = before;
        *out = old;
        return err;
    }
    struct port *p = new_port(ports, plan);
    if (!p)
        return -ENOMEM;
    int err = start_listening(p);
    if (err < 0) {
        free_port(p);
        return err;
    }
    *out = p;
    return 0;
}

int ports_open(struct ports *ports, const struct ports_request *what, struct ports_view *out,
               char *why, size_t why_len)
{
    struct port_assignment wanted;
    int err = plan(ports, what, &wanted);
    if (err == -EPERM) {
        snprintf(why, why_len, "local ports are opened on loopback addresses only");
        return err;
    }
    struct port *old = find(ports, &what->peer, what->service), *p = NULL;
    uint8_t proto = old ? old->kept.proto : 0;
    if (err == 0)
        err = listen_as_planned(ports, old, &wanted, &p);
    if (err < 0) {
        char text[ADDR_TEXT_MAX];
        struct addr at = address_of(&wanted);
        snprintf(why, why_len, "%s: %s", addr_print(&at, text), reason_of(err));
        return err;
    }
    err = remember(ports, &wanted, why, why_len);
    if (err < 0 && p == old) {
        narrow(p, proto);
        p->kept.proto = proto;
    } else if (err < 0) {
        free_port(p);
    }
    if (err < 0)
        return err;
    if (old && old != p)
        free_port(old);
    p->kept = wanted;
    p->target.raw = what->raw;
    view(p, out);
    return 0;
}

int ports_close(struct ports *ports, const struct peer_id *peer, const char *service)
{
    struct port *p = find(ports, peer, service);
    if (!p)
        return -ENOENT;
    char why[128];
    struct port_assignment kept = p->kept;
    kept.open = false;
    int err = remember(ports, &kept, why, sizeof(why));
    if (err == 0)
        free_port(p);
    return err;
}

/* ---- all of them ---- */

static void retry(struct ports *ports)
{
    bool all = true;
    list_each(at, &ports->open)
    {
        struct port *p = list_entry(at, struct port, link);
        if (!listens(p) && start_listening(p) < 0)
            all = false;
    }
    timer_set(ports->env, &ports->retry, all ? INSTANT_NEVER : env_now(ports->env) + RETRY_EVERY);
}

static void on_retry(struct timer *timer)
{
    retry(container_of(timer, struct ports, retry));
}

void ports_restore(struct ports *ports)
{
    struct registry *r = node_registry(ports->o.node);
    for (size_t i = 0; i < registry_port_count(r); i++) {
        const struct port_assignment *kept = registry_port_at(r, i);
        if (!kept->open || find(ports, &kept->peer, kept->service))
            continue;
        struct port *p = new_port(ports, kept);
        if (p && start_listening(p) < 0)
            log_warn(LOG_OPEN, "port %u of %s is held by another program: trying again",
                     addr_port(&p->local), p->kept.service);
    }
    retry(ports);
}

int ports_new(struct ports **out, const struct ports_options *options)
{
    struct ports *ports = calloc(1, sizeof(*ports));
    if (!ports)
        return -ENOMEM;
    ports->o = *options;
    ports->env = node_env(options->node);
    ports->retry.fire = on_retry;
    list_init(&ports->open);
    farewells_init(&ports->farewells, ports->env);
    *out = ports;
    return 0;
}

void ports_free(struct ports *ports)
{
    if (!ports)
        return;
    for (struct list *at = list_first(&ports->open); at; at = list_first(&ports->open))
        free_port(list_entry(at, struct port, link));
    timer_stop(ports->env, &ports->retry);
    farewells_deinit(&ports->farewells);
    free(ports);
}

void ports_set_proxy_port(struct ports *ports, uint16_t port)
{
    ports->proxy_port = port;
}

void ports_set_https(struct ports *ports, bool (*https)(void *arg, const struct peer_id *peer),
                     void *arg)
{
    ports->https = https;
    ports->https_arg = arg;
}

void ports_set_pool(struct ports *ports, const struct pool *pool)
{
    ports->pool = pool;
}

size_t ports_list(struct ports *ports, struct ports_view *out, size_t max)
{
    size_t count = 0;
    list_each(at, &ports->open)
    {
        if (count < max)
            view(list_entry(at, struct port, link), &out[count]);
        count++;
    }
    return count;
}

bool ports_belongs_to(const struct ports *ports, const struct addr *at, const struct peer_id *peer)
{
    list_each(node, &ports->open)
    {
        const struct port *p = list_entry(node, struct port, link);
        if (addr_equal(&p->local, at))
            return peer_id_equal(&p->kept.peer, peer);
    }
    return false;
}
