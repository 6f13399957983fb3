#include "tests/support/punch_pair.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/random.h"

#define MAIN_PORT   40000
#define INTERNET    8 /* hops between the routers */
#define TTL_DEFAULT 64
#define STUN_TAKES  MSEC(40)

static struct addr ip_of(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    const uint8_t ip[4] = {a, b, c, d};
    return addr_v4(ip, port);
}

static void draw(void *arg, void *out, size_t len)
{
    random_fill(arg, out, len);
}

static struct addr socket_addr(const struct pair_side *s, unsigned socket)
{
    struct addr a = s->host;
    addr_set_port(&a, (uint16_t)(MAIN_PORT + socket));
    return a;
}

/* How a server of the internet sees a socket. */
static struct addr seen_by(struct pair_side *s, unsigned socket, uint8_t server)
{
    struct nat_packet p = {.proto = NAT_UDP,
                           .from = socket_addr(s, socket),
                           .to = ip_of(198, 51, 100, server, 3478),
                           .ttl = TTL_DEFAULT};
    enum nat_verdict verdict = nat_out(&s->nat, s->pair->now, &p);
    assert(verdict == NAT_PASS);
    struct addr seen = p.from;
    struct nat_packet back = {.proto = NAT_UDP, .from = p.to, .to = p.from, .ttl = TTL_DEFAULT};
    verdict = nat_in(&s->nat, s->pair->now, &back);
    assert(verdict == NAT_PASS);
    return seen;
}

static enum nat_class class_of(const struct nat_config *c)
{
    if (c->udp_blocked)
        return NAT_BLOCKED;
    if (c->mapping == NAT_MAP_APD)
        return c->ports == NAT_PORTS_SEQUENTIAL ? NAT_SEQUENTIAL
               : c->ports == NAT_PORTS_BLOCK    ? NAT_BLOCK
                                                : NAT_RANDOM;
    return c->filter == NAT_FILTER_EI ? NAT_PUBLIC : NAT_CONE;
}

static void find_out(struct pair_side *s, const struct nat_config *c)
{
    struct addr first = seen_by(s, 0, 1);
    struct addr last = seen_by(s, 0, 2);

    s->candidate = (struct candidate){CANDIDATE_REFLEXIVE, first};
    s->facts = (struct nat_facts){.opener_ttl = s->pair->options.opener_ttl};
    if (s->pair->options.ignorant)
        return;
    s->facts.class = class_of(c);
    s->facts.last_port = addr_port(&last);
    if (s->facts.class == NAT_SEQUENTIAL)
        s->facts.delta = 1;
    if (s->facts.class == NAT_BLOCK)
        s->facts.span = c->block > 0 ? c->block : 512;
}

static void start_side(struct pair *p, unsigned i, const struct nat_preset *preset)
{
    struct pair_side *s = &p->side[i];
    bool open = preset->router[0].mapping == NAT_MAP_NONE;

    s->pair = p;
    s->public_ip = ip_of(203, 0, 113, (uint8_t)(10 + i), 0);
    s->host = open ? s->public_ip : ip_of(192, 168, (uint8_t)i, 2, 0);
    s->proven = s->told_at = INSTANT_NEVER;
    s->begins = i == 1 ? p->options.skew : 0;
    int err = nat_init(&s->nat, &preset->router[0], &s->public_ip, random_next(&p->chance));
    assert(err == 0);
    find_out(s, &preset->router[0]);
}

struct pair *pair_new(const struct pair_options *options)
{
    struct pair *p = calloc(1, sizeof(*p));
    assert(p);
    p->options = *options;
    p->chance = options->seed;
    start_side(p, 0, options->left);
    start_side(p, 1, options->right);
    return p;
}

void pair_free(struct pair *p)
{
    for (unsigned i = 0; i < 2; i++) {
        punch_free(p->side[i].punch);
        nat_deinit(&p->side[i].nat);
    }
    free(p);
}

/* ---- datagrams ---- */

static void send_datagram(struct pair_side *s, unsigned socket, const struct addr *to, int ttl,
                          bool answer)
{
    struct pair *p = s->pair;
    struct pair_datagram d = {.at = p->now + p->options.latency, .answer = answer};
    d.packet = (struct nat_packet){.proto = NAT_UDP,
                                   .from = socket_addr(s, socket),
                                   .to = *to,
                                   .ttl = (uint8_t)(ttl > 0 ? ttl : TTL_DEFAULT)};
    if (nat_out(&s->nat, p->now, &d.packet) != NAT_PASS || d.packet.ttl <= INTERNET ||
        random_below(&p->chance, 1000) < p->options.loss)
        return;
    d.packet.ttl -= INTERNET;
    assert(p->flying < PAIR_FLIGHT_MAX);
    p->flight[p->flying++] = d;
}

