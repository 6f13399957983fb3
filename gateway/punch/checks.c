/* Checks: probes from the same port that the openers left by, again and again in case they get
 * lost or the peer is late. Where the peer has been heard from is answered before anything else. */
#include "gateway/punch/strategy.h"

#define HALF_RTT_MAX SEC(1) /* a peer cannot make us wait by a slow relay */

/* connectivity.md 4.5 */
static const instant SCHEDULE[] = {0,         MSEC(33),  MSEC(66),   MSEC(133),
                                   MSEC(266), MSEC(533), MSEC(1000), MSEC(2000)};
static const instant ANSWERS[PUNCH_LEARNT_SENDS] = {0, MSEC(33), MSEC(133), MSEC(533)};

#define CHECKS (sizeof(SCHEDULE) / sizeof(SCHEDULE[0]))

instant punch_checks_start(const struct punch *p, instant now)
{
    if (now > p->began || p->options.controller)
        return now + PUNCH_CHECKS_AFTER;
    instant half = p->options.rtt / 2;
    return now + PUNCH_CHECKS_AFTER + (half < HALF_RTT_MAX ? half : HALF_RTT_MAX);
}

/* Of all sources at this address together: the peer may have found several of our sockets. */
static unsigned answers_to(const struct punch *p, const struct addr *a)
{
    unsigned sent = 0;
    for (unsigned i = 0; i < p->learnts; i++)
        sent += addr_equal(&p->learnt[i].addr, a) ? p->learnt[i].sent : 0;
    return sent;
}

static instant answer_due(const struct punch *p, const struct punch_target *t)
{
    if (t->step >= PUNCH_LEARNT_SENDS || answers_to(p, &t->addr) >= PUNCH_LEARNT_SENDS)
        return INSTANT_NEVER;
    return t->start + ANSWERS[t->step];
}

static instant check_due(const struct punch_target *t)
{
    return t->step < CHECKS ? t->start + SCHEDULE[t->step] : INSTANT_NEVER;
}

instant punch_checks_due(const struct punch *p)
{
    instant due = INSTANT_NEVER;
    for (unsigned i = 0; i < p->learnts; i++) {
        instant t = answer_due(p, &p->learnt[i]);
        due = t < due ? t : due;
    }
    for (unsigned i = 0; i < p->candidates; i++) {
        instant t = check_due(&p->candidate[i]);
        due = t < due ? t : due;
    }
    return due;
}

static bool answer(struct punch *p, instant now, struct punch_send *out)
{
    for (unsigned i = 0; i < p->learnts; i++) {
        struct punch_target *t = &p->learnt[i];
        if (answer_due(p, t) > now)
            continue;
        bool new = !t->opened;
        t->opened = true;
        t->step++;
        return punch_send_check(p, t, t->socket, new, out);
    }
    return false;
}

static bool goes_before(const struct punch_target *a, const struct punch_target *b)
{
    instant a_due = check_due(a), b_due = check_due(b);
    return a_due != b_due ? a_due < b_due : a->rank < b->rank;
}

bool punch_checks_output(struct punch *p, instant now, struct punch_send *out)
{
    if (answer(p, now, out))
        return true;
    struct punch_target *next = NULL;
    for (unsigned i = 0; i < p->candidates; i++) {
        struct punch_target *t = &p->candidate[i];
        if (check_due(t) <= now && (!next || goes_before(t, next)))
            next = t;
    }
    if (!next)
        return false;
    next->step++;
    return punch_send_check(p, next, next->socket, false, out);
}
