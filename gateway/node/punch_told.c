/* What peers say about where they are, and how much of that is believed. */
#include "gateway/node/punch_effort.h"

static bool is_ours(const struct effort *e, const struct addr *a)
{
    for (size_t i = 0; i < e->told_count; i++)
        if (e->told[i].type != CANDIDATE_HOST && e->told[i].type != CANDIDATE_RELAYED &&
            e->told[i].type != CANDIDATE_TCP && addr_same_ip(&e->told[i].addr, a))
            return true;
    return false;
}

static void remember(struct effort *e, const struct candidate *c)
{
    for (size_t i = 0; i < e->named_count; i++)
        if (addr_equal(&e->named[i].addr, &c->addr) &&
            (e->named[i].type == CANDIDATE_TCP) == (c->type == CANDIDATE_TCP))
            return;
    if (e->named_count < CANDIDATES_MAX)
        e->named[e->named_count++] = *c;
}

void effort_take_candidates(struct effort *e, instant now, const struct punch_message *m)
{
    struct addr own[CANDIDATES_MAX];
    bool same_public = false;

    for (size_t i = 0; i < e->told_count; i++) {
        own[i] = e->told[i].addr;
        if (e->told[i].type == CANDIDATE_HOST)
            addr_set_port(&own[i], 0); /* whatever listens on this machine */
    }
    /* A way through a TURN server is no end of the round (gateway/node/turn_far.h). */
    for (size_t i = 0; i < m->candidates; i++)
        if (m->candidate[i].type != CANDIDATE_RELAYED)
            remember(e, &m->candidate[i]);
    for (size_t i = 0; i < e->named_count; i++)
        if (e->named[i].type != CANDIDATE_HOST && e->named[i].type != CANDIDATE_TCP &&
            is_ours(e, &e->named[i].addr))
            same_public = true;
    for (size_t i = 0; i < e->named_count; i++) {
        const struct addr *a = &e->named[i].addr;
        bool shares = same_public || gather_is_near(e->means->gather, a);
        if (punch_may_probe(a, own, e->told_count, shares) &&
            gather_may_be_peer(e->means->gather, a))
            punch_add(e->running->core, now, &e->named[i]);
    }
}
