/* One connection to a peer: what its endpoint and its session tell. */
#include "gateway/peer/peer_parts.h"

#include <errno.h>
#include <stdlib.h>

#include "gateway/base/log.h"
#include "gateway/identity/peer_about.h"

static const char OTHER_NETWORK[] = "belongs to another network";

static const char *text_of_end(const struct quic_ended *ended)
{
    switch (ended->why) {
    case QUIC_END_WRONG_ID:
        return "peer id mismatch: another gateway answers there";
    case QUIC_END_REFUSED:
        return ended->proven ? "refused: it does not know us, or has blocked us"
                             : "something answers there that is no gateway";
    case QUIC_END_IDLE:
    case QUIC_END_TIMED_OUT:
        return "no answer";
    case QUIC_END_RESET:
        return "reset";
    case QUIC_END_CLOSED:
        return "closed";
    case QUIC_END_PEER_CLOSED:
        return ended->code == QUIC_CLOSE_NETWORK ? OTHER_NETWORK : "closed";
    case QUIC_END_ERROR:
        break;
    }
    return ended->reason[0] ? ended->reason : "protocol error";
}

/* Did the peer itself turn us away? Whoever else sits at an address of it may say so, too, and must
 * not keep us from the peer. */
static bool is_denial(const struct quic_ended *ended)
{
    return ended->proven &&
           (ended->why == QUIC_END_REFUSED ||
            (ended->why == QUIC_END_PEER_CLOSED &&
             (ended->code == QUIC_CLOSE_DENIED || ended->code == QUIC_CLOSE_NETWORK)));
}

static int errno_of_end(const struct quic_ended *ended)
{
    if (ended->why == QUIC_END_WRONG_ID || is_denial(ended))
        return -EACCES;
    return ended->why == QUIC_END_TIMED_OUT ? -ETIMEDOUT : -EHOSTUNREACH;
}

static void note_failed_dial(struct peer *p, const struct link *l, const struct quic_ended *ended)
{
    char text[ADDR_TEXT_MAX];
    int err = errno_of_end(ended);

    if (l->closing)
        return;
    if (is_denial(ended))
        peer_lose_silent(p);
    if (!p->dialling)
        return;
    peer_explain(p, "%s: %s", peer_path_text(&l->dialled, text), text_of_end(ended));
    if (p->error != -EACCES)
        p->error = err;
    /* Asking it elsewhere gives the same answer. */
    p->denied = p->denied || is_denial(ended);
    if (p->denied)
        peer_fail(p, -EACCES);
}

/* The attempt to connect fails when this connection, the last, has ended. */
static void turned_away(struct peer *p, const char *why)
{
    if (!p->dialling)
        return;
    peer_explain(p, "%s", why);
    p->error = -EACCES;
    p->denied = true;
}

static void note_lost_session(struct peer *p, const struct quic_ended *ended)
{
    struct peer_about about;
    char id[9];
    bool theirs = ended->why == QUIC_END_PEER_CLOSED && ended->reason[0];

    log_event(LOG_LEVEL_INFO, LOG_PEER, peer_about(&about, "ended", &p->id, NULL),
              "%s: session ended (%s%s%s)", peer_id_short(&p->id, id), text_of_end(ended),
              theirs ? " by the peer: " : "", theirs ? ended->reason : "");
    if (is_denial(ended))
        turned_away(p, text_of_end(ended));
    if (p->wanted && !is_denial(ended) && !p->current && !p->dialling && p->redial == INSTANT_NEVER)
        peer_plan_redial(p);
}

static void keep_counters(struct link *l)
{
    struct quic_conn_info info;
    quic_conn_info(l->conn, &info);
    l->peer->rx_bytes += info.rx_bytes;
    l->peer->tx_bytes += info.tx_bytes;
    l->peer->dropped += quic_dropped_sum(&info.dropped);
    l->peer->throttled += info.throttled;
    if (l->session)
        l->peer->dropped += session_dropped(l->session);
}

/* It was ready before it was chosen. */
static void tell_of_current(struct peer *p)
{
    if (p->current && session_is_ready(p->current->session))
        p->host->events->on_conn(p->host->arg, p, p->current->conn, false);
}

static void tell_offence(struct link *l, enum peer_offence what)
{
    l->peer->host->events->on_offence(l->peer->host->arg, l->peer, l->conn, what);
}

/* Of two networks that meet, the end that learns of it first says so to the other. */
static void tell_how_it_ended(struct link *l, const struct quic_ended *ended)
{
    if (ended->broken)
        tell_offence(l, PEER_MALFORMED);
    else if (ended->why == QUIC_END_PEER_CLOSED && ended->code == QUIC_CLOSE_NETWORK)
        tell_offence(l, PEER_OTHER_NETWORK);
}

void link_on_ended(struct link *l, const struct quic_ended *ended)
{
    struct peer *p = l->peer;
    const struct link *before = p->current;
    bool was_connected = l->session != NULL;

    keep_counters(l);
    if (was_connected)
        tell_how_it_ended(l, ended);
    if (was_connected)
        p->host->events->on_conn(p->host->arg, p, l->conn, true);
    list_remove(&l->node);
    if (p->current == l) /* before its flows and streams tell others that they are over */
        p->current = NULL;
    session_free(l->session);
    l->session = NULL;
    if (was_connected) {
        peer_choose(p);
        note_lost_session(p, ended);
        peer_use_current(p);
        if (p->current != before)
            tell_of_current(p);
    } else {
        note_failed_dial(p, l, ended);
    }
    free(l);
    peer_fail_if_exhausted(p);
    peer_set_timer(p);
    peer_changed(p);
}

/* ---- sessions ---- */

static struct link *link_of_session(void *arg)
{
    return arg;
}

