/* Sessions that the peer may not have any more: it was restarted, or its good-bye got lost. Packets
 * of such a session are answered by a stateless reset at best, and not even that is of use to who
 * was dialled: a dialler's first connection id has no token (RFC 9000 §10.3). */
#include "gateway/peer/peer_parts.h"

#include "gateway/base/bytes.h"
#include "gateway/base/log.h"

/* What both sides call a session, and nobody else can know. */
#define NAME_LABEL "EXPORTER-overlay-session"
#define NAME_LEN   8

#define ASK_EVERY   SEC(5)
#define SILENT_FOR  SEC(5) /* unheard that long, a session is asked about once more */
#define DIAL_AFTER  SEC(1) /* of doubt, before which there were 3 s of silence */
#define DIAL_CHECKS SEC(1)

/* ---- names ---- */

/* Kept, since a peer may ask as often as it likes. */
bool link_learn_name(struct link *l)
{
    uint8_t bytes[NAME_LEN];
    if (!l->named && quic_conn_export(l->conn, NAME_LABEL, bytes, sizeof(bytes)) == 0) {
        struct reader r = reader_over(bytes, sizeof(bytes));
        l->name = read_be64(&r);
        l->named = true;
    }
    return l->named;
}

/* Also those count that are not confirmed here yet: the peer may be a step ahead. */
static struct link *find(const struct peer *p, uint64_t name)
{
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        if (!l->closing && link_learn_name(l) && l->name == name)
            return l;
    }
    return NULL;
}

bool peer_knows(const struct peer *p, uint64_t name)
{
    return find(p, name) != NULL;
}

/* ---- asking ---- */

static bool is_open(const struct link *l)
{
    return l->session && !l->closing;
}

static bool in_doubt(const struct link *l)
{
    struct quic_conn_info info;
    quic_conn_info(l->conn, &info);
    return is_open(l) && info.in_doubt;
}

static bool is_silent(const struct link *l, instant now)
{
    struct quic_conn_info info;
    quic_conn_info(l->conn, &info);
    return now >= info.heard + SILENT_FOR;
}

static void ask_about(struct link *l, const struct link *by)
{
    /* Without a control stream it cannot be asked: then the idle time-out has to do. */
    if (link_learn_name(l) && session_ask(by->session, l->name) < 0)
        log_debug(LOG_PEER, "no control stream to ask by");
}

void peer_ask_about_others(struct peer *p, const struct link *by)
{
    if (!session_hello(by->session))
        return;
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        if (l == by || !is_open(l))
            continue;
        ask_about(l, by);
        /* The peer is there again. This session's own next try may be due after its idle time. */
        if (is_silent(l, peer_now(p)))
            quic_conn_probe(l->conn);
        p->ask = peer_now(p) + ASK_EVERY;
    }
    peer_set_timer(p);
}

/* The session that was heard of last. */
static const struct link *freshest(const struct peer *p)
{
    const struct link *best = NULL;
    instant heard = 0;
    list_each(node, &p->links)
    {
        const struct link *l = list_entry(node, struct link, node);
        struct quic_conn_info info;
        quic_conn_info(l->conn, &info);
        if (!is_open(l) || !session_hello(l->session) || (best && info.heard <= heard))
            continue;
        best = l;
        heard = info.heard;
    }
    return best;
}

static void ask_again(struct peer *p)
{
    const struct link *by = freshest(p);
    instant now = peer_now(p);

    p->ask = peer_has_losers(p) ? now + ASK_EVERY : INSTANT_NEVER;
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        if (by && l != by && is_open(l) && is_silent(l, now))
            ask_about(l, by);
    }
}

/* ---- losing ---- */

static void lose(struct link *l)
{
    struct peer *p = l->peer;
    char id[9];

    log_info(LOG_PEER, "%s: an older session is lost: the peer does not have it any more",
             peer_id_short(&p->id, id));
    link_close(l, QUIC_CLOSE_DONE);
}

void peer_lose(struct peer *p, const struct link *by, uint64_t name)
{
    struct link *l = find(p, name);

    if (!l || l == by || !l->session)
        return;
    lose(l);
    peer_choose(p);
    peer_use_current(p);
    peer_changed(p);
}

void peer_lose_silent(struct peer *p)
{
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        if (in_doubt(l))
            lose(l);
    }
    peer_choose(p);
}

/* ---- dialling beside a silent session ---- */

static bool is_dialled_beside(const struct link *l)
{
    return !l->session && !l->closing;
}

static void dial_beside(struct peer *p, const struct link *silent)
{
    struct path found[PEER_CANDIDATES_MAX];
    struct quic_conn_info info;
    char id[9];
    bool more;

    list_each(node, &p->links)
    {
        if (is_dialled_beside(list_entry(node, struct link, node)))
            return;
    }
    log_debug(LOG_PEER, "%s: silent, dialling beside the session", peer_id_short(&p->id, id));
    p->tried_count = 0;
    quic_conn_info(silent->conn, &info);
    info.path.local = (struct addr){0};
    peer_dial(p, &info.path);
    size_t n = p->host->events->candidates(p->host->arg, p, found, PEER_CANDIDATES_MAX, &more);
    for (size_t i = 0; i < n; i++)
        peer_dial(p, &found[i]);
}

/* What was silent is heard again, or has ended. */
static void stop_beside(struct peer *p)
{
    p->beside = INSTANT_NEVER;
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        if (is_dialled_beside(l) && !p->dialling && p->current)
            link_close(l, QUIC_CLOSE_DONE);
    }
}

static void try_beside(struct peer *p)
{
    const struct link *silent = NULL, *by = freshest(p);

    list_each(node, &p->links)
    {
        const struct link *l = list_entry(node, struct link, node);
        if (in_doubt(l))
            silent = l;
    }
    if (!silent) {
        stop_beside(p);
        return;
    }
    p->beside = peer_now(p) + DIAL_CHECKS;
    if (by && by != silent && !in_doubt(by))
        return; /* there is one to ask by */
    if (!p->dialling)
        dial_beside(p, silent);
}

void link_on_doubt(struct link *l)
{
    struct peer *p = l->peer;

    /* Others than gateways do not know the question. */
    if (!is_open(l) || !session_hello(l->session))
        return;
    if (p->beside == INSTANT_NEVER)
        p->beside = peer_now(p) + DIAL_AFTER;
    peer_set_timer(p);
}

void peer_doubt(struct peer *p)
{
    instant now = peer_now(p);

    if (now >= p->ask)
        ask_again(p);
    if (now >= p->beside)
        try_beside(p);
}

instant peer_doubt_due(const struct peer *p)
{
    return p->ask < p->beside ? p->ask : p->beside;
}
