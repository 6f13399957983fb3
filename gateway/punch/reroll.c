/* Re-roll: both sides start again with a fresh socket, at a port of which no router has a wrong
 * idea. The owner learns its public address and tells the other side, which then opens and checks
 * it as any candidate. Until they have surely done so, it only opens, with the smallest hop limit
 * that leaves our own router: the usual one may have been too much. */
#include "gateway/punch/strategy.h"

#define CHECKS_START MSEC(1000) /* a STUN round trip and a message through the relay */
#define CHECKS_EVERY MSEC(600)
#define CHECKS       2

static void begin(struct punch *p)
{
    punch_take_sockets(p, 1);
    punch_tell(p);
    p->run.targets = p->candidates;
}

static bool output(struct punch *p, instant now, struct punch_send *out)
{
    struct punch_run *r = &p->run;
    if (r->sent >= r->targets) {
        r->sent = 0;
        r->due =
            r->pass < CHECKS ? r->began + CHECKS_START + r->pass * CHECKS_EVERY : INSTANT_NEVER;
        r->pass++;
        if (r->targets == 0)
            r->due = INSTANT_NEVER;
        if (r->due > now)
            return false;
    }
    struct punch_target *t = &p->candidate[r->sent++];
    if (addr_is_v6(&t->addr))
        return false;
    if (r->pass > 0)
        return punch_send_check(p, t, r->first, false, out);
    punch_send_opener(p, &t->addr, r->first, true, out);
    out->ttl = PUNCH_TTL_MIN;
    return true;
}

const struct punch_strategy punch_reroll = {begin, output};
