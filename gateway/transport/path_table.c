#include "gateway/transport/path_table.h"

/* Places that sources of packets hold together as long as they have proved nothing. */
#define HINTED_MAX 4

struct path_slot *path_table_current(struct path_set *s)
{
    return &s->slot[s->current];
}

struct path_slot *path_table_find(struct path_set *s, const struct path *path)
{
    for (unsigned i = 0; i < PATH_SET_MAX; i++)
        if (s->slot[i].state != PATH_EMPTY && path_equal(&s->slot[i].path, path))
            return &s->slot[i];
    return NULL;
}

/* How readily a place is given to another path. */
enum worth { NEVER, FOR_CANDIDATES, FOR_ALL, GLADLY, EMPTY };

static enum worth worth_of(const struct path_set *s, const struct path_slot *p)
{
    if (p == &s->slot[s->current])
        return NEVER;
    switch (p->state) {
    case PATH_EMPTY:
        return EMPTY;
    case PATH_FAILED: /* one that has worked may work again */
        return p->samples > 0 && !p->gone ? FOR_ALL : GLADLY;
    case PATH_CHECKED:
        return p->hinted ? FOR_ALL : NEVER;
    case PATH_SUSPECT:
        return FOR_CANDIDATES;
    case PATH_GOOD:
        return NEVER;
    }
    return NEVER;
}

static struct path_slot *take(struct path_set *s, const struct path *path, instant now,
                              enum worth least)
{
    struct path_slot *best = &s->slot[0];

    for (unsigned i = 1; i < PATH_SET_MAX; i++)
        if (worth_of(s, &s->slot[i]) > worth_of(s, best))
            best = &s->slot[i];
    if (worth_of(s, best) < least)
        return NULL;
    *best =
        (struct path_slot){.path = *path, .state = PATH_CHECKED, .ping_due = now, .urgent = true};
    return best;
}

struct path_slot *path_table_take(struct path_set *s, const struct path *path, instant now)
{
    return take(s, path, now, FOR_CANDIDATES);
}

struct path_slot *path_table_take_hinted(struct path_set *s, const struct path *path, instant now)
{
    struct path_slot *oldest = NULL;
    unsigned count = 0;

    for (unsigned i = 0; i < PATH_SET_MAX; i++) {
        struct path_slot *p = &s->slot[i];
        if (p->state != PATH_CHECKED || !p->hinted)
            continue;
        count++;
        if (!oldest || p->unanswered > oldest->unanswered)
            oldest = p;
    }
    if (oldest && count >= HINTED_MAX)
        *oldest = (struct path_slot){0};
    struct path_slot *p = take(s, path, now, FOR_ALL);
    if (p)
        p->hinted = true;
    return p;
}

void path_table_forget_size(struct path_set *s)
{
    s->size = (struct path_size){.since = s->size.since};
}

void path_table_drop(struct path_slot *p)
{
    *p = (struct path_slot){.ping_due = INSTANT_NEVER};
}

void path_table_revive(struct path_slot *p, instant now)
{
    p->state = PATH_CHECKED;
    p->unanswered = p->full_tries = 0;
    path_table_ping_by(p, now);
}

void path_table_revive_all(struct path_set *s, instant now)
{
    for (unsigned i = 0; i < PATH_SET_MAX; i++)
        if (s->slot[i].state == PATH_FAILED && s->slot[i].samples > 0)
            path_table_revive(&s->slot[i], now);
}

void path_table_ping_by(struct path_slot *p, instant due)
{
    p->urgent = true;
    if (due < p->ping_due)
        p->ping_due = due;
}
