/* One attempt to connect, and the pauses between attempts. */
#include "gateway/peer/peer_parts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* While LAN discovery is asking, an attempt without any address waits this long for an answer. */
#define WAIT_FOR_MORE SEC(3)

/* Redialling after a loss: doubled each time, with up to a quarter of jitter. */
#define REDIAL_FIRST MSEC(500)
#define REDIAL_LAST  SEC(60)

/* How often connections that were not chosen are looked at. */
#define LOSER_CHECK SEC(1)

void peer_set_timer(struct peer *p)
{
    instant due = p->redial;
    if (p->dialling && p->give_up < due)
        due = p->give_up;
    if (p->dialling && p->waiting_for_more && p->stop_waiting < due)
        due = p->stop_waiting;
    if (peer_doubt_due(p) < due)
        due = peer_doubt_due(p);
    if (peer_has_losers(p) && peer_now(p) + LOSER_CHECK < due)
        due = peer_now(p) + LOSER_CHECK;
    timer_set(p->host->env, &p->timer, due);
}

void peer_plan_redial(struct peer *p)
{
    uint32_t chance;
    env_random(p->host->env, &chance, sizeof(chance));

    unsigned doublings = p->failures < 7 ? p->failures : 7;
    instant pause = REDIAL_FIRST << doublings;
    if (pause > REDIAL_LAST)
        pause = REDIAL_LAST;
    p->redial = peer_now(p) + pause + pause / 4 * (chance % 1024) / 1024;
}

static bool says_already(const struct peer *p, const char *reason)
{
    for (const char *at = strstr(p->why, reason); at; at = strstr(at + 1, reason))
        if (at == p->why || at[-1] == ' ')
            return true;
    return false;
}

/* What failed twice in the same way is said once. */
static void explain(struct peer *p, const char *format, va_list args)
{
    char reason[sizeof(p->why)];
    size_t used = strlen(p->why);

    (void)vsnprintf(reason, sizeof(reason), format, args);
    if (says_already(p, reason))
        return;
    (void)snprintf(p->why + used, sizeof(p->why) - used, "%s%s", used > 0 ? "; " : "", reason);
}

void peer_explain(struct peer *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    explain(p, format, args);
    va_end(args);
}

void peer_note(struct peer *p, const char *format, ...)
{
    va_list args;
    if (!p->dialling)
        return;
    va_start(args, format);
    explain(p, format, args);
    va_end(args);
}

void peer_settle(struct peer *p)
{
    p->dialling = false;
    p->waiting_for_more = false;
    p->give_up = p->stop_waiting = INSTANT_NEVER;
}

void peer_fail(struct peer *p, int err)
{
    peer_settle(p);
    p->failed = true;
    p->failures++;
    if (p->why[0] == '\0')
        peer_explain(p, "no address is known");
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        if (!l->session)
            link_close(l, QUIC_CLOSE_DONE);
    }
    if (p->wanted && !p->denied)
        peer_plan_redial(p);
    peer_set_timer(p);
    p->host->events->on_failed(p->host->arg, p, err, p->why);
    peer_changed(p);
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
void peer_fail_if_exhausted(struct peer *p)
{
    if (p->dialling && !is_trying(p) && !p->waiting_for_more)
        peer_fail(p, p->error ? p->error : -EHOSTUNREACH);
}

static bool was_tried(const struct peer *p, const struct path *path)
{
    for (size_t i = 0; i < p->tried_count; i++)
        if (path_equal(&p->tried[i], path))
            return true;
    return false;
}

bool peer_may_use(const struct peer *p, const struct path *path)
{
    const struct peer_events *events = p->host->events;
    return !events->may_use || events->may_use(p->host->arg, path);
}

void peer_dial(struct peer *p, const struct path *path)
{
    char text[ADDR_TEXT_MAX];

    if (p->tried_count == PEER_CANDIDATES_MAX || was_tried(p, path))
        return;
    p->tried[p->tried_count++] = *path;
    if (!peer_may_use(p, path)) {
        peer_explain(p, "%s: this address is not let in here", peer_path_text(path, text));
        p->error = -EACCES;
        return;
    }

    struct link *l = calloc(1, sizeof(*l));
    if (!l)
        return;
    *l = (struct link){.peer = p, .dialled = *path, .lost = INSTANT_NEVER};
    int err = quic_dial(p->host->quic, peer_now(p), &l->conn, &p->id, path, l);
    if (err < 0) {
        peer_explain(p, err == -EMFILE ? "too many sessions" : "no memory for a session");
        free(l);
        return;
    }
    list_append(&p->links, &l->node);
}

void peer_begin(struct peer *p)
{
    struct path found[PEER_CANDIDATES_MAX];
    bool more = false;

    p->dialling = true;
    p->redial = INSTANT_NEVER;
    p->began = peer_now(p);
    p->give_up = p->began + PEER_CONNECT_WITHIN;
    p->tried_count = 0;
    p->error = 0;
    p->denied = false;
    p->awaited = 0;
    p->why[0] = '\0';
    if (p->current) { /* connected, and about to be ready */
        peer_set_timer(p);
        return;
    }
    size_t n = p->host->events->candidates(p->host->arg, p, found, PEER_CANDIDATES_MAX, &more);
    for (size_t i = 0; i < n; i++)
        peer_dial(p, &found[i]);
    /* Without any address the attempt ends as soon as the loop runs, never inside this call. */
    p->waiting_for_more = more || p->awaited != 0 || p->tried_count == 0;
    p->stop_waiting = p->awaited != 0 ? p->give_up : peer_now(p) + (more ? WAIT_FOR_MORE : 0);
    peer_set_timer(p);
    peer_changed(p);
}

void peer_path_failed(struct peer *p, const struct path *path)
{
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        if (!l->session && path_equal(&l->dialled, path))
            link_close(l, QUIC_CLOSE_DONE);
    }
}

void peer_await(struct peer *p, enum peer_await who, bool more)
{
    instant usual = p->began + WAIT_FOR_MORE;
    unsigned awaited = more ? p->awaited | who : p->awaited & ~(unsigned)who;

    if (!p->dialling || p->awaited == awaited)
        return;
    p->awaited = awaited;
    p->stop_waiting = awaited != 0 ? p->give_up : usual > peer_now(p) ? usual : peer_now(p);
    p->waiting_for_more = true;
    peer_set_timer(p);
}

static void stop_waiting(struct peer *p)
{
    p->waiting_for_more = false;
    p->stop_waiting = INSTANT_NEVER;
    peer_fail_if_exhausted(p);
}

static void give_up(struct peer *p)
{
    list_each(node, &p->links)
    {
        struct link *l = list_entry(node, struct link, node);
        char text[ADDR_TEXT_MAX];
        if (!l->session && !l->closing)
            peer_explain(p, "%s: no answer", peer_path_text(&l->dialled, text));
    }
    peer_fail(p, p->error ? p->error : -ETIMEDOUT);
}

void peer_on_timer(struct timer *timer)
{
    struct peer *p = container_of(timer, struct peer, timer);
    instant now = peer_now(p);

    peer_close_losers(p);
    peer_doubt(p);
    if (p->dialling && now >= p->give_up)
        give_up(p);
    else if (p->dialling && p->waiting_for_more && now >= p->stop_waiting)
        stop_waiting(p);
    if (now >= p->redial && !p->dialling) {
        p->redial = INSTANT_NEVER;
        if (!p->current)
            peer_begin(p);
    }
    peer_set_timer(p);
}
