#include "adapters/proxy_state.h"

#include <stdlib.h>

void proxy_state_init(struct proxy *p, const struct proxy_options *o, struct env *env)
{
    p->o = *o;
    p->env = env;
    list_init(&p->conns);
    list_init(&p->tunnels);
    farewells_init(&p->farewells, env);
    web_stream_init(&p->stream, env, o->web);
}

bool proxy_make_room(struct proxy *p)
{
    if (p->count < (p->o.conns_max ? p->o.conns_max : PROXY_CONNS_MAX))
        return true;
    list_each(at, &p->conns)
    {
        struct proxy_conn *c = list_entry(at, struct proxy_conn, link);
        if (c->idle) {
            c->abort(c);
            return true;
        }
    }
    return false;
}

void proxy_add(struct proxy *p, struct proxy_conn *c)
{
    c->proxy = p;
    p->count++;
    list_append(&p->conns, &c->link);
}

void proxy_remove(struct proxy_conn *c)
{
    c->proxy->count--;
    list_remove(&c->link);
}

/* ---- tunnels ---- */

struct tunnel {
    struct list link;
    struct guarded pump;
};

static void on_tunnel_end(struct guarded *g)
{
    struct tunnel *t = container_of(g, struct tunnel, pump);
    list_remove(&t->link);
    free(t);
}

static const struct guarded_handler tunnel_events = {.on_end = on_tunnel_end};

struct site proxy_site(const struct proxy *p, const struct peer_id *peer)
{
    return (struct site){p->o.node, p->o.suffix, *peer, p->o.owns_port, p->o.owns_arg, p->o.pool};
}

struct web_guard proxy_web_guard(const struct proxy *p)
{
    return (struct web_guard){p->o.suffix, p->listeners > 0 ? addr_port(&p->local[0]) : 0};
}

void proxy_tunnel(struct proxy *p, const struct tunnel_options *o)
{
    struct tunnel *t = calloc(1, sizeof(*t));
    if (!t) {
        sock_reset(p->env, o->sock);
        o->pipe->ops->reset(o->pipe, PIPE_RESET_ABORTED);
        return;
    }
    struct guarded_options options = {
        .env = p->env,
        .sock = o->sock,
        .pipe = o->pipe,
        .raw = o->raw,
        .site = proxy_site(p, &o->peer),
        .farewells = &p->farewells,
        .handler = &tunnel_events,
        .first = o->first,
        .first_len = o->first_len,
    };
    list_append(&p->tunnels, &t->link);
    if (guarded_start(&t->pump, &options) < 0)
        on_tunnel_end(&t->pump);
}

void proxy_state_deinit(struct proxy *p)
{
    for (struct list *at = list_first(&p->conns); at; at = list_first(&p->conns)) {
        struct proxy_conn *c = list_entry(at, struct proxy_conn, link);
        c->abort(c);
    }
    for (struct list *at = list_first(&p->tunnels); at; at = list_first(&p->tunnels)) {
        struct tunnel *t = list_entry(at, struct tunnel, link);
        guarded_abort(&t->pump);
        on_tunnel_end(&t->pump);
    }
    web_stream_deinit(&p->stream);
    web_keys_deinit(&p->keys);
    farewells_deinit(&p->farewells);
}
