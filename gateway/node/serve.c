/* What peers want of us: which service they mean, whether they may, and who hands it out. */
#include "gateway/node/linger.h"
#include "gateway/node/measure.h"
#include "gateway/node/members.h"

#include <string.h>

#include "gateway/base/log.h"

/* A stranger learns nothing: whatever it asks for and may not have is "denied". */
static bool is_known(struct node *n, const struct peer_id *id)
{
    return registry_peer(n->registry, id) != NULL;
}

static struct service *find_service(struct node *n, const struct preamble *what)
{
    enum service_proto proto = what->kind == PREAMBLE_UDP ? SERVICE_UDP : SERVICE_TCP;

    if (what->name[0] != '\0')
        return registry_service(n->registry, what->name);
    return registry_service_by_port(n->registry, what->port, proto);
}

/* Decides. With PREAMBLE_OK, `*out` is the service. */
static enum preamble_status judge(struct node *n, const struct peer_id *id,
                                  const struct preamble *what, struct service **out)
{
    enum service_proto proto = what->kind == PREAMBLE_UDP ? SERVICE_UDP : SERVICE_TCP;
    struct service *service = find_service(n, what);

    if (registry_is_blocked(n->registry, id))
        return PREAMBLE_DENIED;
    if (service && registry_may_use(n->registry, service, id, env_wall_us(n->env))) {
        *out = service;
        return service->proto & proto ? PREAMBLE_OK : PREAMBLE_WRONG_PROTO;
    }
    return service || !is_known(n, id) ? PREAMBLE_DENIED : PREAMBLE_NO_SERVICE;
}

static void note(const struct peer_id *id, const struct preamble *what, enum preamble_status status)
{
    char short_id[9];
    log_info(LOG_SERVE, "%s: %s%s%u: %s", peer_id_short(id, short_id), what->name,
             what->name[0] ? " port " : "port ", what->port, preamble_status_text(status));
}

void serve_stream(struct node *n, const struct peer_id *id, const struct preamble *what,
                  struct pipe *pipe)
{
    struct service *service = NULL;

    if (what->kind == PREAMBLE_BENCH && is_known(n, id)) {
        measure_serve(&n->measures, &n->measure_count, pipe);
        return;
    }
    enum preamble_status status =
        what->kind == PREAMBLE_BENCH ? PREAMBLE_DENIED : judge(n, id, what, &service);
    if (status == PREAMBLE_OK && !n->server)
        status = PREAMBLE_NO_SERVICE;
    if (status == PREAMBLE_OK) {
        n->server->on_stream(n->server_arg, id, service, pipe);
        return;
    }
    note(id, what, status);
    linger_refuse(n->env, &n->lingering, pipe, status, preamble_status_text(status));
}

void serve_flow(struct node *n, const struct peer_id *id, const struct preamble *what,
                struct flow *flow)
{
    struct service *service = NULL;
    enum preamble_status status = judge(n, id, what, &service);

    if (status == PREAMBLE_OK && !n->server)
        status = PREAMBLE_NO_SERVICE;
    if (status == PREAMBLE_OK) {
        n->server->on_flow(n->server_arg, id, service, flow);
        return;
    }
    note(id, what, status);
    flow_answer(flow, status, preamble_status_text(status));
}

void serve_list(struct node *n, const struct peer_id *id, struct service_list *out)
{
    int64_t wall_us = env_wall_us(n->env);
    size_t count = registry_service_count(n->registry);

    out->count = 0;
    for (size_t i = 0; i < count && out->count < MESSAGE_SERVICES_MAX; i++) {
        const struct service *s = registry_service_at(n->registry, i);
        if (!registry_may_use(n->registry, s, id, wall_us))
            continue;
        struct message_service *item = &out->item[out->count++];
        memset(item, 0, sizeof(*item));
        memcpy(item->name, s->name, sizeof(item->name));
        item->proto = (uint8_t)s->proto;
        item->flags = s->raw ? MESSAGE_SERVICE_RAW : 0;
        item->port = s->port;
    }
}