static void arrive(struct pair *p, struct pair_datagram *d)
{
    struct pair_side *s =
        addr_same_ip(&d->packet.to, &p->side[0].public_ip) ? &p->side[0] : &p->side[1];
    if (!addr_same_ip(&d->packet.to, &s->public_ip) ||
        nat_in(&s->nat, p->now, &d->packet) != NAT_PASS || !s->punch)
        return;
    unsigned socket = addr_port(&d->packet.to) - MAIN_PORT;
    assert(socket <= punch_sockets(s->punch));
    s->arrived++;
    if (!d->answer)
        send_datagram(s, socket, &d->packet.from, 0, true);
    punch_heard(s->punch, p->now, socket, &d->packet.from);
    if (!d->answer)
        return;
    punch_proven(s->punch, p->now, socket, &d->packet.from);
    if (s->proven == INSTANT_NEVER)
        s->proven = p->now;
}

/* ---- the two machines ---- */

static void check_bounds(struct pair_side *s, const struct punch_send *probe)
{
    instant *oldest = &s->sent_at[s->sent++ % PUNCH_RATE];
    unsigned probes, guesses;

    assert(s->sent <= PUNCH_RATE || s->pair->now >= *oldest + SEC(1));
    *oldest = s->pair->now;
    if (probe->ttl == 0)
        s->to_port[addr_port(&probe->to)]++;
    assert(s->to_port[addr_port(&probe->to)] <= PUNCH_PER_ADDRESS);
    punch_counts(s->punch, &probes, &guesses);
    assert(probes == s->sent && guesses <= PUNCH_GUESSES_MAX);
    assert(probe->socket <= PUNCH_SOCKETS_MAX);
}

static void begin(struct pair *p, unsigned i)
{
    struct pair_side *s = &p->side[i], *other = &p->side[1 - i];
    const struct punch_options o = {.controller = i == 1,
                                    .rtt = p->options.rtt,
                                    .ours = s->facts,
                                    .theirs = other->facts,
                                    .guessing = !p->options.no_guessing,
                                    .v4 = true,
                                    .random = draw,
                                    .arg = &p->chance};
    int err = punch_new(&s->punch, p->now, &o);
    assert(err == 0);
    punch_add(s->punch, p->now, &other->candidate);
}

/* What the owner of a round does: a STUN server is asked for a fresh socket's address. */
static void tell_fresh(struct pair_side *s)
{
    unsigned fresh = punch_fresh(s->punch);
    if (fresh == 0 || fresh == s->fresh)
        return;
    s->fresh = fresh;
    s->told = (struct candidate){CANDIDATE_PEER, seen_by(s, fresh, 1)};
    s->told_at = s->pair->now + STUN_TAKES + s->pair->options.skew;
}

static void run_side(struct pair *p, unsigned i)
{
    struct pair_side *s = &p->side[i], *other = &p->side[1 - i];
    struct punch_send probe;

    if (!s->punch && p->now >= s->begins)
        begin(p, i);
    if (!s->punch)
        return;
    if (other->told_at <= p->now) {
        other->told_at = INSTANT_NEVER;
        punch_add(s->punch, p->now, &other->told);
    }
    while (punch_output(s->punch, p->now, &probe)) {
        check_bounds(s, &probe);
        send_datagram(s, probe.socket, &probe.to, probe.ttl, false);
    }
    tell_fresh(s);
}

static instant side_due(const struct pair *p, unsigned i)
{
    const struct pair_side *s = &p->side[i];
    instant due = s->punch ? punch_deadline(s->punch) : s->begins;
    return s->told_at < due ? s->told_at : due;
}

static bool deliver(struct pair *p)
{
    for (unsigned i = 0; i < p->flying; i++)
        if (p->flight[i].at <= p->now) {
            struct pair_datagram d = p->flight[i];
            memmove(&p->flight[i], &p->flight[i + 1], (p->flying - i - 1) * sizeof(p->flight[0]));
            p->flying--;
            arrive(p, &d);
            return true;
        }
    return false;
}

static bool step(struct pair *p)
{
    instant due = INSTANT_NEVER;
    for (unsigned i = 0; i < 2; i++)
        due = side_due(p, i) < due ? side_due(p, i) : due;
    for (unsigned i = 0; i < p->flying; i++)
        due = p->flight[i].at < due ? p->flight[i].at : due;
    if (due == INSTANT_NEVER)
        return false;
    assert(due >= p->now || due <= SEC(60));
    p->now = due > p->now ? due : p->now;
    while (deliver(p)) {
    }
    run_side(p, 0);
    run_side(p, 1);
    return true;
}

instant pair_direct_at(const struct pair *p)
{
    instant left = p->side[0].proven, right = p->side[1].proven;
    return left > right ? left : right;
}

bool pair_run(struct pair *p)
{
    while (pair_direct_at(p) == INSTANT_NEVER && step(p)) {
    }
    return pair_direct_at(p) != INSTANT_NEVER;
}
