/* A sequential NAT against one with a block of ports: the first spends mappings until the next has
 * a port that both can name; the other shows half its block to that port; one probe to any port of
 * the block then comes through every other time. Twice. */
#include "gateway/punch/strategy.h"

#define STAGES      2
#define STAGE       MSEC(3500)
#define SHOWN       240 /* of 512, which is the usual size: the household keeps some */
#define SPENT       40  /* mappings before the meeting port of the first stage, */
#define SPENT_MORE  8   /* and before that of the next */
#define SHOOT_AFTER MSEC(2000)
#define SHOTS       3 /* the same, in case one gets lost */
#define SHOOT_EVERY MSEC(300)
#define NEAR        16 /* ports beside the newest that are most likely of its block */

static unsigned meeting(unsigned stage)
{
    return SPENT + stage * SPENT_MORE;
}

static void begin(struct punch *p)
{
    struct punch_run *r = &p->run;
    if (r->role != PUNCH_BOTH) {
        r->due = INSTANT_NEVER;
        return;
    }
    r->role = p->options.ours.class == NAT_SEQUENTIAL ? PUNCH_SEARCHES : PUNCH_SHOWS;
    if (r->role == PUNCH_SHOWS)
        punch_take_sockets(p, SHOWN);
}

static bool show(struct punch *p, struct punch_send *out)
{
    struct punch_run *r = &p->run;
    if (r->sent >= r->sockets) {
        r->sent = 0;
        r->pass++;
        r->due = r->pass < STAGES ? r->began + r->pass * STAGE : INSTANT_NEVER;
        return false;
    }
    const struct punch_send probe = {.socket = r->first + r->sent++, .ttl = punch_ttl(p)};
    return punch_send_guess(p, &probe, punch_port_after(p, meeting(r->pass)), out);
}

static uint16_t near_port(struct punch *p)
{
    uint8_t chance;
    int last = punch_last_port(p);
    p->options.random(p->options.arg, &chance, sizeof(chance));
    int away = 1 + chance % NEAR;
    int port = chance & 0x80 ? last + away : last - away;
    return (uint16_t)(port < 1024 || port > UINT16_MAX ? last : port);
}

/* Ports that are of no use otherwise. */
static uint16_t waste_port(const struct punch *p)
{
    return (uint16_t)(2000 + p->mappings);
}

static bool spend(struct punch *p, struct punch_send *out)
{
    const struct punch_send probe = {.socket = 0, .ttl = punch_ttl(p)};
    uint16_t port = waste_port(p);
    p->mappings++;
    return punch_send_guess(p, &probe, port, out);
}

static bool shoot(struct punch *p, instant now, struct punch_send *out)
{
    struct punch_run *r = &p->run;
    if (r->sent == 0) {
        if (p->mappings + 1 != meeting(r->pass)) { /* missed: others came between */
            r->due = INSTANT_NEVER;
            return false;
        }
        r->port[0] = near_port(p);
        p->mappings++;
    }
    bool sent = punch_send_guess(p, &(struct punch_send){.socket = 0}, r->port[0], out);
    r->due = now + SHOOT_EVERY;
    if (++r->sent == SHOTS) {
        r->sent = 0;
        r->pass++;
        r->due = r->pass < STAGES ? r->began + r->pass * STAGE : INSTANT_NEVER;
    }
    return sent;
}

static bool search(struct punch *p, instant now, struct punch_send *out)
{
    struct punch_run *r = &p->run;
    instant shot = r->began + r->pass * STAGE + SHOOT_AFTER;
    if (now >= shot)
        return shoot(p, now, out);
    if (p->mappings + 1 < meeting(r->pass))
        return spend(p, out);
    r->due = shot;
    return false;
}

static bool output(struct punch *p, instant now, struct punch_send *out)
{
    return p->run.role == PUNCH_SHOWS ? show(p, out) : search(p, now, out);
}

const struct punch_strategy punch_meet = {begin, output};
