#include "adapters/pool_targets.h"

#include <stdlib.h>

#include "adapters/browser_conn.h"

struct target {
    struct list link;
    struct conn_target conn;
};

void pool_targets_init(struct pool_targets *t)
{
    farewells_init(&t->farewells, node_env(t->node));
    list_init(&t->targets);
}

static void drop(struct target *target)
{
    list_remove(&target->link);
    free(target);
}

void pool_targets_deinit(struct pool_targets *t)
{
    for (struct list *at = list_first(&t->targets); at; at = list_first(&t->targets)) {
        struct target *target = list_entry(at, struct target, link);
        conn_abort_all(&target->conn);
        drop(target);
    }
    farewells_deinit(&t->farewells);
}

/* The one for this peer and port, if there is one; those that nobody uses any more go. */
static struct target *find(struct pool_targets *t, const struct peer_id *peer, uint16_t port)
{
    struct target *found = NULL;
    for (struct list *at = t->targets.next, *next; at != &t->targets; at = next) {
        struct target *target = list_entry(at, struct target, link);
        next = at->next;
        if (target->conn.what.port == port && peer_id_equal(&target->conn.site.peer, peer))
            found = target;
        else if (list_is_empty(&target->conn.conns))
            drop(target);
    }
    return found;
}

static struct target *add(struct pool_targets *t, const struct peer_id *peer, uint16_t port)
{
    struct target *target = calloc(1, sizeof(*target));
    if (!target)
        return NULL;
    target->conn = (struct conn_target){
        .node = t->node,
        .users = t->users,
        .farewells = &t->farewells,
        .site = {.node = t->node,
                 .suffix = t->suffix,
                 .peer = *peer,
                 .owns_port = t->owns_port,
                 .arg = t->owns_arg,
                 .pool = t->pool},
        .what = {.kind = PREAMBLE_TCP, .port = port},
    };
    list_init(&target->conn.conns);
    list_append(&t->targets, &target->link);
    return target;
}

/* What the peer is known not to share is refused at once. */
static bool is_shared(struct pool_targets *t, const struct peer_id *peer, uint16_t port)
{
    struct peer_view view;
    if (!node_peer(t->node, peer, &view) || !view.services_known)
        return true;
    for (size_t i = 0; i < view.service_count; i++)
        if (view.services[i].port == port && view.services[i].proto & SERVICE_TCP)
            return true;
    return false;
}

void pool_targets_take(struct pool_targets *t, struct sock *sock, const struct addr *from,
                       const struct addr *at, const struct peer_id *peer)
{
    uint16_t port = addr_port(at);
    struct target *target = NULL;
    if (is_shared(t, peer, port)) {
        target = find(t, peer, port);
        target = target ? target : add(t, peer, port);
    }
    if (target)
        conn_accept(&target->conn, sock, from, at);
    else
        sock_reset(node_env(t->node), sock);
}
