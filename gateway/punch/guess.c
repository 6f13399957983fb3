#include "gateway/punch/strategy.h"

#define FIRST_PORT 1024
#define PORTS      (65536 - FIRST_PORT)

/* The mapping of a symmetric NAT is for one destination, so its port has to be guessed. */
static bool is_symmetric(enum nat_class class)
{
    return class == NAT_SEQUENTIAL || class == NAT_BLOCK || class == NAT_RANDOM;
}

/* Best first: where a NAT's own address shows. An interface's address is not the NAT's. */
static const enum candidate_type BY_TYPE[] = {CANDIDATE_REFLEXIVE, CANDIDATE_PEER, CANDIDATE_MAPPED,
                                              CANDIDATE_CONFIGURED};

enum punch_role punch_role_of(const struct punch *p)
{
    bool ours = is_symmetric(p->options.ours.class);
    bool theirs = is_symmetric(p->options.theirs.class);
    if (ours)
        return theirs ? PUNCH_BOTH : PUNCH_SHOWS;
    return theirs ? PUNCH_SEARCHES : PUNCH_IDLE;
}

/* The newest: of several sockets it is the one that the peer sends from now. */
static const struct addr *newest_of_type(const struct punch *p, enum candidate_type type)
{
    for (unsigned i = p->candidates; i-- > 0;) {
        const struct addr *a = &p->candidate[i].addr;
        if (p->candidate[i].type == type && !addr_is_v6(a) &&
            (addr_is_none(&p->around) || addr_same_ip(&p->around, a)))
            return a;
    }
    return NULL;
}

bool punch_find_around(struct punch *p)
{
    for (unsigned i = 0; i < sizeof(BY_TYPE) / sizeof(BY_TYPE[0]); i++) {
        const struct addr *a = newest_of_type(p, BY_TYPE[i]);
        if (!a)
            continue;
        p->around = *a;
        return true;
    }
    return false;
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
    uint8_t bit = (uint8_t)(1u << port % 8);
    if (port < FIRST_PORT || p->guessed[port / 8] & bit)
        return false;
    p->guessed[port / 8] |= bit;
    return true;
}
