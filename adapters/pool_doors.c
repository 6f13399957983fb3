#include "adapters/pool_doors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/pool_ports.h"
#include "gateway/base/log.h"

enum { HTTP = 80, HTTPS = 443 };

/* One that no packet filter leads to us unless it does so with all of them. */
enum { ANY_PORT = 65533 };

/* How long a connection within the machine may take to come in. */
#define PROBE_WAIT MSEC(300)

/* How often it is looked whether another gateway that has the pool is gone. */
#define OTHER_WAIT SEC(30)

/* `setup` makes the route first and the filter after it: look again for a while. */
static const instant AGAIN[] = {SEC(2), SEC(10), SEC(60)};

struct door_probe {
    struct pool_doors *doors;
    struct sock *sock; /* or NULL */
    uint16_t port;
    bool came; /* since it was begun */
};

struct pool_doors {
    struct pool_doors_options o;
    struct env *env;
    struct pool_targets targets;
    struct pool_ports ports;
    struct sock_listener *redirected, *passed[2];
    bool held; /* systemd holds the port of the redirection for us */
    struct door_probe http, any;
    bool looking, settled;
    bool all; /* every port is redirected, as far as was seen */
    unsigned again;
    struct timer timer;
    int said; /* of the last error with the redirect port */
};

/* ---- callers ---- */

/* What the peer shares on a port, as far as is known. */
static const struct remote_service *shared(struct pool_doors *d, const struct peer_id *peer,
                                           uint16_t port, struct peer_view *view)
{
    if (!node_peer(d->o.node, peer, view) || !view->services_known)
        return NULL;
    for (size_t i = 0; i < view->service_count; i++)
        if (view->services[i].port == port && view->services[i].proto & SERVICE_TCP)
            return &view->services[i];
    return NULL;
}

/* HTTP is routed by its host; but a service on port 80 that wants no guard may speak anything, and
 * one on port 443 has certificates of its own. */
static bool is_for_proxy(struct pool_doors *d, const struct peer_id *peer, uint16_t port)
{
    struct peer_view view;
    const struct remote_service *s = shared(d, peer, port, &view);
    if (port == HTTPS)
        return !s && proxy_has_https(d->o.proxy);
    return port == HTTP && (!s || !s->raw);
}

static void note(struct pool_doors *d, uint16_t port)
{
    if (port == d->http.port)
        d->http.came = true;
    if (port == d->any.port)
        d->any.came = true;
    if (d->looking && d->http.came && d->any.came)
        timer_set(d->env, &d->timer, env_now(d->env));
}

/* While it is looked whether connections to our own port 80 come in, the first is our own. */
static bool is_visit(const struct pool_doors *d, const struct addr *at)
{
    struct addr own = pool_gateway(d->o.pool);
    return addr_same_ip(at, &own) && addr_port(at) == HTTP && (!d->looking || d->http.came);
}

static void on_accept(void *arg, struct sock *sock, const struct addr *from)
{
    struct pool_doors *d = arg;
    struct addr at = sock_dialled(d->env, sock), own = pool_gateway(d->o.pool);
    struct peer_id peer;
    bool visit = is_visit(d, &at);

    if (addr_same_ip(&at, &own))
        note(d, addr_port(&at));
    if (visit)
        proxy_take(d->o.proxy, sock, from, &at, node_id(d->o.node));
    else if (addr_is_loopback(&at) && addr_port(&at) == HTTP)
        proxy_take(d->o.proxy, sock, from, &at, NULL);
    else if (!pool_peer(d->o.pool, &at, &peer))
        sock_reset(d->env, sock);
    else if (is_for_proxy(d, &peer, addr_port(&at)))
        proxy_take(d->o.proxy, sock, from, &at, &peer);
    else
        pool_targets_take(&d->targets, sock, from, &at, &peer);
}

static const struct listen_handler listener_events = {on_accept};

/* ---- listening ---- */

