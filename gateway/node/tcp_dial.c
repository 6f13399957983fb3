/* Whom to dial over TCP, and when. */
#include "gateway/node/tcp_parts.h"

#include <stdlib.h>

#include "gateway/base/log.h"

/* UDP is taken for blocked when nothing has come of it by then. */
#define UDP_GRACE SEC(3)

#define AGAIN_FIRST MSEC(500) /* doubled with each failure */
#define AGAIN_LAST  SEC(300)
#define RELAYED_FOR SEC(1)
#define PLACES_LATE SEC(1) /* a host name is still being looked up */

enum { WISHES_MAX = 256, PLACES_MAX = 8, DOUBLINGS_MAX = 10 };

/** A peer that is to be dialled. */
struct wish {
    struct list link;
    struct peer_id id;
    instant due;
    unsigned failures;
};

static struct wish *wish_of(const struct tcp_roads *r, const struct peer_id *id)
{
    list_each(node, &r->wishes)
    {
        struct wish *w = list_entry(node, struct wish, link);
        if (peer_id_equal(&w->id, id))
            return w;
    }
    return NULL;
}

static void forget(struct tcp_roads *r, struct wish *w)
{
    list_remove(&w->link);
    r->wish_count--;
    free(w);
}

/* The earlier of two times counts. */
static void wish(struct tcp_roads *r, const struct peer_id *id, instant due, unsigned failures)
{
    struct wish *w = wish_of(r, id);

    if (!w) {
        w = r->wish_count < WISHES_MAX ? calloc(1, sizeof(*w)) : NULL;
        if (!w)
            return;
        w->id = *id;
        w->due = INSTANT_NEVER;
        list_append(&r->wishes, &w->link);
        r->wish_count++;
    }
    if (failures > w->failures)
        w->failures = failures;
    if (due < w->due)
        w->due = due;
    tcp_roads_set_timer(r);
}

void tcp_roads_find(struct tcp_roads *r, const struct peer *p)
{
    instant now = env_now(r->node->env);
    wish(r, &p->id, r->udp_blocked ? now : now + UDP_GRACE, 0);
}

/* Without UDP nobody punches, so a peer behind a relay is met over TCP or not at all. */
void tcp_dial_relayed(struct tcp_roads *r, const struct peer_id *id)
{
    wish(r, id, env_now(r->node->env) + RELAYED_FOR, 0);
}

void tcp_roads_on_doubt(struct tcp_roads *r, const struct quic_conn *conn)
{
    struct quic_conn_info info;

    quic_conn_info(conn, &info);
    if (info.path.kind != PATH_TCP)
        wish(r, &info.id, env_now(r->node->env), 0);
}

static void try_again(struct tcp_roads *r, const struct peer_id *id, unsigned failures)
{
    instant pause = AGAIN_FIRST << (failures < DOUBLINGS_MAX ? failures : DOUBLINGS_MAX);
    wish(r, id, env_now(r->node->env) + (pause < AGAIN_LAST ? pause : AGAIN_LAST), failures);
}

void tcp_dial_again(struct tcp_roads *r, const struct road *lost)
{
    try_again(r, &lost->id, lost->proven ? 0 : lost->failures + 1);
}

/* Does the peer need a path over TCP: because none is there yet, or none that is as good? */
static bool is_needed(const struct tcp_roads *r, const struct peer *p)
{
    struct quic_conn_info info;

    if (p->dialling)
        return true;
    if (!peer_conn(p))
        return false; /* when somebody wants it, it is dialled anew */
    quic_conn_info(peer_conn(p), &info);
    if (info.in_doubt || !path_is_direct(&info.path))
        return true;
    return info.path.kind == PATH_TCP &&
           !map_find(&r->by_via, &info.path.via, sizeof(info.path.via));
}

static const struct road *road_to(const struct tcp_roads *r, const struct peer_id *id,
                                  const struct tcp_place *place)
{
    list_each(node, &r->roads)
    {
        const struct road *road = list_entry(node, struct road, link);
        if (road->tcp.dialled && road->tls == place->tls && addr_equal(&road->to, &place->to) &&
            peer_id_equal(&road->id, id))
            return road;
    }
    return NULL;
}

void tcp_dial(struct tcp_roads *r, struct peer *p, const struct tcp_place *place, unsigned failures)
{
    const struct road *road = road_to(r, &p->id, place);
    char text[ADDR_TEXT_MAX];

    if (road && road->tcp.up)
        peer_add_candidate(p, &road->path);
    if (road)
        return;
    (void)addr_print(&place->to, text);
    log_debug(LOG_PATH, "dialling %s over %s", text, place->tls ? "TLS" : "TCP");
    if (tcp_roads_dial(r, &p->id, place, failures) == 0)
        return;
    peer_note(p, "TCP %s: no way there", text);
    try_again(r, &p->id, failures + 1);
}

static void fulfil(struct tcp_roads *r, const struct wish *w, instant now)
{
    struct tcp_place place[PLACES_MAX];
    struct peer *p = r->node->find(r->node->node, &w->id);

    if (!p || !is_needed(r, p))
        return;
    size_t count = r->events->places(r->node->node, &p->id, place, PLACES_MAX);
    for (size_t i = 0; i < count; i++)
        tcp_dial(r, p, &place[i], w->failures);
    if (count == 0 && p->dialling)
        wish(r, &p->id, now + PLACES_LATE, w->failures);
}

/* A wish is forgotten before it is met: that may lead to a new one for the same peer. */
void tcp_dial_due(struct tcp_roads *r, instant now)
{
    struct list all;

    list_take_all(&all, &r->wishes);
    for (struct list *node; (node = list_first(&all));) {
        struct wish *w = list_entry(node, struct wish, link);
        const struct wish copy = *w;
        list_remove(node);
        list_append(&r->wishes, node);
        if (now < w->due)
            continue;
        forget(r, w);
        fulfil(r, &copy, now);
    }
}

instant tcp_dial_deadline(const struct tcp_roads *r)
{
    instant due = INSTANT_NEVER;

    list_each(node, &r->wishes)
    {
        const struct wish *w = list_entry(node, struct wish, link);
        due = w->due < due ? w->due : due;
    }
    return due;
}

void tcp_dial_end(struct tcp_roads *r)
{
    for (struct list *node; (node = list_first(&r->wishes));)
        forget(r, list_entry(node, struct wish, link));
}
