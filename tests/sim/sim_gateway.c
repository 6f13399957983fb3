#include "tests/sim/sim_gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/keys_numbered.h"

#define GOODBYE_WITHIN MSEC(500)

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

void sim_gateway_init(struct sim_gateway *g, struct sim_world *w, const char *name, uint8_t number,
                      unsigned network, const char *address)
{
    char why[256];
    memset(g, 0, sizeof(*g));
    sim_host_init(&g->host, w, name);
    if (address)
        (void)sim_host_join(&g->host, network, address);
    g->keys = keys_numbered(number);
    g->options = (struct node_options){
        .listen = {at(address && strchr(address, ':') ? "[::]:4433" : "0.0.0.0:4433")},
        .version = "sim",
        .lan = LAN_OFF,
    };
    g->users = (struct local_users){.uid = {g->host.uid}, .count = 1};
    assert_int_equal(registry_open(&g->registry, &g->host.env, why, sizeof(why)), 0);
}

void sim_gateway_init_at_home(struct sim_gateway *g, struct sim_world *w, const char *name,
                              uint8_t number, struct sim_access *home, const char *address,
                              instant delay)
{
    const struct sim_link line = {.delay = delay};
    sim_gateway_init(g, w, name, number, 0, NULL);
    (void)sim_access_join(home, &g->host, address);
    sim_host_links(&g->host, &line);
}

void sim_gateway_start(struct sim_gateway *g)
{
    char why[256] = "";
    struct env *env = &g->host.env;
    const struct ports_options ports = {.users = &g->users, .suffix = "overlay"};

    assert_null(g->node);
    assert_int_equal(node_new(&g->node, env, g->registry, &g->keys, &g->options), 0);
    if (node_start(g->node, why, sizeof(why)) < 0)
        fail_msg("%s: %s", g->host.name, why);
    assert_int_equal(server_adapter_new(&g->server, g->node, NULL, NULL), 0);
    struct ports_options with_node = ports;
    with_node.node = g->node;
    assert_int_equal(ports_new(&g->ports, &with_node), 0);
    ports_restore(g->ports);
}

static void on_stopped(void *arg)
{
    ((struct sim_gateway *)arg)->stopped = true;
}

static bool has_stopped(void *arg)
{
    return ((struct sim_gateway *)arg)->stopped;
}

/* Adapters first: they hold pipes of the node. */
static void free_adapters(struct sim_gateway *g)
{
    ports_free(g->ports);
    server_adapter_free(g->server);
    g->ports = NULL;
    g->server = NULL;
}

void sim_gateway_stop(struct sim_gateway *g)
{
    free_adapters(g);
    g->stopped = false;
    node_stop(g->node, on_stopped, g);
    assert_true(sim_world_run(g->host.world, GOODBYE_WITHIN, has_stopped, g));
    node_free(g->node);
    g->node = NULL;
}

void sim_gateway_crash(struct sim_gateway *g)
{
    struct sim_link up = g->host.up;
    g->host.up.down = true;
    free_adapters(g);
    node_free(g->node);
    g->node = NULL;
    g->host.up = up;
}

void sim_gateway_deinit(struct sim_gateway *g)
{
    if (g->node)
        sim_gateway_stop(g);
    registry_free(g->registry);
    sim_host_deinit(&g->host);
}

static void changed(struct sim_gateway *g)
{
    assert_int_equal(registry_save(g->registry), 0);
    if (g->node)
        node_registry_changed(g->node);
}

void sim_gateway_knows(struct sim_gateway *g, const struct sim_gateway *other, const char *alias,
                       const char *address)
{
    int err;
    struct known_peer *p = registry_peer_add(g->registry, &other->keys.id, &err);
    assert_non_null(p);
    if (address)
        p->address[0] = at(address);
    assert_int_equal(registry_set_alias(g->registry, &other->keys.id, alias), 0);
    changed(g);
}

