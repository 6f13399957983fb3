/* Block scan: a NAT that takes its ports from a block is shown so many sockets that of the ports
 * around those that were seen, every few is open. Shown with a low hop limit until the search comes
 * through, so that nothing reaches the other router unasked (opener.c). */
#include "gateway/punch/strategy.h"

#define SOCKETS      64        /* connectivity.md 4.6 */
#define SEARCH_AFTER MSEC(600) /* when they are all shown */
#define SEARCH_EVERY MSEC(6)
#define GUESSES      320
#define MARGIN       512 /* ports beside the span of those that were seen */

static void begin(struct punch *p)
{
    if (p->run.role == PUNCH_SHOWS)
        punch_take_sockets(p, SOCKETS);
    else if (p->run.role == PUNCH_SEARCHES)
        p->run.due += SEARCH_AFTER;
    else
        p->run.due = INSTANT_NEVER;
}

static bool show(struct punch *p, struct punch_send *out)
{
    struct punch_run *r = &p->run;
    if (r->sent >= r->sockets) {
        r->due = INSTANT_NEVER;
        return false;
    }
    p->mappings++;
    const struct punch_send probe = {.socket = r->first + r->sent++, .ttl = punch_ttl(p)};
    return punch_send_guess(p, &probe, addr_port(&p->around), out);
}

/* Outwards from the newest port: the nearer, the surer it is of the same block. 0: no more. */
static uint16_t next_port(struct punch *p)
{
    struct punch_run *r = &p->run;
    int last = punch_last_port(p);
    int reach = p->options.theirs.span + MARGIN;

    while ((int)(r->pass / 2) < reach) {
        int away = (int)(r->pass / 2) + 1;
        int port = r->pass % 2 == 0 ? last + away : last - away;
        r->pass++;
        if (port > 0 && port <= UINT16_MAX && punch_guess_port(p, (uint16_t)port))
            return (uint16_t)port;
    }
    return 0;
}

static bool search(struct punch *p, instant now, struct punch_send *out)
{
    struct punch_run *r = &p->run;
    uint16_t port = r->sent < GUESSES ? next_port(p) : 0;
    if (port == 0) {
        /* One of them may have poisoned our router: what follows goes from another socket. */
        punch_take_sockets(p, 1);
        punch_tell(p);
        r->due = INSTANT_NEVER;
        return false;
    }
    r->sent++;
    r->due = now + SEARCH_EVERY;
    return punch_send_guess(p, &(struct punch_send){.socket = p->told}, port, out);
}

static bool output(struct punch *p, instant now, struct punch_send *out)
{
    return p->run.role == PUNCH_SHOWS ? show(p, out) : search(p, now, out);
}

const struct punch_strategy punch_block = {begin, output};
