/* What the owner of a peer asks of it. */
#include "gateway/peer/peer_parts.h"

#include <errno.h>
#include <stdlib.h>

void peer_init(struct peer *p, const struct peer_host *host, const struct peer_id *id)
{
    *p = (struct peer){.host = host, .id = *id};
    p->give_up = p->stop_waiting = p->redial = p->ask = p->beside = INSTANT_NEVER;
    p->timer.fire = peer_on_timer;
    list_init(&p->links);
}

void peer_deinit(struct peer *p)
{
    p->current = NULL;
    for (struct list *node; (node = list_first(&p->links));) {
        struct link *l = list_entry(node, struct link, node);
        if (l->session)
            p->host->events->on_conn(p->host->arg, p, l->conn, true);
        quic_conn_set_app(l->conn, NULL);
        link_close(l, QUIC_CLOSE_DONE);
        list_remove(node);
        session_free(l->session);
        free(l);
    }
    timer_stop(p->host->env, &p->timer);
}

void peer_connect(struct peer *p)
{
    if (!p->dialling && !(p->current && session_is_ready(p->current->session)))
        peer_begin(p);
}

void peer_connect_within(struct peer *p, instant span)
{
    bool was_dialling = p->dialling;

    peer_connect(p);
    if (!p->dialling || was_dialling)
        return;
    p->give_up = peer_now(p) + span;
    peer_set_timer(p);
}

void peer_want(struct peer *p, bool wanted)
{
    p->wanted = wanted;
    if (!wanted)
        p->redial = INSTANT_NEVER;
    else if (!p->current && !p->dialling && p->redial == INSTANT_NEVER)
        p->redial = peer_now(p);
    peer_set_timer(p);
}

/* It may belong to the session; but if that is silent, the peer may not have it any more. */
static void use_candidate(struct peer *p, const struct path *path)
{
    struct quic_conn_info info;

    quic_conn_info(p->current->conn, &info);
    quic_conn_add_path(p->current->conn, path);
    if (info.in_doubt)
        peer_dial(p, path);
}

void peer_add_candidate(struct peer *p, const struct path *path)
{
    if (p->dialling)
        peer_dial(p, path);
    else if (p->current)
        use_candidate(p, path);
    else if (p->wanted)
        p->redial = peer_now(p);
    peer_set_timer(p);
}

void peer_drop(struct peer *p, enum quic_close_code code)
{
    p->redial = INSTANT_NEVER;
    list_each(node, &p->links)
    {
        link_close(list_entry(node, struct link, node), code);
    }
    p->current = NULL;
    if (p->dialling) {
        p->denied = true;
        bool stops = code == QUIC_CLOSE_DONE;
        peer_explain(p, stops ? "the gateway stops" : "closed here");
        peer_fail(p, stops ? -ECANCELED : -EACCES);
    }
}

/* The paths that a session has beside the one that it uses. */
static void forget_shut_paths(struct peer *p, struct quic_conn *conn)
{
    struct path_info info[PATH_SET_MAX];
    size_t count = quic_conn_paths(conn, info, PATH_SET_MAX);

    for (size_t i = 0; i < count && i < PATH_SET_MAX; i++)
        if (!peer_may_use(p, &info[i].path))
            quic_conn_path_gone(conn, &info[i].path);
}

void peer_drop_shut(struct peer *p)
{
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        struct quic_conn_info info;

        if (l->closing)
            continue;
        quic_conn_info(l->conn, &info);
        if (!peer_may_use(p, &info.path))
            link_close(l, QUIC_CLOSE_DENIED);
        else
            forget_shut_paths(p, l->conn);
    }
    peer_choose(p);
    peer_set_timer(p);
}

void peer_slept(struct peer *p)
{
    list_each(node, &p->links)
    {
        link_close(list_entry(node, struct link, node), QUIC_CLOSE_DONE);
    }
    peer_choose(p);
    p->failures = 0;
    if (p->wanted && !p->dialling)
        p->redial = peer_now(p);
    peer_set_timer(p);
    peer_changed(p);
}

void peer_probe(struct peer *p)
{
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        if (l->session && !l->closing)
            quic_conn_probe(l->conn);
    }
    if (p->wanted && !p->current && !p->dialling) {
        p->failures = 0;
        p->redial = peer_now(p);
        peer_set_timer(p);
    }
}

void peer_tell_services(struct peer *p)
{
    struct service_list services;

    p->host->events->list_services(p->host->arg, p, &services);
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        if (l->session && !l->closing)
            session_tell_services(l->session, &services);
    }
}

struct session *peer_session(const struct peer *p)
{
    if (!p->current || !session_is_ready(p->current->session))
        return NULL;
    return p->current->session;
}

struct quic_conn *peer_conn(const struct peer *p)
{
    return p->current ? p->current->conn : NULL;
}

bool peer_is_dialling(const struct peer *p)
{
    return p->dialling;
}

size_t peer_connections(const struct peer *p)
{
    size_t count = 0;
    list_each(node, &p->links)
    {
        count++;
    }
    return count;
}

bool peer_is_connected(const struct peer *p)
{
    return p->current != NULL;
}
