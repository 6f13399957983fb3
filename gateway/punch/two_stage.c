/* Two stages, for where a hop limit does not keep openers from the other router: one side tells the
 * address of a fresh socket and keeps it silent; the other side's openers and checks to it are in
 * vain, but open its own router; then the silent one comes through. In the second stage the other
 * way round. */
#include "gateway/punch/strategy.h"

#define STAGE      SEC(3)
#define SILENT_FOR MSEC(1500)
#define EVERY      MSEC(600)
#define CHECKS     2

static void begin(struct punch *p)
{
    if (!p->options.controller)
        p->run.due += STAGE;
}

static bool output(struct punch *p, instant now, struct punch_send *out)
{
    struct punch_run *r = &p->run;
    if (r->sockets == 0) {
        r->due = now + SILENT_FOR;
        r->targets = p->candidates;
        punch_take_sockets(p, 1);
        punch_tell(p);
        return false;
    }
    if (r->sent >= r->targets) {
        r->sent = 0;
        r->due = ++r->pass < CHECKS && r->targets > 0 ? now + EVERY : INSTANT_NEVER;
        return false;
    }
    struct punch_target *t = &p->candidate[r->sent++];
    return !addr_is_v6(&t->addr) && punch_send_check(p, t, r->first, r->pass == 0, out);
}

const struct punch_strategy punch_two_stage = {begin, output};
