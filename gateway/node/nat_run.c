#include "gateway/node/nat_run.h"

#include <errno.h>

static void close_sockets(struct nat_run *r)
{
    for (unsigned i = 1; i < CLASSIFY_SOCKETS; i++) {
        if (r->via[i] != 0)
            hub_close_extra(r->hub, r->via[i]);
        r->via[i] = 0;
    }
}

void nat_run_stop(struct nat_run *r)
{
    if (!r->running)
        return;
    close_sockets(r);
    r->running = false;
}

static int open_sockets(struct nat_run *r, struct classify_options *o)
{
    const struct hub_socket *first = hub_socket_for(r->hub, &o->server[0]);

    if (!first || first->local.sa.sa_family != o->server[0].sa.sa_family)
        return -EAFNOSUPPORT;
    o->local[0] = first->local;
    for (unsigned i = 1; i < CLASSIFY_SOCKETS; i++) {
        int err = hub_open_extra(r->hub, &first->local, &r->via[i]);
        if (err < 0)
            return err;
        const struct path path = {.kind = PATH_UDP, .via = r->via[i], .remote = o->server[0]};
        o->local[i] = hub_socket_of(r->hub, &path)->local;
    }
    return 0;
}

int nat_run_start(struct nat_run *r, struct hub *hub, const struct classify_options *options,
                  instant now)
{
    struct classify_options o = *options;

    nat_run_stop(r);
    r->hub = hub;
    int err = o.server_count > 0 ? open_sockets(r, &o) : -EAFNOSUPPORT;
    if (err < 0) {
        r->core.options = o;
        close_sockets(r);
        return err;
    }
    env_random(hub->env, o.seed, sizeof(o.seed));
    classify_init(&r->core, &o, now);
    r->running = true;
    r->news = false;
    return 0;
}

static bool is_server(const struct nat_run *r, const struct addr *a)
{
    for (unsigned i = 0; i < r->core.options.server_count; i++)
        if (addr_equal(&r->core.options.server[i], a))
            return true;
    return false;
}

bool nat_run_input(struct nat_run *r, const struct udp_rx *rx, uint32_t via)
{
    unsigned socket = 0;

    if (!r->running || rx->from.sa.sa_family != r->core.options.server[0].sa.sa_family)
        return false;
    while (socket < CLASSIFY_SOCKETS && r->via[socket] != via)
        socket++;
    if (socket == CLASSIFY_SOCKETS)
        return false;
    if (is_server(r, &rx->from) && !addr_is_none(&rx->to))
        classify_learn_local(&r->core, &rx->to);
    if (classify_input(&r->core, rx->now, socket, &rx->from, rx->data, rx->len) < 0)
        return false;
    r->news = true;
    return true;
}

void nat_run_step(struct nat_run *r, instant now)
{
    struct classify_datagram d;

    if (!r->running)
        return;
    r->news = false;
    while (classify_output(&r->core, now, &d)) {
        const struct path path = {.kind = PATH_UDP, .via = r->via[d.socket], .remote = d.to};
        hub_send_path(r->hub, &path, d.data, d.len, d.ttl);
    }
    if (r->core.phase == CLASSIFY_DONE)
        nat_run_stop(r);
}

instant nat_run_deadline(const struct nat_run *r)
{
    if (r->running && r->news)
        return 0;
    return r->running ? classify_deadline(&r->core) : INSTANT_NEVER;
}
