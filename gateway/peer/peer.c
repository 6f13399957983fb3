#include "gateway/peer/peer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"

/* While LAN discovery is asking, an attempt without any address waits this long for an answer. */
#define WAIT_FOR_MORE SEC(3)

/* Redialling after a loss: doubled each time, with up to a quarter of jitter. */
#define REDIAL_FIRST MSEC(500)
#define REDIAL_LAST  SEC(60)

/* A connection that lost is closed when its streams are through, looked at this often. */
#define LOSER_CHECK SEC(1)
#define LOSER_GRACE SEC(2)
/* Its dialler closes it; if that has not happened by now, we do. */
#define LOSER_LAST SEC(30)

/** One connection to a peer, from dialling to its end. */
struct link {
    struct list node;
    struct peer *peer;
    struct quic_conn *conn;
    struct session *session; /* NULL until connected */
    struct path dialled;     /* none if the peer dialled */
    bool closing;
    instant lost; /* when another connection was preferred; INSTANT_NEVER */
};

static instant now_of(const struct peer *p)
{
    return env_now(p->host->env);
}

static void changed(struct peer *p)
{
    p->host->events->on_changed(p->host->arg, p);
}

/* ---- timers ---- */

static bool has_losers(const struct peer *p)
{
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        if (l->session && l != p->current)
            return true;
    }
    return false;
}

static void set_timer(struct peer *p)
{
    instant due = p->redial;
    if (p->dialling && p->give_up < due)
        due = p->give_up;
    if (p->dialling && p->waiting_for_more && p->stop_waiting < due)
        due = p->stop_waiting;
    if (has_losers(p) && now_of(p) + LOSER_CHECK < due)
        due = now_of(p) + LOSER_CHECK;
    timer_set(p->host->env, &p->timer, due);
}

static void plan_redial(struct peer *p)
{
    uint32_t chance;
    env_random(p->host->env, &chance, sizeof(chance));

    unsigned doublings = p->failures < 7 ? p->failures : 7;
    instant pause = REDIAL_FIRST << doublings;
    if (pause > REDIAL_LAST)
        pause = REDIAL_LAST;
    p->redial = now_of(p) + pause + pause / 4 * (chance % 1024) / 1024;
}

/* ---- choosing among several connections ---- */

static bool dialled_by_smaller(const struct link *l, const struct quic_conn_info *info)
{
    bool ours_is_smaller = peer_id_compare(l->peer->host->self, &l->peer->id) < 0;
    return info->dialled == ours_is_smaller;
}

/* Does `a` win over `b`? Both are connected. */
static bool beats(const struct link *a, const struct link *b)
{
    struct quic_conn_info x, y;
    quic_conn_info(a->conn, &x);
    quic_conn_info(b->conn, &y);

    bool a_small = dialled_by_smaller(a, &x), b_small = dialled_by_smaller(b, &y);
    if (a_small != b_small)
        return a_small;
    return x.since >= y.since;
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

static void choose(struct peer *p)
{
    struct link *best = winner(p);
    if (best == p->current)
        return;
    if (p->current)
        p->current->lost = now_of(p);
    p->current = best;
    if (best)
        best->lost = INSTANT_NEVER;
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        if (l->session && l != best && l->lost == INSTANT_NEVER)
            l->lost = now_of(p);
    }
}

static void close_link(struct link *l, enum quic_close_code code)
{
    if (l->closing)
        return;
    l->closing = true;
    quic_close(l->conn, code);
}

static void close_losers(struct peer *p)
{
    instant now = now_of(p);
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        if (!l->session || l == p->current || l->closing || now < l->lost + LOSER_GRACE)
            continue;
        bool ours = l->dialled.kind != PATH_NONE || now >= l->lost + LOSER_LAST;
        if (ours && !session_in_use(l->session))
            close_link(l, QUIC_CLOSE_DUPLICATE);
    }
}

/* ---- an attempt ---- */

static void explain(struct peer *p, const char *format, ...) PRINTF_LIKE(2, 3);
static void explain(struct peer *p, const char *format, ...)
{
    size_t used = strlen(p->why);
    va_list args;

    if (used > 0 && used + 3 < sizeof(p->why)) {
        memcpy(p->why + used, "; ", 3);
        used += 2;
    }
    va_start(args, format);
    (void)vsnprintf(p->why + used, sizeof(p->why) - used, format, args);
    va_end(args);
}

