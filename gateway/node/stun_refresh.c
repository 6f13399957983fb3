/* Fresh mappings: a NAT that counts is asked for its next port, each time from a new socket. */
#include "gateway/node/stun_parts.h"

static const struct stun_schedule REFRESH = {MSEC(100), MSEC(250), 2};

static void close_refresh(struct stun_desk *d, struct stun_refresh *r)
{
    hub_close_extra(d->node->hub, r->via);
    r->via = 0;
    list_remove(&r->link);
}

static void end_refresh(struct stun_desk *d, struct stun_refresh *r)
{
    bool answered = r->query.state == STUN_ANSWERED;
    uint16_t port = answered ? addr_port(&r->query.mapped) : 0;

    if (answered && r->keeps)
        list_remove(&r->link);
    else
        close_refresh(d, r);
    if (answered)
        d->result[addr_is_v6(&r->query.server) ? STUN_V6 : STUN_V4].report.last_port = port;
    r->done(r, port);
}

static void step_refresh(struct stun_desk *d, struct stun_refresh *r)
{
    uint8_t out[EXCHANGE_MAX_DATAGRAM];
    const struct path path = {.kind = PATH_UDP, .via = r->via, .remote = r->query.server};
    size_t len = stun_query_output(&r->query, env_now(d->node->env), out);

    if (len > 0)
        hub_send_path(d->node->hub, &path, out, len, 0);
    if (r->query.state != STUN_ASKING)
        end_refresh(d, r);
}

void stun_refreshes_step(struct stun_desk *d)
{
    struct list now;

    list_take_all(&now, &d->refreshes);
    for (struct list *node; (node = list_first(&now));) {
        struct stun_refresh *r = list_entry(node, struct stun_refresh, link);
        list_remove(node);
        list_append(&d->refreshes, node);
        step_refresh(d, r);
    }
}

/* A server that answered; the one that it is asked of matters little. */
static const struct addr *helper(const struct stun_result *r)
{
    for (unsigned i = 0; i < r->server_count; i++)
        if (r->report.answered & 1u << i && !(r->report.disagreeing & 1u << i))
            return &r->server[i];
    return NULL;
}

void stun_desk_refresh(struct stun_desk *d, struct stun_refresh *r)
{
    const struct addr *server = addr_is_none(&r->server) ? helper(&d->result[STUN_V4]) : &r->server;
    const struct hub_socket *first = server ? hub_socket_for(d->node->hub, server) : NULL;
    uint8_t id[STUN_ID_LEN];

    env_random(d->node->env, id, sizeof(id));
    r->via = 0;
    if (first && hub_open_extra(d->node->hub, &first->local, &r->via) == 0) {
        stun_query_init(&r->query, server, &REFRESH, id, env_now(d->node->env));
    } else {
        r->query = (struct stun_query){.state = STUN_SILENT};
    }
    list_append(&d->refreshes, &r->link);
    stun_desk_set_timer(d);
}

void stun_desk_refresh_cancel(struct stun_desk *d, struct stun_refresh *r)
{
    if (list_is_linked(&r->link))
        close_refresh(d, r);
}

bool stun_refreshes_input(struct stun_desk *d, const struct udp_rx *rx, uint32_t via)
{
    list_each(node, &d->refreshes)
    {
        struct stun_refresh *r = list_entry(node, struct stun_refresh, link);
        if (r->via != via || via == 0)
            continue;
        return stun_query_input(&r->query, rx->now, &rx->from, rx->data, rx->len) == 0;
    }
    return false;
}

instant stun_refreshes_due(const struct stun_desk *d)
{
    instant due = INSTANT_NEVER;

    list_each(node, &d->refreshes)
    {
        const struct stun_refresh *r = list_entry(node, struct stun_refresh, link);
        instant r_due = r->query.state == STUN_ASKING ? r->query.due : 0;
        if (r_due < due)
            due = r_due;
    }
    return due;
}

void stun_refreshes_stop(struct stun_desk *d)
{
    for (struct list *node; (node = list_first(&d->refreshes));)
        close_refresh(d, list_entry(node, struct stun_refresh, link));
}
