/* Birthday: a NAT with random ports is shown as many sockets as we may, the other side tries random
 * ports, each once. With 256 sockets 175 tries find one of two times, 577 nine of ten, 977 98 of
 * 100 (connectivity.md 4.6). Shown with a low hop limit until the search comes through (opener.c).
 */
#include "gateway/punch/strategy.h"

#define FIRST_PORT    1024
#define REFRESH_EVERY MSEC(40)   /* one socket: each about every ten seconds */
#define SEARCH_AFTER  MSEC(1600) /* when they are all shown: a port is not tried twice */
#define SEARCH_EVERY  MSEC(6)
#define MARGIN        512 /* ports beside the span of a block */
#define TURN          SEC(5)

static void begin_turn(struct punch *p)
{
    if (p->run.role == PUNCH_SHOWS)
        punch_take_sockets(p, PUNCH_SOCKETS_MAX); /* those of a block scan are open already */
    else if (p->run.role == PUNCH_SEARCHES)
        p->run.due += SEARCH_AFTER;
    else
        p->run.due = INSTANT_NEVER;
}

/* Which of two NATs is symmetric is not known where each has but one server to ask. First that of
 * who asked for the round is searched, then the other; half of the guesses for each still find nine
 * of ten. */
static void begin(struct punch *p)
{
    struct punch_run *r = &p->run;
    if (r->role == PUNCH_BOTH) {
        r->role = p->options.controller ? PUNCH_SHOWS : PUNCH_SEARCHES;
        r->turn = r->began + TURN;
        r->limit = (p->guesses + PUNCH_GUESSES_MAX) / 2;
    }
    begin_turn(p);
}

static void change_roles(struct punch *p)
{
    struct punch_run *r = &p->run;
    r->role = r->role == PUNCH_SHOWS ? PUNCH_SEARCHES : PUNCH_SHOWS;
    r->due = r->turn;
    r->turn = INSTANT_NEVER;
    r->limit = PUNCH_GUESSES_MAX;
    r->pass = r->sent = 0;
    begin_turn(p);
}

static bool show(struct punch *p, instant now, struct punch_send *out)
{
    struct punch_run *r = &p->run;
    unsigned socket = r->first + r->sent++;
    if (r->pass == 0)
        p->mappings++;
    if (r->sent >= r->sockets) {
        r->sent = 0;
        r->pass++;
    }
    r->due = r->pass == 0 ? now : now + REFRESH_EVERY;
    const struct punch_send probe = {.socket = socket, .ttl = punch_ttl(p)};
    if (p->guesses < r->limit && punch_send_guess(p, &probe, addr_port(&p->around), out))
        return true;
    r->due = INSTANT_NEVER;
    return false;
}

/* Every other one, if their NAT is said to keep to a block, from around there: what was tried there
 * before may have been in vain for another reason. */
static uint16_t random_port(struct punch *p)
{
    uint32_t chance[2];
    int reach = p->options.theirs.span + MARGIN;
    p->options.random(p->options.arg, chance, sizeof(chance));
    if (punch_taken_for(&p->options.theirs) != NAT_RANDOM && chance[0] % 2 == 0) {
        int port = punch_last_port(p) - reach + (int)(chance[1] % (2 * (unsigned)reach));
        if (port >= FIRST_PORT && port <= UINT16_MAX)
            return (uint16_t)port;
    }
    return (uint16_t)(FIRST_PORT + chance[1] % (65536 - FIRST_PORT));
}

static bool search(struct punch *p, instant now, struct punch_send *out)
{
    uint16_t port = random_port(p);
    while (!punch_guess_port(p, port)) /* there are many more ports than guesses */
        port = port == UINT16_MAX ? FIRST_PORT : (uint16_t)(port + 1);
    p->run.due = p->guesses < p->run.limit ? now + SEARCH_EVERY : INSTANT_NEVER;
    return punch_send_guess(p, &(struct punch_send){.socket = p->told}, port, out);
}

static bool output(struct punch *p, instant now, struct punch_send *out)
{
    struct punch_run *r = &p->run;
    if (now >= r->turn) {
        change_roles(p);
        return false;
    }
    bool sent = r->role == PUNCH_SHOWS ? show(p, now, out) : search(p, now, out);
    r->due = r->due < r->turn ? r->due : r->turn;
    return sent;
}

const struct punch_strategy punch_birthday = {begin, output};