static void settle(struct peer *p)
{
    p->dialling = false;
    p->waiting_for_more = false;
    p->give_up = p->stop_waiting = INSTANT_NEVER;
}

static void fail(struct peer *p, int err)
{
    settle(p);
    p->failed = true;
    p->failures++;
    if (p->why[0] == '\0')
        explain(p, "no address is known");
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        if (!l->session)
            close_link(l, QUIC_CLOSE_DONE);
    }
    if (p->wanted && err != -EACCES)
        plan_redial(p);
    set_timer(p);
    p->host->events->on_failed(p->host->arg, p, err, p->why);
    changed(p);
}

static bool is_trying(const struct peer *p)
{
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        if (!l->closing)
            return true;
    }
    return false;
}

/* Ends an attempt that has nothing left to try. */
static void fail_if_exhausted(struct peer *p)
{
    if (p->dialling && !is_trying(p) && !p->waiting_for_more)
        fail(p, p->error ? p->error : -EHOSTUNREACH);
}

static bool was_tried(const struct peer *p, const struct path *path)
{
    for (size_t i = 0; i < p->tried_count; i++)
        if (path_equal(&p->tried[i], path))
            return true;
    return false;
}

static void dial(struct peer *p, const struct path *path)
{
    if (p->tried_count == PEER_CANDIDATES_MAX || was_tried(p, path))
        return;
    p->tried[p->tried_count++] = *path;

    struct link *l = calloc(1, sizeof(*l));
    if (!l)
        return;
    *l = (struct link){.peer = p, .dialled = *path, .lost = INSTANT_NEVER};
    if (quic_dial(p->host->quic, now_of(p), &l->conn, &p->id, path, l) < 0) {
        explain(p, "too many sessions");
        free(l);
        return;
    }
    list_append(&p->links, &l->node);
}

static void begin(struct peer *p)
{
    struct path found[PEER_CANDIDATES_MAX];
    bool more = false;

    p->dialling = true;
    p->redial = INSTANT_NEVER;
    p->give_up = now_of(p) + PEER_CONNECT_WITHIN;
    p->tried_count = 0;
    p->error = 0;
    p->why[0] = '\0';
    if (p->current) { /* connected, and about to be ready */
        set_timer(p);
        return;
    }
    size_t n = p->host->events->candidates(p->host->arg, p, found, PEER_CANDIDATES_MAX, &more);
    for (size_t i = 0; i < n; i++)
        dial(p, &found[i]);
    /* Without any address the attempt ends as soon as the loop runs, never inside this call. */
    p->waiting_for_more = more || p->tried_count == 0;
    p->stop_waiting = now_of(p) + (more ? WAIT_FOR_MORE : 0);
    set_timer(p);
    changed(p);
}

static void stop_waiting(struct peer *p)
{
    p->waiting_for_more = false;
    p->stop_waiting = INSTANT_NEVER;
    fail_if_exhausted(p);
}

static void give_up(struct peer *p)
{
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        char text[ADDR_TEXT_MAX];
        if (!l->session && !l->closing)
            explain(p, "%s: no answer", addr_print(&l->dialled.remote, text));
    }
    fail(p, p->error ? p->error : -ETIMEDOUT);
}

static void on_timer(struct timer *timer)
{
    struct peer *p = container_of(timer, struct peer, timer);
    instant now = now_of(p);

    close_losers(p);
    if (p->dialling && now >= p->give_up)
        give_up(p);
    else if (p->dialling && p->waiting_for_more && now >= p->stop_waiting)
        stop_waiting(p);
    if (now >= p->redial && !p->dialling) {
        p->redial = INSTANT_NEVER;
        if (!p->current)
            begin(p);
    }
    set_timer(p);
}

/* ---- what ended means ---- */