static void listen_passed(struct pool_doors *d)
{
    static const uint16_t port[] = {HTTP, HTTPS};

    for (size_t i = 0; i < sizeof(port) / sizeof(*port); i++) {
        struct addr at = addr_v4((const uint8_t[4]){0}, port[i]);
        int err = sock_listen_lo(d->env, &d->passed[i], &at, true, &listener_events, d);
        if (err == -EPERM)
            log_warn(LOG_OPEN,
                     "the socket for port %u that was passed is not used: it is not bound to the "
                     "loopback device (BindToDevice=lo)",
                     port[i]);
    }
}

static struct addr redirect_address(const struct pool_doors *d)
{
    return addr_v4((const uint8_t[4]){0}, d->o.redirect_port);
}

/* While the gateway is not running another user could take the port, and with it what programs send
 * to peers: not so where systemd holds it. It cannot be opened a second time. */
static void listen_held(struct pool_doors *d)
{
    struct addr at = redirect_address(d);
    d->held = sock_listen_lo(d->env, &d->redirected, &at, true, &listener_events, d) == 0;
}

static void listen_redirected(struct pool_doors *d)
{
    struct addr at = redirect_address(d);
    int err =
        d->redirected ? 0 : sock_listen_lo(d->env, &d->redirected, &at, false, &listener_events, d);

    if (err < 0 && err != d->said)
        log_warn(LOG_OPEN,
                 "peers have no addresses of their own: port %u, to which connections to them are "
                 "led, %s; another one is set by redirect_port in [setup], and then "
                 "`sudo overlay setup`",
                 d->o.redirect_port,
                 err == -EADDRINUSE ? "is another gateway's, or another program's"
                                    : strerror(-err));
    d->said = err;
}

static void close_listener(struct pool_doors *d, struct sock_listener **l)
{
    if (*l)
        listener_close(d->env, *l);
    *l = NULL;
}

/* ---- what comes in, and what does not ---- */

static void end_probe(struct door_probe *p)
{
    if (p->sock)
        sock_close(p->doors->env, p->sock);
    p->sock = NULL;
}

static void on_probe_connect(void *arg, int err)
{
    if (err < 0)
        end_probe(arg);
}

/* Whoever it came to ends it. */
static void on_probe_ready(void *arg)
{
    end_probe(arg);
}

static const struct sock_handler probe_events = {on_probe_connect, on_probe_ready};

static void begin_probe(struct door_probe *p)
{
    struct addr at = pool_gateway(p->doors->o.pool);

    end_probe(p);
    p->came = false;
    addr_set_port(&at, p->port);
    if (sock_connect(p->doors->env, &p->sock, &at, &probe_events, p) < 0)
        p->sock = NULL;
}

static void probe(struct pool_doors *d)
{
    d->looking = true;
    begin_probe(&d->http);
    begin_probe(&d->any);
    timer_set(d->env, &d->timer, env_now(d->env) + PROBE_WAIT);
}

static void settle(struct pool_doors *d)
{
    end_probe(&d->http);
    end_probe(&d->any);
    if (pool_has_http(d->o.pool) != d->http.came)
        log_info(LOG_OPEN, "http://NAME.%s/ is %s", d->o.suffix,
                 d->http.came ? "served" : "not served: port 80 is not redirected");
    pool_set_http(d->o.pool, d->http.came);
    d->looking = false;
    d->settled = true;
    d->all = d->any.came;
    pool_ports_sync(&d->ports, !d->all);
    if (d->again < sizeof(AGAIN) / sizeof(*AGAIN))
        timer_set(d->env, &d->timer, env_now(d->env) + AGAIN[d->again++]);
}

static void on_timer(struct timer *timer)
{
    struct pool_doors *d = container_of(timer, struct pool_doors, timer);

    if (!pool_is_active(d->o.pool))
        pool_doors_look(d);
    else if (d->looking)
        settle(d);
    else if (!d->http.came || !d->any.came)
        probe(d);
}

