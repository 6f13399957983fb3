#include "gateway/transport/path_choice.h"

#include <stddef.h>

#define SUSPECT_AFTER SEC(3)
#define DEAD_AFTER    MSEC(6500)
#define KICK_GRACE    MSEC(500) /* how long after a kick the current path may keep us waiting */
#define SETTLE_TIME   SEC(5)    /* between two changes for speed */
#define MIN_GAIN      MSEC(2)

enum { DEAD_UNANSWERED = 5 };

void path_choice_switch(struct path_set *s, struct path_slot *to, instant now, bool announce)
{
    for (unsigned i = 0; i < PATH_SET_MAX; i++) {
        s->slot[i].follow = false;
        s->slot[i].moved = 0;
    }
    s->current = (unsigned)(to - s->slot);
    s->switched = true;
    s->switched_at = now;
    s->announce = announce;
    s->suspect = false;
    s->kicked_at = 0;
    s->waiting_since = now;
    path_table_ping_by(to, now); /* shows the other side where we are */
}

bool path_choice_has_moved(struct path_set *s, const struct path_slot *p)
{
    return p->moved > path_table_current(s)->heard;
}

void path_choice_current_lives(struct path_set *s, instant now)
{
    s->waiting_since = now;
    s->suspect = false;
    s->kicked_at = 0;
}

static instant kick_ends(const struct path_set *s)
{
    return s->kicked_at + KICK_GRACE + 3 * s->slot[s->current].rtt;
}

void path_choice_doubt(struct path_set *s, instant now)
{
    s->kicked_at = now;
    s->choose_due = kick_ends(s);
}

static bool is_dead(const struct path_set *s, instant now)
{
    const struct path_slot *p = &s->slot[s->current];

    if (s->waiting && now >= s->waiting_since + DEAD_AFTER)
        return true;
    if (s->kicked_at > 0 && now >= kick_ends(s))
        return true;
    if (p->narrow)
        return true;
    /* Packets may come in while ours do not get out. */
    return s->speaks_probes && p->unanswered >= DEAD_UNANSWERED &&
           now >= p->asked_since + DEAD_AFTER;
}

/* Answered lately enough to be trusted with what the current path has lost. */
static bool is_refuge(const struct path_set *s, const struct path_slot *p)
{
    const struct path_slot *cur = &s->slot[s->current];
    instant since = s->suspect ? s->suspect_since : s->kicked_at;

    if (p == cur || p->state != PATH_GOOD || p->narrow || p->heard < since)
        return false;
    return p->full_size || !cur->narrow;
}

static bool is_better_refuge(const struct path_slot *p, const struct path_slot *than)
{
    if (!than || p->full_size != than->full_size)
        return !than || p->full_size;
    return p->rtt < than->rtt;
}

static void fall_back(struct path_set *s, instant now)
{
    struct path_slot *best = NULL;

    for (unsigned i = 0; i < PATH_SET_MAX; i++)
        if (is_refuge(s, &s->slot[i]) && is_better_refuge(&s->slot[i], best))
            best = &s->slot[i];
    if (!best)
        return;
    path_table_current(s)->state = PATH_SUSPECT;
    path_choice_switch(s, best, now, true);
}

/* The dialler alone changes for speed, or two sides would chase one another. */
static void look_for_faster(struct path_set *s, instant now)
{
    struct path_slot *cur = path_table_current(s), *best = cur;

    if (s->role != PATH_DIALLER || cur->samples < PATH_SAMPLES ||
        now < s->switched_at + SETTLE_TIME)
        return;
    for (unsigned i = 0; i < PATH_SET_MAX; i++) {
        struct path_slot *p = &s->slot[i];
        if (p->state == PATH_GOOD && p->full_size && p->samples >= PATH_SAMPLES &&
            p->rtt < best->rtt)
            best = p;
    }
    instant gain = cur->rtt / 5 > MIN_GAIN ? cur->rtt / 5 : MIN_GAIN;
    if (best->rtt + gain < cur->rtt)
        path_choice_switch(s, best, now, true);
}

static void become_suspect(struct path_set *s, instant now)
{
    s->suspect = true;
    s->suspect_since = now;
    s->choose_due = s->waiting_since + DEAD_AFTER;
    path_table_current(s)->path.local = (struct addr){0}; /* maybe an address that we lost */
    for (unsigned i = 0; i < PATH_SET_MAX; i++)
        if (s->slot[i].state == PATH_GOOD || s->slot[i].state == PATH_SUSPECT)
            path_table_ping_by(&s->slot[i], now);
}

void path_choice_run(struct path_set *s, instant now)
{
    if (s->waiting && !s->suspect && now >= s->waiting_since + SUSPECT_AFTER)
        become_suspect(s, now); /* perhaps so late that what follows is due as well */
    if (now >= s->choose_due)
        s->choose_due = INSTANT_NEVER;
    if (is_dead(s, now))
        fall_back(s, now);
    else if (!s->suspect)
        look_for_faster(s, now);
}

instant path_choice_deadline(const struct path_set *s)
{
    if (!s->waiting || s->suspect)
        return s->choose_due;
    instant suspect = s->waiting_since + SUSPECT_AFTER;
    return suspect < s->choose_due ? suspect : s->choose_due;
}
