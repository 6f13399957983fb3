#include "gateway/punch/strategy.h"

/* connectivity.md 4.3: where it could not be measured. */
#define TTL_USUAL 4
#define TTL_MAX   16

int punch_opener_ttl(const struct nat_facts *ours)
{
    uint8_t ttl = ours->opener_ttl;
    return ttl >= PUNCH_TTL_MIN && ttl <= TTL_MAX ? ttl : TTL_USUAL;
}

int punch_ttl(const struct punch *p)
{
    return punch_opener_ttl(&p->options.ours);
}

static void send_probe(struct punch *p, const struct addr *to, unsigned socket, int ttl, bool new,
                       struct punch_send *out)
{
    *out = (struct punch_send){.socket = socket, .to = *to, .ttl = ttl};
    p->mappings += new && !addr_is_v6(to);
}

bool punch_send_check(struct punch *p, struct punch_target *t, unsigned socket, bool new,
                      struct punch_send *out)
{
    if (t->sent >= PUNCH_CANDIDATE_SENDS)
        return false;
    t->sent++;
    send_probe(p, &t->addr, socket, 0, new, out);
    return true;
}

void punch_send_opener(struct punch *p, const struct addr *to, unsigned socket, bool new,
                       struct punch_send *out)
{
    send_probe(p, to, socket, punch_ttl(p), new, out);
}

void punch_take_sockets(struct punch *p, unsigned count)
{
    unsigned left = PUNCH_SOCKETS_MAX - p->sockets;
    p->run.first = p->sockets + 1;
    p->run.sockets = count < left ? count : left;
    p->sockets += p->run.sockets;
    if (p->run.sockets == 0)
        p->run.due = INSTANT_NEVER;
}

void punch_tell(struct punch *p)
{
    if (p->run.sockets == 0)
        return;
    p->told = p->run.first;
    for (size_t i = 0; i < sizeof(p->guesses_to); i++) /* to their NAT they are new guesses */
        p->guesses_to[i] &= (uint8_t)~PUNCH_GUESSED;
}

bool punch_send_guess(struct punch *p, const struct punch_send *probe, uint16_t port,
                      struct punch_send *out)
{
    uint8_t *to = &p->guesses_to[port];
    if (p->guesses >= PUNCH_GUESSES_MAX)
        return false;
    if (probe->ttl == 0 && (*to & ~PUNCH_GUESSED) >= PUNCH_GUESS_SENDS)
        return false;
    *to = (uint8_t)(*to + (probe->ttl == 0));
    p->guesses++;
    *out = *probe;
    out->to = p->around;
    addr_set_port(&out->to, port);
    return true;
}
