#include "gateway/punch/meeting.h"

void meeting_begin(struct meeting *m, instant now, instant meet, instant until, bool at_once)
{
    m->meet = meet > now + MEETING_DIAL_AFTER ? meet : now + MEETING_DIAL_AFTER;
    m->until = until;
    m->open = now;
    m->dial = at_once ? now + MEETING_DIAL_AFTER : m->meet;
    m->dials = 0;
}

/* The second is for the moment that both know, if that is still to come. */
static void plan_dial(struct meeting *m, instant now)
{
    m->dials++;
    if (m->dials == MEETING_DIALS)
        m->dial = INSTANT_NEVER;
    else
        m->dial = now < m->meet ? m->meet : now + MEETING_DIAL_EVERY;
}

enum meeting_step meeting_next(struct meeting *m, instant now)
{
    if (now >= m->until)
        return MEETING_OVER;
    if (now >= m->open) {
        m->open = now + MEETING_OPEN_EVERY;
        return MEETING_OPEN;
    }
    if (now >= m->dial) {
        plan_dial(m, now);
        return MEETING_DIAL;
    }
    return MEETING_WAIT;
}

instant meeting_due(const struct meeting *m)
{
    instant due = m->open < m->dial ? m->open : m->dial;
    return due < m->until ? due : m->until;
}