void sim_gateway_shares(struct sim_gateway *g, const char *name, enum service_proto proto,
                        uint16_t port, const char *target)
{
    struct service s = {.proto = proto, .port = port, .public = true};
    (void)snprintf(s.name, sizeof(s.name), "%s", name);
    (void)snprintf(s.target, sizeof(s.target), "%s", target);
    assert_int_equal(registry_service_put(g->registry, &s), 0);
    changed(g);
}

struct addr sim_gateway_opens(struct sim_gateway *g, const struct sim_gateway *other,
                              const char *service, enum service_proto proto)
{
    struct ports_view view;
    char why[256] = "";
    const struct ports_request what = {.peer = other->keys.id, .service = service, .proto = proto};
    if (ports_open(g->ports, &what, &view, why, sizeof(why)) < 0)
        fail_msg("%s: %s", g->host.name, why);
    return view.listen;
}

void sim_gateway_calls(struct sim_gateway *from, const struct sim_gateway *to,
                       struct sim_caller *caller, uint64_t bytes)
{
    struct addr port = sim_gateway_opens(from, to, "echo", SERVICE_TCP);
    sim_caller_start(caller, &from->host.env, &port, bytes);
}

void sim_gateway_call_ends_well(struct sim_gateway *from, struct sim_caller *caller, instant span)
{
    if (!sim_world_run(from->host.world, span, sim_caller_over, caller))
        fail_msg("the call hangs: sent %llu, came back %llu of %llu",
                 (unsigned long long)caller->sent, (unsigned long long)caller->received,
                 (unsigned long long)caller->total);
    if (caller->error < 0)
        fail_msg("the call broke: %s after %llu bytes", strerror(-caller->error),
                 (unsigned long long)caller->received);
    assert_true(sim_caller_is_right(caller));
}

static void on_connected(struct node_wait *w, int err, const char *why)
{
    struct sim_gateway *g = container_of(w, struct sim_gateway, wait);
    g->waiting = false;
    g->wait_err = err;
    (void)snprintf(g->wait_why, sizeof(g->wait_why), "%s", why ? why : "");
}

void sim_gateway_connect(struct sim_gateway *g, const struct sim_gateway *other)
{
    assert_false(g->waiting);
    g->waiting = true;
    g->wait = (struct node_wait){.done = on_connected};
    node_connect(g->node, &other->keys.id, &g->wait);
    assert_true(g->waiting);
}

bool sim_gateway_connected(void *gateway)
{
    return !((struct sim_gateway *)gateway)->waiting;
}

void sim_gateway_tries(struct sim_gateway *g, const struct sim_gateway *other)
{
    sim_gateway_connect(g, other);
    assert_true(sim_world_run(g->host.world, SEC(11), sim_gateway_connected, g));
}

struct couple {
    struct sim_gateway *a, *b;
};

static bool are_direct(void *arg)
{
    const struct couple *c = arg;
    return sim_gateway_view(c->a, c->b).state == PEER_DIRECT &&
           sim_gateway_view(c->b, c->a).state == PEER_DIRECT;
}

bool sim_gateways_meet(struct sim_gateway *a, struct sim_gateway *b, instant span)
{
    struct couple c = {a, b};
    return sim_world_run(a->host.world, span, are_direct, &c);
}

void sim_gateway_must_connect(struct sim_gateway *g, const struct sim_gateway *other, instant span)
{
    sim_gateway_connect(g, other);
    if (!sim_world_run(g->host.world, span, sim_gateway_connected, g))
        fail_msg("%s: not connected in time", g->host.name);
    if (g->wait_err < 0)
        fail_msg("%s: %s: %s", g->host.name, strerror(-g->wait_err), g->wait_why);
}

struct peer_view sim_gateway_view(struct sim_gateway *g, const struct sim_gateway *other)
{
    struct peer_view view;
    memset(&view, 0, sizeof(view));
    (void)node_peer(g->node, &other->keys.id, &view);
    return view;
}
