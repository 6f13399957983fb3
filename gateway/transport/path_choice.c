#include "gateway/transport/path_choice.h"

#include <stddef.h>

#include "gateway/transport/path_watch.h"

#define MIN_GAIN    MSEC(5)  /* and a tenth */
#define V6_BONUS    MSEC(3)  /* an IPv6 path has mostly no NAT on the way that may forget it */
#define SETTLE_MAX  SEC(300) /* between two changes for speed; */
#define SETTLE_MORE 4        /* each makes the time before the next so much longer */
#define STABLE_TIME SEC(60)  /* a path that was used for so long was no mistake */
#define HOLD_FIRST  SEC(5)   /* before one that was is used again; doubled each time */
#define REST_AFTER  SEC(300) /* without data */

#define ONE_TIME    SEC(2) /* round trips measured so close to one another can be compared */
#define AGAIN_AFTER SEC(1)

enum { BETTER_TIMES = 2, FALLS_MAX = 6 };

/* ---- changing ---- */

/* With `announce` the decision is ours, and the other side is told to follow. */
static void go(struct path_set *s, struct path_slot *to, instant now, bool announce)
{
    struct path_slot *from = path_table_current(s);

    for (unsigned i = 0; i < PATH_SET_MAX; i++) {
        s->slot[i].follow = false;
        s->slot[i].moved = 0;
        s->slot[i].better = 0;
    }
    enum path_tier here = path_tier(&from->path), there = path_tier(&to->path);
    s->came_down = there > here || (there == here && s->came_down && s->announce);
    s->current = (unsigned)(to - s->slot);
    s->switched = true;
    s->switched_at = now;
    s->announce = announce;
    path_table_forget_size(s);
    path_watch_lives(s, now);
    path_table_ping_by(to, now); /* shows the other side where we are */
    if (from->gone)
        path_table_drop(from);
}

/* The current path is not good enough any more. It has to prove everything anew. */
static void give_up_current(struct path_set *s, instant now)
{
    struct path_slot *p = path_table_current(s);

    if (now >= s->switched_at + STABLE_TIME)
        p->falls = 0;
    else if (p->falls < FALLS_MAX)
        p->falls++;
    p->hold = p->falls > 0 ? now + (HOLD_FIRST << (p->falls - 1)) : now;
    p->state = PATH_SUSPECT;
    p->full_size = false;
    p->full_tries = p->unanswered = 0;
    path_table_ping_by(p, now);
}

bool path_choice_has_moved(struct path_set *s, const struct path_slot *p)
{
    return p->moved > path_table_current(s)->heard;
}

void path_choice_follow(struct path_set *s, struct path_slot *p, instant now)
{
    struct path_slot *cur = path_table_current(s);
    enum path_tier here = path_tier(&cur->path), there = path_tier(&p->path);

    if (p == cur || p->state != PATH_GOOD || p->gone)
        return;
    if (there == here && (p->follow || path_choice_has_moved(s, p))) {
        go(s, p, now, false);
    } else if (there > here && p->follow && p->down) {
        give_up_current(s, now);
        go(s, p, now, false);
    } /* what is better we find out ourselves */
}

/* ---- falling back ---- */

/* Less is better. */
static instant score(const struct path_slot *p)
{
    return p->rtt + (addr_is_v6(&p->path.remote) ? 0 : V6_BONUS);
}

static bool is_better_refuge(const struct path_slot *p, const struct path_slot *than)
{
    if (!than || p->full_size != than->full_size)
        return !than || p->full_size;
    if (path_tier(&p->path) != path_tier(&than->path))
        return path_tier(&p->path) < path_tier(&than->path);
    return score(p) < score(than);
}

/* Answered lately enough to be trusted with what the current path has lost. */
static bool is_refuge(const struct path_set *s, const struct path_slot *p)
{
    const struct path_slot *cur = &s->slot[s->current];

    if (p == cur || p->state != PATH_GOOD || p->narrow || p->gone)
        return false;
    return p->answered >= path_watch_since(s) && (p->full_size || !cur->narrow);
}

static void fall_back(struct path_set *s, instant now)
{
    struct path_slot *best = NULL;

    for (unsigned i = 0; i < PATH_SET_MAX; i++)
        if (is_refuge(s, &s->slot[i]) && is_better_refuge(&s->slot[i], best))
            best = &s->slot[i];
    if (!best)
        return;
    give_up_current(s, now);
    go(s, best, now, true);
}

/* ---- better ones ---- */

static bool is_sound(const struct path_slot *p)
{
    return p->state == PATH_GOOD && p->full_size && !p->gone;
}

static void look_up(struct path_set *s, instant now)
{
    struct path_slot *cur = path_table_current(s), *best = cur;

    for (unsigned i = 0; i < PATH_SET_MAX; i++) {
        struct path_slot *p = &s->slot[i];
        enum path_tier tier = path_tier(&p->path), least = path_tier(&best->path);
        if (!is_sound(p) || now < p->hold || tier > least || tier == path_tier(&cur->path))
            continue;
        if (tier < least || score(p) < score(best))
            best = p;
    }
    if (best != cur)
        go(s, best, now, true);
}

/* What was measured at different times says more of the load than of the paths. Each measurement of
 * the other path counts once. */
