/* Who may have a hole: those who ask here, peers that ask, and who takes what they ask for. */
#include <errno.h>
#include <stdlib.h>

#include "gateway/base/log.h"
#include "gateway/node/hole.h"
#include "gateway/peer/peer.h"

#define HOLES_MAX       16 /* at a time, half of them asked for by peers */
#define HOLES_PER_GUEST 2
#define GUESTS_MAX      256

/* A peer's request: six a minute, and six at once. */
#define REQUEST_RATE  1
#define REQUEST_BURST 60
#define REQUEST       10

static instant now_of(const struct hole_desk *d)
{
    return env_now(d->node->env);
}

/* ---- peers ---- */

static bool has_hole(const struct hole_desk *d, const struct hole_guest *g)
{
    list_each(node, &d->holes)
    {
        if (list_entry(node, struct hole, link)->guest == g)
            return true;
    }
    return false;
}

/* What a peer has spent is remembered as long as it counts. */
static bool is_forgotten(struct hole_desk *d, struct hole_guest *g)
{
    instant now = now_of(d);

    return !has_hole(d, g) && punch_budget_ends(&g->budget) <= now &&
           bucket_ready(&g->requests, now, REQUEST_BURST) <= now;
}

static void drop_guests(struct hole_desk *d, bool all)
{
    struct list *next;

    for (struct list *node = d->guests.next; node != &d->guests; node = next) {
        struct hole_guest *g = list_entry(node, struct hole_guest, link);
        next = node->next;
        if (!all && !is_forgotten(d, g))
            continue;
        list_remove(&g->link);
        free(g);
    }
}

static struct hole_guest *get_guest(struct hole_desk *d, const struct peer_id *id)
{
    struct hole_guest *g;
    unsigned count = 0;

    drop_guests(d, false);
    list_each(node, &d->guests)
    {
        g = list_entry(node, struct hole_guest, link);
        if (peer_id_equal(&g->id, id))
            return g;
        count++;
    }
    g = count < GUESTS_MAX ? calloc(1, sizeof(*g)) : NULL;
    if (!g)
        return NULL;
    g->id = *id;
    g->requests = bucket_of(REQUEST_RATE, REQUEST_BURST);
    list_append(&d->guests, &g->link);
    return g;
}

static unsigned asked_by(const struct hole_desk *d, const struct hole_guest *g)
{
    unsigned count = 0;

    list_each(node, &d->holes)
    {
        const struct hole *h = list_entry(node, struct hole, link);
        count += !h->asker && (!g || h->guest == g);
    }
    return count;
}

/* ---- takers ---- */

static bool takes_from(const struct node_hole_taker *t, const struct peer_id *id)
{
    for (size_t i = 0; i < t->only_count; i++)
        if (peer_id_equal(&t->only[i], id))
            return true;
    return t->only_count == 0;
}

struct node_hole_taker *hole_taker(struct hole_desk *d, const struct peer_id *id, bool tcp)
{
    list_each(node, &d->takers)
    {
        struct node_hole_taker *t = list_entry(node, struct node_hole_taker, link);
        if (t->tcp == tcp && takes_from(t, id))
            return t;
    }
    return NULL;
}

int hole_desk_accept(struct hole_desk *d, struct node_hole_taker *t)
{
    if (d->taker_count == NODE_HOLE_TAKERS_MAX)
        return -EBUSY;
    list_append(&d->takers, &t->link);
    d->taker_count++;
    return 0;
}

void hole_desk_unaccept(struct hole_desk *d, struct node_hole_taker *t)
{
    list_remove(&t->link);
    d->taker_count--;
}

/* ---- asking ---- */

int hole_desk_ask(struct hole_desk *d, const struct peer_id *id, bool tcp, struct node_hole_wait *w)
{
    struct peer *p = d->node->find(d->node->node, id);
    struct hole_guest *g;
    struct hole *h;

    if (!p || !peer_session(p))
        return -ENOTCONN;
    if (d->node->options->no_punching)
        return -EOPNOTSUPP;
    if (d->count == HOLES_MAX)
        return -EBUSY;
    g = get_guest(d, id);
    if (!g)
        return -ENOMEM;
    int err = hole_new(&h, d, g, peer_conn(p), NULL, tcp);
    if (err < 0)
        return err;
    h->wait = w;
    return 0;
}

