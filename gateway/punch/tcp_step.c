/* TCP simultaneous open as one of a round's strategies. Both sides are told the same moment by the
 * plan: that of its step. */
#include "gateway/punch/strategy.h"

static void begin(struct punch *p)
{
    tcp_open_begin(&p->tcp, p->run.began);
    p->run.due = tcp_open_deadline(&p->tcp);
}

static bool output(struct punch *p, instant now, struct punch_send *out)
{
    struct addr to;
    bool again, any = tcp_open_output(&p->tcp, now, &to, &again);

    if (any)
        *out = (struct punch_send){.to = to, .tcp = true, .again = again};
    p->run.due = tcp_open_deadline(&p->tcp);
    return any;
}

const struct punch_strategy punch_tcp = {begin, output};