static const char *text_of_end(const struct quic_ended *ended)
{
    switch (ended->why) {
    case QUIC_END_WRONG_ID:
        return "peer id mismatch: another gateway answers there";
    case QUIC_END_REFUSED:
        return "refused: it does not know us, or has blocked us";
    case QUIC_END_IDLE:
    case QUIC_END_TIMED_OUT:
        return "no answer";
    case QUIC_END_RESET:
        return "reset";
    case QUIC_END_CLOSED:
    case QUIC_END_PEER_CLOSED:
        return "closed";
    case QUIC_END_ERROR:
        break;
    }
    return ended->reason[0] ? ended->reason : "protocol error";
}

static int errno_of_end(const struct quic_ended *ended)
{
    if (ended->why == QUIC_END_WRONG_ID || ended->why == QUIC_END_REFUSED)
        return -EACCES;
    if (ended->why == QUIC_END_PEER_CLOSED && ended->code == QUIC_CLOSE_DENIED)
        return -EACCES;
    return ended->why == QUIC_END_TIMED_OUT ? -ETIMEDOUT : -EHOSTUNREACH;
}

static void note_failed_dial(struct peer *p, const struct link *l, const struct quic_ended *ended)
{
    char text[ADDR_TEXT_MAX];
    int err = errno_of_end(ended);

    if (!p->dialling || l->closing)
        return;
    explain(p, "%s: %s", addr_print(&l->dialled.remote, text), text_of_end(ended));
    if (p->error != -EACCES)
        p->error = err;
    /* The peer itself has spoken; asking it elsewhere gives the same answer. */
    if (ended->why == QUIC_END_REFUSED ||
        (ended->why == QUIC_END_PEER_CLOSED && ended->code == QUIC_CLOSE_DENIED))
        fail(p, -EACCES);
}

static void note_lost_session(struct peer *p, const struct quic_ended *ended)
{
    char id[9];

    log_info(LOG_PEER, "%s: session ended (%s)", peer_id_short(&p->id, id), text_of_end(ended));
    bool denied = errno_of_end(ended) == -EACCES;
    if (p->wanted && !denied && !p->current && !p->dialling)
        plan_redial(p);
}

static void count_bytes(struct link *l)
{
    struct quic_conn_info info;
    quic_conn_info(l->conn, &info);
    l->peer->rx_bytes += info.rx_bytes;
    l->peer->tx_bytes += info.tx_bytes;
}

void link_on_ended(struct link *l, const struct quic_ended *ended)
{
    struct peer *p = l->peer;
    bool was_connected = l->session != NULL;

    count_bytes(l);
    list_remove(&l->node);
    session_free(l->session);
    l->session = NULL;
    if (p->current == l)
        p->current = NULL;
    if (was_connected) {
        choose(p);
        note_lost_session(p, ended);
    } else {
        note_failed_dial(p, l, ended);
    }
    free(l);
    fail_if_exhausted(p);
    set_timer(p);
    changed(p);
}

/* ---- sessions ---- */

static struct link *link_of_session(void *arg)
{
    return arg;
}

static void on_ready(void *arg, struct session *s)
{
    struct link *l = link_of_session(arg);
    struct peer *p = l->peer;
    (void)s;

    if (l != p->current)
        return;
    settle(p);
    p->failed = false;
    p->failures = 0;
    p->redial = INSTANT_NEVER;
    set_timer(p);
    p->host->events->on_ready(p->host->arg, p);
    changed(p);
}

static void on_services(void *arg, struct session *s)
{
    (void)s;
    changed(link_of_session(arg)->peer);
}

static void on_pong(void *arg, struct session *s, uint32_t token)
{
    struct peer *p = link_of_session(arg)->peer;
    (void)s;
    p->host->events->on_pong(p->host->arg, p, token);
}

static void on_stream(void *arg, struct session *s, const struct preamble *what, struct pipe *pipe)
{
    struct peer *p = link_of_session(arg)->peer;
    (void)s;
    p->host->events->on_stream(p->host->arg, p, what, pipe);
}

static void on_flow(void *arg, struct session *s, const struct preamble *what, struct flow *flow)
{
    struct peer *p = link_of_session(arg)->peer;
    (void)s;
    p->host->events->on_flow(p->host->arg, p, what, flow);
}

static void on_misfit(void *arg, struct session *s, const char *why)
{
    struct link *l = link_of_session(arg);
    char id[9];
    (void)s;

    log_warn(LOG_PEER, "%s: %s", peer_id_short(&l->peer->id, id), why);
    if (l->peer->dialling) {
        explain(l->peer, "%s", why);
        l->peer->error = -EACCES;
    }
    close_link(l, QUIC_CLOSE_DENIED);
}

