#include "gateway/transport/path_size.h"

#include "gateway/transport/path_ping.h"
#include "gateway/transport/path_watch.h"

#define CHECK_EVERY SEC(1)
#define RETRY_AFTER MSEC(200)
#define RAISE_AFTER SEC(600) /* RFC 8899 §5.1.1: PMTU_RAISE_TIMER */

enum { TRIES = 4, SIZES = sizeof(PATH_SIZES) / sizeof(PATH_SIZES[0]) };

static size_t size_of(unsigned rung)
{
    return rung == 0 ? PROBE_FULL : PATH_SIZES[rung - 1];
}

/* A path that carries less than it should, or by way of others, is not tried. */
static bool is_fit(const struct path_set *s)
{
    const struct path_slot *p = &s->slot[s->current];
    return s->speaks_probes && p->state == PATH_GOOD && p->path.kind == PATH_UDP &&
           path_is_direct(&p->path) && p->samples > 0 && p->full_size && !p->gone;
}

size_t path_size_now(const struct path_set *s)
{
    return size_of(s->size.proven);
}

/* ---- asking ---- */

static void ask(struct path_set *s, instant now, unsigned rung)
{
    struct path_size *z = &s->size;

    z->asked = (uint8_t)rung;
    z->tries = 0;
    z->asked_at = z->due = now;
    s->random(s->arg, &z->challenge, sizeof(z->challenge));
}

/* The next size up if it may pass, or else the proven one again, which comes first whenever the
 * last one asked did not pass. */
static void begin(struct path_set *s, instant now)
{
    struct path_size *z = &s->size;

    if (z->asked > 0 || now < z->next || !is_fit(s))
        return;
    if (now >= z->raise_at)
        z->failed = 0;
    unsigned up = z->proven + 1u, limit = z->failed > 0 ? z->failed - 1u : SIZES;
    bool climbs = up <= limit && (z->proven == 0 || z->passed);
    z->passed = false;
    if (climbs || z->proven > 0)
        ask(s, now, climbs ? up : z->proven);
}

/* It does not pass; or nothing does at the moment, which says nothing of its size. */
static void fail(struct path_set *s, instant now, bool for_its_size)
{
    struct path_size *z = &s->size;

    if (for_its_size) {
        z->failed = z->asked;
        z->raise_at = now + RAISE_AFTER;
    }
    bool larger = z->asked > z->proven;
    if (!larger) {
        z->proven = 0;
        z->shrunk = true;
    }
    z->asked = 0;
    z->next = larger && z->proven > 0 ? now : now + CHECK_EVERY;
}

bool path_size_answered(struct path_set *s, instant now, uint64_t challenge)
{
    struct path_size *z = &s->size;

    if (z->asked == 0 || z->tries == 0 || challenge != z->challenge)
        return false;
    bool larger = z->asked > z->proven;
    z->proven = z->asked;
    z->passed = true;
    z->asked = 0;
    z->next = larger ? now : now + CHECK_EVERY;
    path_watch_lives(s, now);
    return true;
}

/* ---- what happens ---- */

void path_size_busy(struct path_set *s, instant now)
{
    begin(s, now);
}

void path_size_refused(struct path_set *s, instant now, size_t len)
{
    struct path_size *z = &s->size;

    if (z->asked > 0 && len == size_of(z->asked)) {
        fail(s, now, true);
    } else if (z->proven > 0 && len > PROBE_FULL) {
        z->asked = z->proven;
        fail(s, now, true);
    }
}

/* ---- when ---- */

/* Packets have been on their way all the time for so long: is it for their size? */
static instant check_due(const struct path_set *s)
{
    const struct path_size *z = &s->size;
    instant due = z->since + CHECK_EVERY;

    if (!s->waiting || z->proven == 0 || !is_fit(s))
        return INSTANT_NEVER;
    return due > z->next ? due : z->next;
}

instant path_size_deadline(const struct path_set *s)
{
    return s->size.asked > 0 ? s->size.due : check_due(s);
}

size_t path_size_write(struct path_set *s, instant now, uint8_t *out)
{
    struct path_size *z = &s->size;
    const struct path_slot *p = path_table_current(s);

    if (z->asked > 0 && now >= z->due && (z->tries >= TRIES || !is_fit(s)))
        fail(s, now, is_fit(s) && p->heard > z->asked_at);
    if (z->asked == 0 && now >= check_due(s))
        begin(s, now);
    if (z->asked == 0 || now < z->due)
        return 0;
    z->tries++;
    z->due = now + (s->pto > RETRY_AFTER ? s->pto : RETRY_AFTER);
    return path_ping_of_size(s, p, z->challenge, size_of(z->asked), out);
}
