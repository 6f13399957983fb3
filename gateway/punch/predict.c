/* Port prediction: a sequential NAT gives each destination the next port.
 *
 * One such NAT: it is shown a few new sockets, whose ports the other side reaches by sending to all
 * that may come next. It shows them with a low hop limit only: a probe that came to the other
 * router unasked might poison it (opener.c).
 *
 * Two of them: our n-th new mapping sends to their n-th port, and theirs likewise, so that each
 * sends from where the other sends to. Nobody has to know how many mappings the other has spent.
 * Each side does so from a fresh socket, each time: what an earlier round sent from an old one has
 * its mapping already. */
#include "gateway/punch/strategy.h"

#define PORTS        16 /* connectivity.md 4.6 */
#define SHOWN        4  /* sockets */
#define SHOWN_FOR    3  /* passes */
#define SHOWN_EVERY  MSEC(700)
#define SEARCH_AFTER MSEC(300) /* when they are surely shown */
#define SEARCH_EVERY MSEC(1200)
#define SEARCHES     2
#define BOTH_PASSES  3
#define BOTH_EVERY   MSEC(400)
#define BOTH_TRIES   2
#define BOTH_AGAIN   MSEC(1500)

static void begin(struct punch *p)
{
    struct punch_run *r = &p->run;
    switch (r->role) {
    case PUNCH_SHOWS:
        punch_take_sockets(p, SHOWN);
        break;
    case PUNCH_SEARCHES:
        r->due += SEARCH_AFTER;
        break;
    case PUNCH_BOTH:
        punch_take_sockets(p, 1);
        break;
    case PUNCH_IDLE:
        r->due = INSTANT_NEVER;
        break;
    }
}

/* The pass is through after `count` probes; there are `passes`, so far apart. */
static void count_sent(struct punch_run *r, unsigned count, unsigned passes, instant every)
{
    if (++r->sent < count)
        return;
    r->sent = 0;
    r->pass++;
    r->due = r->pass < passes ? r->due + every : INSTANT_NEVER;
}

static bool show(struct punch *p, struct punch_send *out)
{
    struct punch_run *r = &p->run;
    punch_send_opener(p, &p->around, r->first + r->sent, r->pass == 0, out);
    count_sent(r, r->sockets, SHOWN_FOR, SHOWN_EVERY);
    return true;
}

static bool search(struct punch *p, struct punch_send *out)
{
    struct punch_run *r = &p->run;
    /* From the farthest on: the nearest were spent on checks, and may have poisoned our router. To
     * touch such a port would move all that we send from then on to another one. */
    uint16_t port = punch_port_after(p, PORTS - r->sent);
    bool fits = punch_guess_port(p, port) || r->pass > 0;
    bool sent = fits && punch_send_guess(p, &(struct punch_send){.socket = p->told}, port, out);
    count_sent(r, PORTS, SEARCHES, SEARCH_EVERY);
    return sent;
}

/* Something else may have had our NAT make a mapping meanwhile: that is looked at, and all done
 * once more with the ports that follow. */
static void begin_again(struct punch *p)
{
    struct punch_run *r = &p->run;
    if (r->due != INSTANT_NEVER || ++r->tries == BOTH_TRIES)
        return;
    r->again = true;
    r->pass = 0;
    r->due = r->began + BOTH_AGAIN;
    p->look = r->began;
}

static bool both(struct punch *p, struct punch_send *out)
{
    struct punch_run *r = &p->run;
    if (r->again) {
        r->again = false;
        punch_take_sockets(p, 1);
        return false;
    }
    struct punch_send probe = {.socket = r->first, .ttl = r->pass == 0 ? punch_ttl(p) : 0};
    if (r->pass == 0) {
        p->mappings++;
        r->port[r->sent] = punch_port_after(p, p->mappings);
    }
    bool sent = punch_send_guess(p, &probe, r->port[r->sent], out);
    count_sent(r, PORTS, BOTH_PASSES, BOTH_EVERY);
    begin_again(p);
    return sent;
}

static bool output(struct punch *p, instant now, struct punch_send *out)
{
    (void)now;
    if (p->run.role == PUNCH_BOTH)
        return both(p, out);
    return p->run.role == PUNCH_SHOWS ? show(p, out) : search(p, out);
}

const struct punch_strategy punch_predict = {begin, output};