/* The first that is ready carries data. What else was dialled goes on as a path of that session,
 * not as another session that would take over and keep no stream. */
static void end_other_dials(struct peer *p)
{
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        if (l->session || l->closing)
            continue;
        quic_conn_add_path(p->current->conn, &l->dialled);
        link_close(l, QUIC_CLOSE_DUPLICATE);
    }
}

static void be_ready(struct peer *p)
{
    end_other_dials(p);
    peer_settle(p);
    p->failed = false;
    p->failures = 0;
    p->redial = INSTANT_NEVER;
    peer_set_timer(p);
    p->host->events->on_ready(p->host->arg, p);
    peer_changed(p);
}

static void on_ready(void *arg, struct session *s)
{
    struct link *l = link_of_session(arg);
    (void)s;

    peer_ask_about_others(l->peer, l);
    l->peer->host->events->on_conn(l->peer->host->arg, l->peer, l->conn, false);
    if (l == l->peer->current)
        be_ready(l->peer);
}

void peer_use_current(struct peer *p)
{
    if (p->dialling && p->current && session_is_ready(p->current->session))
        be_ready(p);
}

static void on_services(void *arg, struct session *s)
{
    (void)s;
    peer_changed(link_of_session(arg)->peer);
}

static void on_pong(void *arg, struct session *s, uint32_t token)
{
    struct peer *p = link_of_session(arg)->peer;
    (void)s;
    p->host->events->on_pong(p->host->arg, p, token);
}

static bool knows(void *arg, struct session *s, uint64_t name)
{
    (void)s;
    return peer_knows(link_of_session(arg)->peer, name);
}

static void on_gone(void *arg, struct session *s, uint64_t name)
{
    struct link *l = link_of_session(arg);
    (void)s;
    peer_lose(l->peer, l, name);
}

static void on_part(void *arg, struct session *s, const struct message_part *part)
{
    struct link *l = link_of_session(arg);
    (void)s;
    l->peer->host->events->on_part(l->peer->host->arg, l->peer, l->conn, part);
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

static void on_offence(void *arg, struct session *s, enum session_offence what)
{
    (void)s;
    tell_offence(link_of_session(arg), what == SESSION_TOO_MANY ? PEER_OVER_LIMIT : PEER_MALFORMED);
}

static void on_misfit(void *arg, struct session *s, enum session_misfit what)
{
    struct link *l = link_of_session(arg);
    const char *why = what == SESSION_OTHER_NETWORK ? OTHER_NETWORK : "malformed control message";
    (void)s;

    tell_offence(l, what == SESSION_OTHER_NETWORK ? PEER_OTHER_NETWORK : PEER_MALFORMED);
    turned_away(l->peer, why);
    link_close(l, what == SESSION_OTHER_NETWORK ? QUIC_CLOSE_NETWORK : QUIC_CLOSE_DENIED);
}

static const struct session_events SESSION_EVENTS = {
    .on_offence = on_offence,
    .on_ready = on_ready,
    .on_services = on_services,
    .on_pong = on_pong,
    .knows = knows,
    .on_gone = on_gone,
    .on_part = on_part,
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
    peer_choose(p);
    return 0;
}

void link_on_connected(struct link *l)
{
    struct peer *p = l->peer;
    struct peer_about about;
    char id[9], text[ADDR_TEXT_MAX];

    if (l->closing)
        return;
    if (start_session(l) < 0) {
        link_close(l, QUIC_CLOSE_DONE);
        return;
    }
    const bool relayed = l->dialled.kind == PATH_RELAY;
    log_event(LOG_LEVEL_INFO, LOG_PEER,
              peer_about(&about, "connected", &p->id, relayed ? NULL : &l->dialled.remote),
              "%s: connected %s%s", peer_id_short(&p->id, id), relayed ? "" : "to ",
              peer_path_text(&l->dialled, text));
    peer_set_timer(p);
    peer_changed(p);
}

/* However often a peer dials, sessions and their memory are also there for the others. The oldest
 * of its connections goes, as a new one may replace what it has lost without our knowing yet. */
static void make_room(struct peer *p)
{
    struct link *oldest = NULL;
    unsigned count = 0;

    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        if (l->dialled.kind != PATH_NONE || l->closing)
            continue;
        count++;
        if (!oldest && l != p->current)
            oldest = l;
    }
    if (count >= PEER_ADOPTED_MAX && oldest)
        link_close(oldest, QUIC_CLOSE_DUPLICATE);
}

static void tell_of_caller(const struct link *l)
{
    struct quic_conn_info info;
    struct peer_about about;
    char id[9], text[ADDR_TEXT_MAX];

    quic_conn_info(l->conn, &info);
    const bool relayed = info.path.kind == PATH_RELAY;
    log_event(LOG_LEVEL_INFO, LOG_PEER,
              peer_about(&about, "connected", &l->peer->id, relayed ? NULL : &info.path.remote),
              "%s: connected %s%s", peer_id_short(&l->peer->id, id), relayed ? "" : "from ",
              peer_path_text(&info.path, text));
}

int peer_adopt(struct peer *p, struct quic_conn *conn)
{
    make_room(p);
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
    tell_of_caller(l);
    peer_choose(p);
    peer_set_timer(p);
    peer_changed(p);
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

void peer_tell_part(struct quic_conn *conn, const struct message_part *part)
{
    struct link *l = quic_conn_app(conn);
    if (l && l->session)
        session_tell_part(l->session, part);
}

void link_on_path(struct link *l)
{
    struct peer *p = l->peer;
    peer_share_paths(p);
    if (l->session && session_is_ready(l->session))
        p->host->events->on_conn(p->host->arg, p, l->conn, false);
    peer_changed(p);
}
