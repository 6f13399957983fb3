/* Openers: before anything else each candidate is sent a probe that dies between the two NATs. Ours
 * then has a mapping that lets the peer in, before anything of the peer's has come to it. A router
 * that takes what comes unasked for its own (Linux with an open INPUT chain) would keep that port
 * from us, and we would punch from another one, which the peer does not expect. */
#include "gateway/punch/strategy.h"

/* The index of the next candidate, or how many there are: none is left. */
static unsigned next_unopened(const struct punch *p)
{
    unsigned next = p->candidates;
    for (unsigned i = 0; i < p->candidates; i++)
        if (!p->candidate[i].opened &&
            (next == p->candidates || p->candidate[i].rank < p->candidate[next].rank))
            next = i;
    return next;
}

instant punch_opener_due(const struct punch *p)
{
    return next_unopened(p) < p->candidates ? p->began : INSTANT_NEVER;
}

/* A NAT that counts does so once for each destination. */
static bool is_new(const struct punch *p, const struct punch_target *t)
{
    const struct punch_options *o = &p->options;
    return t->socket != 0 || !o->has_mapping || !o->has_mapping(o->arg, &t->addr);
}

bool punch_opener_output(struct punch *p, struct punch_send *out)
{
    unsigned next = next_unopened(p);
    if (next == p->candidates)
        return false;
    struct punch_target *t = &p->candidate[next];
    t->opened = true;
    punch_send_opener(p, &t->addr, t->socket, is_new(p, t), out);
    return true;
}
