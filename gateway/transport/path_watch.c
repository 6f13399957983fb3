#include "gateway/transport/path_watch.h"

#include <stddef.h>

#define SUSPECT_AFTER SEC(3)
#define DEAD_AFTER    MSEC(6500)
#define KICK_GRACE    MSEC(500) /* how long after a kick the current path may keep us waiting */
#define QUIET_MIN     MSEC(500) /* silence before paths are asked in a quick row */
#define ASK_MIN       MSEC(800) /* how long that goes on */

enum {
    ASKED = 16, /* pings of such a row: where every other one is lost, one time in 65,536 all are */
    MUTE_UNANSWERED = 3,
    DEAD_UNANSWERED = 5,
};

static instant later(instant a, instant b)
{
    return a > b ? a : b;
}

/* The path's own round trips are measured with nothing else on their way; QUIC's timeout knows of
 * the queues. */
static instant quiet(const struct path_set *s)
{
    instant trips = later(4 * s->slot[s->current].rtt, 2 * s->pto);
    instant least = later(QUIET_MIN, trips);
    return least < SUSPECT_AFTER ? least : SUSPECT_AFTER;
}

static instant asking_time(const struct path_set *s)
{
    return later(ASK_MIN, quiet(s));
}

static instant kick_ends(const struct path_set *s)
{
    return s->kicked_at + KICK_GRACE + 3 * s->slot[s->current].rtt;
}

static bool is_spare(const struct path_set *s, const struct path_slot *p)
{
    bool worked = p->state == PATH_GOOD || (p->state == PATH_SUSPECT && p->samples > 0);
    return worked && p != &s->slot[s->current] && !p->gone && !p->narrow;
}

static bool has_spare(const struct path_set *s)
{
    for (unsigned i = 0; i < PATH_SET_MAX; i++)
        if (is_spare(s, &s->slot[i]))
            return true;
    return false;
}

static void ask_all(struct path_set *s, instant now)
{
    path_table_ping_by(path_table_current(s), now);
    for (unsigned i = 0; i < PATH_SET_MAX; i++)
        if (is_spare(s, &s->slot[i]))
            path_table_ping_by(&s->slot[i], now);
}

/* ---- what happened ---- */

void path_watch_lives(struct path_set *s, instant now)
{
    s->waiting_since = now;
    s->suspect = false;
    s->asking_since = s->spare_since = 0;
    s->kicked_at = 0;
}

void path_watch_doubt(struct path_set *s, instant now)
{
    s->kicked_at = now;
}

void path_watch_spare(struct path_set *s, instant asked, instant now)
{
    if (s->asking_since == 0 || asked < s->asking_since || s->spare_since > 0)
        return;
    s->spare_since = now;
    path_table_ping_by(path_table_current(s), now);
}

/* Answers that do not come, of QUIC's or to our own keep-alive. */
static bool is_quiet(const struct path_set *s, instant now)
{
    const struct path_slot *p = &s->slot[s->current];

    if (s->waiting && now >= s->waiting_since + quiet(s))
        return true;
    return p->unanswered >= MUTE_UNANSWERED && p->heard < p->asked_since;
}

void path_watch_run(struct path_set *s, instant now)
{
    if (s->waiting && !s->suspect && now >= s->waiting_since + SUSPECT_AFTER) {
        s->suspect = true;
        s->suspect_since = now;
        path_table_current(s)->path.local = (struct addr){0}; /* maybe an address that we lost */
        path_table_revive_all(s, now);
        ask_all(s, now);
    }
    if (s->asking_since == 0 && s->speaks_probes && is_quiet(s, now) && has_spare(s)) {
        s->asking_since = now;
        s->spare_since = 0;
        ask_all(s, now);
    }
}

/* ---- what follows from it ---- */

/* The other one must have answered for half the time, lest the first of two to come back after an
 * outage of both wins. */
static instant asking_ends(const struct path_set *s)
{
    if (s->asking_since == 0 || s->spare_since == 0)
        return INSTANT_NEVER;
    return later(s->asking_since + asking_time(s), s->spare_since + asking_time(s) / 2);
}

bool path_watch_is_dead(const struct path_set *s, instant now)
{
    const struct path_slot *p = &s->slot[s->current];

    if (p->gone || p->narrow || now >= asking_ends(s))
        return true;
    if (s->waiting && now >= s->waiting_since + DEAD_AFTER)
        return true;
    if (s->kicked_at > 0 && now >= kick_ends(s))
        return true;
    /* Packets may come in while ours do not get out. */
    return s->speaks_probes && p->unanswered >= DEAD_UNANSWERED &&
           now >= p->asked_since + DEAD_AFTER;
}

instant path_watch_since(const struct path_set *s)
{
    if (s->slot[s->current].gone)
        return 0;
    if (s->asking_since > 0)
        return s->asking_since;
    return s->suspect ? s->suspect_since : s->kicked_at;
}

instant path_watch_pace(const struct path_set *s, instant now)
{
    instant ends = s->spare_since > 0 ? asking_ends(s) : s->asking_since + asking_time(s);
    return s->asking_since > 0 && now < ends ? asking_time(s) / ASKED : 0;
}

static void sooner(instant *due, instant at, instant now)
{
    if (at > now && at < *due)
        *due = at;
}

instant path_watch_next(const struct path_set *s, instant now)
{
    const struct path_slot *p = &s->slot[s->current];
    instant due = INSTANT_NEVER;

    if (s->waiting) {
        sooner(&due, s->waiting_since + SUSPECT_AFTER, now);
        sooner(&due, s->waiting_since + DEAD_AFTER, now);
        sooner(&due, s->waiting_since + quiet(s), now);
    }
    sooner(&due, asking_ends(s), now);
    if (s->kicked_at > 0)
        sooner(&due, kick_ends(s), now);
    if (p->unanswered >= DEAD_UNANSWERED)
        sooner(&due, p->asked_since + DEAD_AFTER, now);
    return due;
}
