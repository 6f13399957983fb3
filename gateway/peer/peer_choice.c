/* Which of several connections to one peer is used, and what becomes of the others. */
#include "gateway/peer/peer_parts.h"

/* A connection that lost is closed when its streams are through. */
#define LOSER_GRACE SEC(2)
/* Its dialler closes it; if that has not happened by now, we do. */
#define LOSER_LAST SEC(30)
/* Connections that began so close to one another may seem to have begun in either order. */
#define AT_ONCE SEC(1)

static bool dialled_by_smaller(const struct link *l, const struct quic_conn_info *info)
{
    bool ours_is_smaller = peer_id_compare(l->peer->host->self, &l->peer->id) < 0;
    return info->dialled == ours_is_smaller;
}

/* Each side has times of its own for what happened at once, but both have the same names. */
static bool is_younger(struct link *a, instant a_since, struct link *b, instant b_since)
{
    instant apart = a_since > b_since ? a_since - b_since : b_since - a_since;

    if (apart < AT_ONCE && link_learn_name(a) && link_learn_name(b))
        return a->name > b->name;
    return a_since >= b_since;
}

/* Does `a` win over `b`? Both are connected. */
static bool beats(struct link *a, struct link *b)
{
    struct quic_conn_info x, y;
    quic_conn_info(a->conn, &x);
    quic_conn_info(b->conn, &y);

    bool a_small = dialled_by_smaller(a, &x), b_small = dialled_by_smaller(b, &y);
    if (a_small != b_small)
        return a_small;
    return is_younger(a, x.since, b, y.since);
}

static struct link *winner(struct peer *p)
{
    struct link *best = NULL;
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        if (l->session && !l->closing && (!best || beats(l, best)))
            best = l;
    }
    return best;
}

/* A direct path serves every connection to the peer, so that streams go on where they are. A socket
 * that was opened to punch with goes with its own connection. */
void peer_share_paths(struct peer *p)
{
    struct quic_conn_info from, to;

    list_each(a, &p->links)
    {
        const struct link *l = list_entry(a, struct link, node);
        quic_conn_info(l->conn, &from);
        if (!l->session || l->closing || from.path.kind != PATH_UDP || from.path.via != 0)
            continue;
        list_each(b, &p->links)
        {
            const struct link *m = list_entry(b, struct link, node);
            quic_conn_info(m->conn, &to);
            if (m->session && !m->closing && to.path.kind != PATH_UDP)
                quic_conn_add_path(m->conn, &from.path);
        }
    }
}

void peer_choose(struct peer *p)
{
    struct link *best = winner(p);
    p->current = best;
    if (best)
        best->lost = INSTANT_NEVER;
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        if (l->session && l != best && l->lost == INSTANT_NEVER)
            l->lost = peer_now(p);
    }
    peer_share_paths(p);
}

void link_close(struct link *l, enum quic_close_code code)
{
    if (l->closing)
        return;
    l->closing = true;
    quic_close(l->conn, code);
}

void peer_close_losers(struct peer *p)
{
    instant now = peer_now(p);
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        if (!l->session || l == p->current || l->closing || now < l->lost + LOSER_GRACE)
            continue;
        bool ours = l->dialled.kind != PATH_NONE || now >= l->lost + LOSER_LAST;
        if (ours && !session_in_use(l->session))
            link_close(l, QUIC_CLOSE_DUPLICATE);
    }
}

bool peer_has_losers(const struct peer *p)
{
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        if (l->session && l != p->current)
            return true;
    }
    return false;
}
