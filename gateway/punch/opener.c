/* Openers: before anything else each candidate is sent a probe that dies between the two NATs. Ours
 * then has a mapping that lets the peer in, before anything of the peer's has come to it. A router
 * that takes what comes unasked for its own (Linux with an open INPUT chain) would keep that port
 * from us, and we would punch from another one, which the peer does not expect. */
#include "gateway/punch/strategy.h"

static const struct punch_target *unopened(const struct punch *p)
{
    for (unsigned i = 0; i < p->candidates; i++)
        if (!p->candidate[i].opened)
            return &p->candidate[i];
    return NULL;
}

instant punch_opener_due(const struct punch *p)
{
    return unopened(p) ? p->began : INSTANT_NEVER;
}

bool punch_opener_output(struct punch *p, struct punch_send *out)
{
    for (unsigned i = 0; i < p->candidates; i++) {
        struct punch_target *t = &p->candidate[i];
        if (t->opened)
            continue;
        t->opened = true;
        punch_send_opener(p, &t->addr, t->socket, true, out);
        return true;
    }
    return false;
}
