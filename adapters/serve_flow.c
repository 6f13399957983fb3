#include "adapters/serve_flow.h"

#include <errno.h>
#include <stdlib.h>

struct flow_use {
    struct serve_use use;
    struct flow *flow;
    struct udp_socket *udp; /* NULL while the target's name is looked up */
    struct addr target;
    struct serve_target parsed;
    bool off_host, looking_up;
    struct serve_lookup lookup;
};

static void forget(struct flow_use *u)
{
    struct serve_parts *parts = u->use.parts;
    if (u->looking_up)
        parts->resolver->cancel(parts->resolver->arg, &u->lookup);
    if (u->udp)
        udp_close(parts->env, u->udp);
    serve_use_deinit(&u->use);
    free(u);
}

static void refuse(struct flow_use *u, int err)
{
    const char *reason;
    enum preamble_status status = serve_status(err, &reason);
    serve_log(&u->use, reason);
    node_answer_flow(u->flow, status, reason);
    forget(u);
}

/* ---- datagrams ---- */

static void on_datagram(void *arg, const uint8_t *data, size_t len)
{
    struct flow_use *u = arg;
    struct udp_tx tx = {.to = &u->target, .data = data, .len = len};
    if (!u->udp)
        return;
    serve_use_count(&u->use, len, 0);
    (void)!udp_send(u->use.parts->env, u->udp, &tx); /* no room is loss, as anywhere */
}

static void on_end(void *arg)
{
    forget(arg);
}

static void on_answers(void *arg, const struct udp_rx *rx)
{
    struct flow_use *u = arg;
    if (!addr_equal(&rx->from, &u->target))
        return;
    serve_use_count(&u->use, 0, rx->len);
    size_t at = 0;
    do { /* an empty datagram is one too */
        size_t left = rx->len - at;
        node_flow_send(u->flow, rx->data + at, left < rx->segment ? left : rx->segment);
        at += rx->segment;
    } while (at < rx->len);
}

/* ---- the beginning ---- */

/* To a target on this machine from loopback, so that nobody else can send to the socket. */
static struct addr local_for(const struct addr *target)
{
    static const uint8_t zero[16];
    bool v6 = addr_is_v6(target);
    if (addr_is_loopback(target))
        return addr_loopback(v6, 0);
    return v6 ? addr_v6(zero, 0, 0) : addr_v4(zero, 0);
}

static int open_socket(struct flow_use *u, const struct addr *target)
{
    static const struct udp_handler handler = {on_answers, NULL};
    const struct serve_own *own = u->use.parts->own;
    struct addr local = local_for(target);
    if (own && own->is_address(own->arg, target))
        return -EPERM;
    u->target = *target;
    int err = udp_open(u->use.parts->env, &u->udp, &local, UDP_BULK, &handler, u);
    if (err < 0)
        u->udp = NULL;
    return err;
}

static void accept_flow(struct flow_use *u, const struct addr *target)
{
    int err = open_socket(u, target);
    if (err < 0)
        refuse(u, err);
    else
        node_answer_flow(u->flow, PREAMBLE_OK, "");
}

static void on_found(struct serve_lookup *l, int err, const struct addr *found, size_t count)
{
    struct flow_use *u = container_of(l, struct flow_use, lookup);
    u->looking_up = false;
    for (size_t i = 0; err == 0 && i < count; i++) {
        struct addr a = found[i];
        addr_set_port(&a, u->parsed.port);
        if (serve_target_allows(&a, u->off_host)) {
            accept_flow(u, &a);
            return;
        }
    }
    refuse(u, err < 0 ? err : -EPERM);
}

/* Returns 0 when the flow is accepted or its target's name being looked up. */
static int begin(struct flow_use *u, const struct service *service)
{
    const struct serve_resolver *resolver = u->use.parts->resolver;
    int err = serve_target_read(&u->parsed, service);
    if (err < 0)
        return err;
    switch (u->parsed.kind) {
    case SERVE_UNIX:
        return -EINVAL; /* carries no datagrams */
    case SERVE_ADDRESSES:
        return open_socket(u, &u->parsed.address[0]);
    case SERVE_NAME:
        u->lookup.done = on_found;
        err = resolver ? resolver->start(resolver->arg, u->parsed.host, &u->lookup) : -EPERM;
        u->looking_up = err == 0;
        return err;
    }
    return -EINVAL;
}

void serve_flow_begin(struct serve_parts *parts, const struct peer_id *peer,
                      const struct service *service, struct flow *flow)
{
    static const struct flow_handler handler = {on_datagram, NULL, on_end};
    struct flow_use *u = calloc(1, sizeof(*u));
    int err = u ? serve_use_init(&u->use, parts, peer, service) : -ENOMEM;
    if (err < 0) {
        const char *reason;
        enum preamble_status status = serve_status(err, &reason);
        free(u);
        node_answer_flow(flow, status, reason);
        return;
    }
    u->flow = flow;
    u->off_host = service->off_host;
    list_append(&parts->flows, &u->use.link);
    err = begin(u, service);
    u->parsed.path = NULL; /* it was the service's */
    if (err < 0) {
        refuse(u, err);
        return;
    }
    if (u->udp)
        node_answer_flow(flow, PREAMBLE_OK, "");
    node_flow_attach(flow, &handler, u);
}

void serve_flows_close(struct serve_parts *parts, serve_doomed doomed)
{
    struct list ending;
    serve_take_doomed(parts, &parts->flows, doomed, &ending);
    for (struct list *at = list_first(&ending); at; at = list_first(&ending)) {
        struct flow_use *u = list_entry(at, struct flow_use, use.link);
        node_flow_close(u->flow);
        forget(u);
    }
}