static void compare(const struct path_slot *cur, struct path_slot *p, instant now)
{
    instant gain = cur->last / 10 > MIN_GAIN ? cur->last / 10 : MIN_GAIN;
    instant bonus = addr_is_v6(&p->path.remote) && !addr_is_v6(&cur->path.remote) ? V6_BONUS : 0;
    instant malus = addr_is_v6(&cur->path.remote) && !addr_is_v6(&p->path.remote) ? V6_BONUS : 0;

    p->compared = p->answered;
    if (p->last + malus + gain > cur->last + bonus) {
        p->better = 0;
        return;
    }
    if (++p->better >= BETTER_TIMES)
        p->better = BETTER_TIMES;
    else
        path_table_ping_by(p, now + AGAIN_AFTER);
}

static bool are_of_one_time(const struct path_slot *a, const struct path_slot *b)
{
    instant apart =
        a->answered > b->answered ? a->answered - b->answered : b->answered - a->answered;
    return a->samples > 0 && b->samples > 0 && apart <= ONE_TIME;
}

static bool is_comparable(const struct path_set *s, const struct path_slot *p)
{
    const struct path_slot *cur = &s->slot[s->current];
    return s->role == PATH_DIALLER && p != cur && p->state == PATH_GOOD &&
           path_tier(&p->path) == path_tier(&cur->path) && p->compared != p->answered;
}

void path_choice_compare(struct path_set *s, struct path_slot *p, instant now)
{
    struct path_slot *cur = path_table_current(s);

    if (is_comparable(s, p) && !are_of_one_time(cur, p))
        path_table_ping_by(cur, now);
    for (unsigned i = 0; i < PATH_SET_MAX; i++) {
        struct path_slot *other = &s->slot[i];
        if (is_comparable(s, other) && are_of_one_time(cur, other))
            compare(cur, other, now);
    }
}

/* The dialler alone changes for speed, or two sides would chase one another. */
static void look_for_faster(struct path_set *s, instant now)
{
    struct path_slot *best = NULL;

    if (s->role != PATH_DIALLER || s->suspect || now < s->switched_at + s->settle)
        return;
    for (unsigned i = 0; i < PATH_SET_MAX; i++) {
        struct path_slot *p = &s->slot[i];
        if (p->better < BETTER_TIMES || !is_sound(p) || now < p->hold)
            continue;
        if (!best || score(p) < score(best))
            best = p;
    }
    if (!best)
        return;
    go(s, best, now, true);
    s->settle = s->settle < SETTLE_MAX / SETTLE_MORE ? s->settle * SETTLE_MORE : SETTLE_MAX;
}

/* ---- rest ---- */

static struct path_slot *find_relay(struct path_set *s, instant since)
{
    struct path_slot *best = NULL;

    for (unsigned i = 0; i < PATH_SET_MAX; i++) {
        struct path_slot *p = &s->slot[i];
        bool lives = p->state == PATH_GOOD || p->state == PATH_SUSPECT;
        if (!lives || p->gone || p->narrow || p->samples == 0 || path_is_direct(&p->path) ||
            p->answered < since)
            continue;
        if (!best || score(p) < score(best))
            best = p;
    }
    return best;
}

static void give_up_direct(struct path_set *s)
{
    for (unsigned i = 0; i < PATH_SET_MAX; i++) {
        struct path_slot *p = &s->slot[i];
        if (p->state == PATH_EMPTY || !path_is_direct(&p->path))
            continue;
        p->state = PATH_FAILED;
        p->full_size = false;
        p->ping_due = INSTANT_NEVER;
    }
}

static void rest(struct path_set *s, instant now)
{
    if (s->resting || now < s->active + REST_AFTER)
        return;
    struct path_slot *cur = path_table_current(s);
    if (!path_is_direct(&cur->path)) {
        s->resting = true;
        return;
    }
    struct path_slot *relay = find_relay(s, s->rest_since);
    if (!relay)
        return;
    if (s->rest_since == 0) { /* it may have been silent for long, too */
        s->rest_since = now;
        path_table_ping_by(relay, now);
        return;
    }
    s->resting = true;
    go(s, relay, now, true);
    give_up_direct(s);
}

void path_choice_wake(struct path_set *s, instant now)
{
    s->rest_since = 0;
    if (!s->resting)
        return;
    s->resting = false;
    s->woken = true;
    path_table_revive_all(s, now);
}

/* ---- when ---- */

void path_choice_plan(struct path_set *s, instant now)
{
    instant due = path_watch_next(s, now);
    instant at[2] = {s->switched_at + s->settle, s->active + REST_AFTER};

    for (unsigned i = 0; i < 2; i++)
        if (at[i] > now && at[i] < due)
            due = at[i];
    for (unsigned i = 0; i < PATH_SET_MAX; i++) {
        const struct path_slot *p = &s->slot[i];
        if (p->state == PATH_GOOD && p->hold > now && p->hold < due)
            due = p->hold;
    }
    s->choose_due = due;
}

void path_choice_run(struct path_set *s, instant now)
{
    path_watch_run(s, now);
    if (path_watch_is_dead(s, now))
        fall_back(s, now);
    if (!s->resting)
        look_up(s, now);
    look_for_faster(s, now);
    rest(s, now);
    path_choice_plan(s, now);
}

instant path_choice_deadline(const struct path_set *s)
{
    return s->choose_due;
}