static const struct session_events SESSION_EVENTS = {
    .on_ready = on_ready,
    .on_services = on_services,
    .on_pong = on_pong,
    .on_stream = on_stream,
    .on_flow = on_flow,
    .on_misfit = on_misfit,
};

static int start_session(struct link *l)
{
    struct peer *p = l->peer;
    struct service_list services;
    const struct session_options options = {
        .env = p->host->env,
        .hello = p->host->hello,
        .udp_idle = p->host->udp_idle,
        .events = &SESSION_EVENTS,
        .arg = l,
    };

    p->host->events->list_services(p->host->arg, p, &services);
    int err = session_new(&l->session, &options, l->conn, &services);
    if (err < 0)
        return err;
    choose(p);
    return 0;
}

void link_on_connected(struct link *l)
{
    struct peer *p = l->peer;
    char id[9], text[ADDR_TEXT_MAX];

    if (l->closing)
        return;
    if (start_session(l) < 0) {
        close_link(l, QUIC_CLOSE_DONE);
        return;
    }
    log_info(LOG_PEER, "%s: connected to %s", peer_id_short(&p->id, id),
             addr_print(&l->dialled.remote, text));
    set_timer(p);
    changed(p);
}

int peer_adopt(struct peer *p, struct quic_conn *conn)
{
    struct link *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    *l = (struct link){.peer = p, .conn = conn, .lost = INSTANT_NEVER};
    int err = start_session(l);
    if (err < 0) {
        free(l);
        return err;
    }
    quic_conn_set_app(conn, l);
    list_append(&p->links, &l->node);
    choose(p);
    set_timer(p);
    changed(p);
    return 0;
}

void link_on_stream(struct link *l, struct pipe *pipe)
{
    if (l->session)
        session_on_stream(l->session, pipe);
    else
        pipe->ops->reset(pipe, PIPE_RESET_ABORTED);
}

void link_on_datagram(struct link *l, instant now, const uint8_t *data, size_t len)
{
    if (l->session)
        session_on_datagram(l->session, now, data, len);
}

void link_on_path(struct link *l)
{
    changed(l->peer);
}

/* ---- the owner's side ---- */

void peer_init(struct peer *p, const struct peer_host *host, const struct peer_id *id)
{
    *p = (struct peer){.host = host, .id = *id};
    p->give_up = p->stop_waiting = p->redial = INSTANT_NEVER;
    p->timer.fire = on_timer;
    list_init(&p->links);
}

void peer_deinit(struct peer *p)
{
    for (struct list *node; (node = list_first(&p->links));) {
        struct link *l = list_entry(node, struct link, node);
        quic_conn_set_app(l->conn, NULL);
        close_link(l, QUIC_CLOSE_DONE);
        list_remove(node);
        session_free(l->session);
        free(l);
    }
    p->current = NULL;
    timer_stop(p->host->env, &p->timer);
}

void peer_connect(struct peer *p)
{
    if (!p->dialling && !(p->current && session_is_ready(p->current->session)))
        begin(p);
}

void peer_want(struct peer *p, bool wanted)
{
    p->wanted = wanted;
    if (!wanted)
        p->redial = INSTANT_NEVER;
    else if (!p->current && !p->dialling && p->redial == INSTANT_NEVER)
        p->redial = now_of(p);
    set_timer(p);
}

void peer_add_candidate(struct peer *p, const struct path *path)
{
    if (p->dialling)
        dial(p, path);
    else if (p->current)
        quic_conn_add_path(p->current->conn, path);
    else if (p->wanted)
        p->redial = now_of(p);
    set_timer(p);
}

void peer_drop(struct peer *p, enum quic_close_code code)
{
    p->redial = INSTANT_NEVER;
    list_each(node, &p->links)
    {
        close_link(list_entry(node, struct link, node), code);
    }
    p->current = NULL;
    if (p->dialling) {
        explain(p, "closed here");
        fail(p, -EACCES);
    }
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
        p->redial = now_of(p);
        set_timer(p);
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

bool peer_is_connected(const struct peer *p)
{
    return p->current != NULL;
}
