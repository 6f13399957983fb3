#include "gateway/punch/strategy.h"

#define FIRST_PORT 1024
#define PORTS      (65536 - FIRST_PORT)

enum punch_role punch_role_of(const struct punch *p, enum punch_way way)
{
    const struct punch_options *o = &p->options;
    return punch_role_in(way, o->controller, &o->ours, &o->theirs);
}

/* Best first: where a NAT's own address shows. An interface's address is not the NAT's. */
static const enum candidate_type by_type[] = {CANDIDATE_REFLEXIVE, CANDIDATE_PEER, CANDIDATE_MAPPED,
                                              CANDIDATE_CONFIGURED};

static const struct addr *first_of_type(const struct punch *p, enum candidate_type type)
{
    for (unsigned i = 0; i < p->candidates; i++)
        if (p->candidate[i].type == type && !addr_is_v6(&p->candidate[i].addr))
            return &p->candidate[i].addr;
    return NULL;
}

/* What is named while the round runs is the address of the socket that the peer sends from now. */
static const struct addr *newest(const struct punch *p)
{
    for (unsigned i = p->candidates; i-- > 0;) {
        const struct punch_target *t = &p->candidate[i];
        if (t->late && (t->type == CANDIDATE_REFLEXIVE || t->type == CANDIDATE_PEER) &&
            addr_same_ip(&t->addr, &p->around))
            return &t->addr;
    }
    return NULL;
}

bool punch_find_around(struct punch *p)
{
    const struct addr *a = NULL;
    for (unsigned i = 0; addr_is_none(&p->around) && i < sizeof(by_type) / sizeof(*by_type); i++)
        if ((a = first_of_type(p, by_type[i])))
            p->around = *a;
    if ((a = newest(p)))
        p->around = *a;
    return !addr_is_none(&p->around);
}

uint16_t punch_last_port(const struct punch *p)
{
    uint16_t last = p->options.theirs.last_port;
    return last != 0 ? last : addr_port(&p->around);
}

uint16_t punch_port_after(const struct punch *p, unsigned n)
{
    int delta = p->options.theirs.delta != 0 ? p->options.theirs.delta : 1;
    long at = (punch_last_port(p) - FIRST_PORT + (long)delta * (long)n) % PORTS;
    return (uint16_t)(FIRST_PORT + (at < 0 ? at + PORTS : at));
}

bool punch_guess_port(struct punch *p, uint16_t port)
{
    uint8_t *to = &p->guesses_to[port];
    if (port < FIRST_PORT || *to & PUNCH_GUESSED)
        return false;
    *to |= PUNCH_GUESSED;
    return true;
}