void hole_desk_cancel(struct hole_desk *d, struct node_hole_wait *w)
{
    list_each(node, &d->holes)
    {
        struct hole *h = list_entry(node, struct hole, link);
        if (h->wait != w)
            continue;
        h->wait = NULL;
        hole_tell(h, HOLE_END, HOLE_LEFT);
        hole_free(h);
        return;
    }
}

/* ---- being asked ---- */

/* Why not, or HOLE_REASONS. A stranger is not told whether a program waits. */
static enum hole_reason judge(struct hole_desk *d, const struct peer_id *id,
                              const struct hole_message *m)
{
    const struct desk *n = d->node;
    struct hole_guest *g;

    if (!registry_peer(n->registry, id) ||
        !registry_may_connect(n->registry, id, env_wall_us(n->env)))
        return HOLE_DENIED;
    if (n->options->no_punching)
        return HOLE_OFF;
    if (!hole_taker(d, id, m->flags & HOLE_TCP))
        return HOLE_NOBODY;
    g = get_guest(d, id);
    bool room = g && asked_by(d, g) < HOLES_PER_GUEST && asked_by(d, NULL) < HOLES_MAX / 2 &&
                d->count < HOLES_MAX;
    return room && bucket_take(&g->requests, now_of(d), REQUEST) ? HOLE_REASONS : HOLE_BUSY;
}

static void on_ask(struct hole_desk *d, struct peer *p, struct quic_conn *conn,
                   const struct hole_message *m)
{
    enum hole_reason no = judge(d, &p->id, m);
    struct hole *h;
    char id[9];

    if (no == HOLE_REASONS &&
        hole_new(&h, d, get_guest(d, &p->id), conn, m, m->flags & HOLE_TCP) < 0)
        no = HOLE_BUSY;
    if (no == HOLE_REASONS)
        return;
    log_debug(LOG_PUNCH, "%s: gets no hole: reason %d", peer_id_short(&p->id, id), (int)no);
    hole_refuse(conn, m->id, no);
}

static struct hole *hole_of(const struct hole_desk *d, const struct quic_conn *conn,
                            const struct hole_message *m)
{
    bool by_asked = m->flags & HOLE_BY_ASKED;

    list_each(node, &d->holes)
    {
        struct hole *h = list_entry(node, struct hole, link);
        if (h->conn == conn && h->number == m->id && h->asker == by_asked)
            return h;
    }
    return NULL;
}

void hole_desk_on_part(struct hole_desk *d, struct peer *p, struct quic_conn *conn,
                       const struct message_part *part)
{
    struct hole_message m;
    struct hole *h;

    if (!d->node || !hole_message_is(part) || hole_message_read(&m, part) < 0)
        return;
    h = hole_of(d, conn, &m);
    if (h)
        hole_message(h, &m);
    else if (m.type == HOLE_ASK && !(m.flags & HOLE_BY_ASKED))
        on_ask(d, p, conn, &m);
}

void hole_desk_on_conn(struct hole_desk *d, struct quic_conn *conn, bool ended)
{
    struct list all;

    if (!d->node || !ended)
        return;
    list_take_all(&all, &d->holes);
    for (struct list *node; (node = list_first(&all));) {
        struct hole *h = list_entry(node, struct hole, link);
        list_remove(node);
        list_append(&d->holes, node);
        if (h->conn == conn)
            hole_fail(h, -ECONNRESET, "the session was lost");
    }
}

/* ---- life ---- */

void hole_desk_start(struct hole_desk *d, const struct desk *node,
                     const struct hole_desk_options *options)
{
    *d = (struct hole_desk){.node = node, .options = *options};
    list_init(&d->holes);
    list_init(&d->takers);
    list_init(&d->guests);
}

void hole_desk_stop(struct hole_desk *d)
{
    if (!d->node)
        return;
    for (struct list *node; (node = list_first(&d->holes));)
        hole_fail(list_entry(node, struct hole, link), -ECANCELED, "the gateway stops");
    for (struct list *node; (node = list_first(&d->takers));) {
        struct node_hole_taker *t = list_entry(node, struct node_hole_taker, link);
        hole_desk_unaccept(d, t);
        t->ended(t);
    }
    drop_guests(d, true);
    *d = (struct hole_desk){0};
}