/* Takes over what a peer is known to share. Returns true if that is news. */
static bool meet(struct pool_doors *d, const struct peer_view *view)
{
    struct pool_service list[POOL_SERVICES_MAX];
    size_t count = 0;

    if (!view->services_known)
        return false;
    for (; count < view->service_count && count < POOL_SERVICES_MAX; count++) {
        const struct remote_service *s = &view->services[count];
        list[count] = (struct pool_service){s->port, (uint8_t)s->proto};
    }
    return pool_met(d->o.pool, &view->id, list, count);
}

static void begin(struct pool_doors *d)
{
    char text[ADDR_PREFIX_TEXT_MAX];
    size_t count = node_peers(d->o.node, NULL, 0);
    auto_free struct peer_view *views = calloc(count + 1, sizeof(*views));

    log_info(LOG_OPEN, "peers have addresses of their own here, in %s",
             addr_prefix_print(pool_range(d->o.pool), text));
    if (views)
        count = node_peers(d->o.node, views, count);
    for (size_t i = 0; views && i < count; i++)
        (void)meet(d, &views[i]);
}

static void end(struct pool_doors *d)
{
    log_info(LOG_OPEN, "peers have no addresses of their own here any more");
    end_probe(&d->http);
    end_probe(&d->any);
    timer_stop(d->env, &d->timer);
    d->looking = d->settled = d->all = false;
    if (!d->held)
        close_listener(d, &d->redirected);
    pool_ports_sync(&d->ports, false);
}

/* Another gateway of this machine that has the port has the range, too. */
void pool_doors_look(struct pool_doors *d)
{
    bool local = pool_is_local(d->o.pool);

    if (local)
        listen_redirected(d);
    bool active = local && d->redirected;
    bool changed = pool_set_active(d->o.pool, active);
    if (changed && active)
        begin(d);
    else if (changed)
        end(d);
    d->again = 0;
    if (active)
        probe(d);
    else if (local)
        timer_set(d->env, &d->timer, env_now(d->env) + OTHER_WAIT);
}

void pool_doors_peer(struct pool_doors *d, const struct peer_id *peer)
{
    struct peer_view view;

    if (node_peer(d->o.node, peer, &view) && meet(d, &view) && d->settled)
        pool_ports_sync(&d->ports, !d->all);
}

/* ---- life ---- */

int pool_doors_new(struct pool_doors **out, const struct pool_doors_options *options)
{
    struct pool_doors *d = calloc(1, sizeof(*d));

    if (!d)
        return -ENOMEM;
    d->o = *options;
    d->env = node_env(options->node);
    d->timer.fire = on_timer;
    d->http = (struct door_probe){.doors = d, .port = HTTP};
    d->any = (struct door_probe){.doors = d, .port = ANY_PORT};
    d->targets = (struct pool_targets){
        .node = options->node,
        .users = options->users,
        .suffix = options->suffix,
        .pool = options->pool,
        .owns_port = options->owns_port,
        .owns_arg = options->owns_arg,
    };
    pool_targets_init(&d->targets);
    pool_ports_init(&d->ports, &d->targets, &listener_events, d);
    listen_passed(d);
    listen_held(d);
    pool_doors_look(d);
    *out = d;
    return 0;
}

void pool_doors_free(struct pool_doors *d)
{
    if (!d)
        return;
    timer_stop(d->env, &d->timer);
    end_probe(&d->http);
    end_probe(&d->any);
    close_listener(d, &d->redirected);
    close_listener(d, &d->passed[0]);
    close_listener(d, &d->passed[1]);
    pool_ports_deinit(&d->ports);
    pool_targets_deinit(&d->targets);
    free(d);
}

size_t pool_doors_conflicts(const struct pool_doors *d, enum service_proto proto, uint16_t *out,
                            size_t max)
{
    return pool_ports_conflicts(&d->ports, proto, out, max);
}

bool pool_doors_redirected(const struct pool_doors *d)
{
    return d->all;
}

bool pool_doors_https(struct pool_doors *d, const struct peer_id *peer)
{
    bool comes = d->settled && (d->all || d->passed[1]);
    return comes && pool_is_active(d->o.pool) && is_for_proxy(d, peer, HTTPS);
}
