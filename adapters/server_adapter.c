#include "adapters/server_adapter.h"

#include <errno.h>
#include <stdlib.h>

#include "adapters/serve_flow.h"
#include "adapters/serve_parts.h"
#include "adapters/serve_stream.h"
#include "gateway/node/linger.h"

#define CONNECTIONS_DEFAULT 20000

struct server_adapter {
    struct serve_parts parts;
    struct node_watch watch;
};

static void on_stream(void *arg, const struct peer_id *peer, const struct service *service,
                      struct pipe *pipe)
{
    struct server_adapter *s = arg;
    serve_stream_begin(&s->parts, peer, service, pipe);
}

static void on_flow(void *arg, const struct peer_id *peer, const struct service *service,
                    struct flow *flow)
{
    struct server_adapter *s = arg;
    serve_flow_begin(&s->parts, peer, service, flow);
}

static bool may_go_on(struct serve_parts *parts, const struct serve_use *use)
{
    const struct service *service = serve_use_service(parts, use);
    return service && registry_may_use(node_registry(parts->node), service, &use->peer,
                                       env_wall_us(parts->env));
}

static bool may_not_go_on(struct serve_parts *parts, const struct serve_use *use)
{
    return !may_go_on(parts, use);
}

static bool none_may_go_on(struct serve_parts *parts, const struct serve_use *use)
{
    (void)parts;
    (void)use;
    return true;
}

static void on_changed(struct node_watch *w, const struct peer_id *peer)
{
    struct server_adapter *s = container_of(w, struct server_adapter, watch);
    if (peer)
        return; /* a peer's own affairs; a lost session ends its pipes by itself */
    serve_streams_abort(&s->parts, may_not_go_on);
    serve_flows_close(&s->parts, may_not_go_on);
}

void server_adapter_limit(struct server_adapter *s, size_t connections)
{
    s->parts.party_max = connections - connections * 3 / 8;
}

int server_adapter_new(struct server_adapter **out, struct node *n,
                       const struct serve_resolver *resolver, const struct serve_own *own)
{
    static const struct node_server server = {on_stream, on_flow};
    uint8_t secret[MAP_SECRET_LEN];
    struct server_adapter *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->parts =
        (struct serve_parts){.node = n, .env = node_env(n), .resolver = resolver, .own = own};
    list_init(&s->parts.streams);
    list_init(&s->parts.flows);
    list_init(&s->parts.lingering);
    env_random(s->parts.env, secret, sizeof(secret));
    map_init(&s->parts.parties, secret);
    server_adapter_limit(s, CONNECTIONS_DEFAULT);
    s->watch.changed = on_changed;
    node_watch(n, &s->watch);
    node_serve(n, &server, s);
    *out = s;
    return 0;
}

void server_adapter_free(struct server_adapter *s)
{
    if (!s)
        return;
    node_serve(s->parts.node, NULL, NULL);
    node_unwatch(&s->watch);
    serve_streams_abort(&s->parts, none_may_go_on);
    serve_flows_close(&s->parts, none_may_go_on);
    linger_end(&s->parts.lingering);
    map_deinit(&s->parts.parties);
    free(s);
}
