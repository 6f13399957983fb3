#include "gateway/node/turn_far.h"

#include <stdlib.h>

struct place {
    struct list link;
    struct hub_claim claim;
    struct hub *hub;
    const struct quic_conn *conn;
    struct peer_id id;
};

void turn_far_init(struct turn_far *t, const struct desk *node)
{
    *t = (struct turn_far){.node = node};
    list_init(&t->places);
}

static void drop(struct turn_far *t, struct place *p)
{
    hub_remove_claim(&p->claim);
    list_remove(&p->link);
    free(p);
    t->count--;
}

void turn_far_deinit(struct turn_far *t)
{
    for (struct list *node; (node = list_first(&t->places));)
        drop(t, list_entry(node, struct place, link));
}

/* Only the peer's own: whoever else may be there, and whatever the peer says, is to answer when it
 * is dialled or asked. */
static bool take(struct hub_claim *claim, const struct udp_rx *rx)
{
    struct place *p = container_of(claim, struct place, claim);
    const struct path path = {.kind = PATH_TURN, .remote = rx->from, .local = rx->to};
    struct quic_conn_info info;
    struct quic_conn *conn =
        quic_conn_for(p->hub->quic, rx->data, rx->len < rx->segment ? rx->len : rx->segment);
    if (!conn)
        return false;
    quic_conn_info(conn, &info);
    if (!peer_id_equal(&info.id, &p->id))
        return false;
    hub_deliver(p->hub, &path, rx->data, rx->len, rx->segment);
    return true;
}

/* ---- may it be believed ---- */

struct asking {
    const struct peer *peer;
    const struct addr *at;
    bool used;
};

static void look_for_use(void *arg, struct peer *p)
{
    struct asking *q = arg;
    struct path_info path[8];

    if (p == q->peer || !peer_conn(p))
        return;
    size_t count = quic_conn_paths(peer_conn(p), path, sizeof(path) / sizeof(path[0]));
    for (size_t i = 0; i < count && i < sizeof(path) / sizeof(path[0]); i++)
        if (addr_equal(&path[i].path.remote, q->at))
            q->used = true;
}

static bool is_stranger(const struct turn_far *t, const struct peer_id *id)
{
    return !registry_peer(t->node->registry, id);
}

/* Ids cost nothing: whoever has a hundred of them does not have all of the places too. */
static bool has_room(const struct turn_far *t, const struct peer_id *id)
{
    unsigned strangers = 0;

    if (t->count >= TURN_FAR_MAX || !is_stranger(t, id))
        return t->count < TURN_FAR_MAX;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): nodes of a list are never NULL */
    list_each(node, &t->places)
    {
        const struct place *p = list_entry(node, struct place, link);
        strangers += is_stranger(t, &p->id);
    }
    return strangers < TURN_FAR_STRANGERS;
}

static bool may_add(const struct turn_far *t, const struct peer *peer, const struct addr *a)
{
    struct asking q = {.peer = peer, .at = a};
    unsigned own = 0;

    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): nodes of a list are never NULL */
    list_each(node, &t->places)
    {
        const struct place *p = list_entry(node, struct place, link);
        if (addr_equal(&p->claim.from, a))
            return false;
        own += peer_id_equal(&p->id, &peer->id);
    }
    t->node->each(t->node->node, look_for_use, &q);
    return !q.used && own < TURN_FAR_PER_PEER && has_room(t, &peer->id) &&
           hub_socket_for(t->node->hub, a);
}

static struct place *find(const struct turn_far *t, const struct peer *peer, const struct addr *a)
{
    list_each(node, &t->places)
    {
        struct place *p = list_entry(node, struct place, link);
        if (addr_equal(&p->claim.from, a) && peer_id_equal(&p->id, &peer->id))
            return p;
    }
    return NULL;
}

static struct place *add(struct turn_far *t, const struct peer *peer, const struct addr *a)
{
    struct place *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    p->hub = t->node->hub;
    p->id = peer->id;
    p->claim.from = *a;
    p->claim.take = take;
    hub_add_claim(p->hub, &p->claim);
    list_append(&t->places, &p->link);
    t->count++;
    return p;
}

void turn_far_add(struct turn_far *t, const struct peer *peer, struct quic_conn *conn,
                  const struct addr *a)
{
    const struct path plain = {.kind = PATH_UDP, .remote = *a};
    const struct path path = {.kind = PATH_TURN, .remote = *a};

    struct place *p = find(t, peer, a);
    if (p && p->conn == conn)
        return;
    if (!p && may_add(t, peer, a))
        p = add(t, peer, a);
    if (!p)
        return;
    p->conn = conn;
    quic_conn_add_path(conn, &path);
    /* Perhaps the session came by it, when it looked like a direct one. */
    quic_conn_path_gone(conn, &plain);
}

void turn_far_forget(struct turn_far *t, const struct quic_conn *conn)
{
    struct list *next;

    for (struct list *node = t->places.next; node != &t->places; node = next) {
        struct place *p = list_entry(node, struct place, link);
        next = node->next;
        if (p->conn == conn)
            drop(t, p);
    }
}
