#include "gateway/punch/attempt.h"

#include <errno.h>
#include <stdlib.h>

#include "gateway/punch/strategy.h"

#define SAME_IP_MAX  8      /* candidates of one IP address: a peer has no more, an attacker may */
#define HEARD_PAUSE  SEC(1) /* a search rests while what was heard is answered */
#define BURST        6
#define PROVEN_GRACE MSEC(200)
#define LOOK_BEFORE  MSEC(400)  /* a round trip to a server, with a loss */
#define MAPPINGS_MAX 512        /* by others, while a round runs: more is another story */
#define TCP_BEFORE   MSEC(2500) /* its step: to be told our address, and to tell it to the peer */

/* In any second no more than PUNCH_RATE, the burst at its beginning included. */
#define RATE (PUNCH_RATE - BURST)

static const struct punch_strategy *const strategies[PUNCH_WAYS] = {
    [PUNCH_REROLL] = &punch_reroll,     [PUNCH_TWO_STAGE] = &punch_two_stage,
    [PUNCH_PREDICT] = &punch_predict,   [PUNCH_BLOCK] = &punch_block,
    [PUNCH_BIRTHDAY] = &punch_birthday, [PUNCH_MEET] = &punch_meet,
    [PUNCH_TCP] = &punch_tcp,
};

/* ---- the plan ---- */

static bool looks_at_ports(enum punch_way way)
{
    return way == PUNCH_PREDICT || punch_way_guesses(way);
}

static bool is_blocked(const struct punch *p)
{
    return p->options.ours.class == NAT_BLOCKED || p->options.theirs.class == NAT_BLOCKED;
}

/* Where it is the only hope, addresses may still come. Elsewhere one has to be known that leads to
 * them from outside, or the round would go on for the sake of a network that they may not share. */
static bool is_worth_tcp(const struct punch *p)
{
    bool outside = false;

    for (unsigned i = 0; i < p->tcp.targets; i++)
        outside = outside || !addr_is_private(&p->tcp.target[i].addr);
    return p->options.tcp && (outside || is_blocked(p));
}

static bool is_worth(struct punch *p, enum punch_way way)
{
    if (p->tried & 1u << way || !strategies[way])
        return false;
    if (way == PUNCH_TCP)
        return is_worth_tcp(p);
    if (punch_way_guesses(way) && !p->options.guessing)
        return false;
    return p->options.v4 && (!looks_at_ports(way) || punch_find_around(p));
}

static void begin_step(struct punch *p, const struct punch_step *step)
{
    p->way = step->way;
    p->tried |= 1u << step->way;
    p->strategy = strategies[step->way];
    /* By the plan's clock, not by when we came to look at it: the peer keeps to the same. */
    p->step_began = p->step_end;
    p->step_end += step->lasts;
    if (!p->strategy)
        return;
    p->run = (struct punch_run){.began = p->step_began,
                                .due = p->step_began,
                                .turn = INSTANT_NEVER,
                                .limit = PUNCH_GUESSES_MAX,
                                .role = punch_role_of(p, p->way)};
    p->strategy->begin(p);
}

static void settle(struct punch *p, enum punch_state state)
{
    p->state = state;
    p->strategy = NULL;
}

static void next_step(struct punch *p)
{
    if (p->proven) {
        settle(p, PUNCH_WON);
        return;
    }
    for (size_t i = 0; i < p->plan->steps; i++)
        if (is_worth(p, p->plan->step[i].way)) {
            begin_step(p, &p->plan->step[i]);
            return;
        }
    settle(p, PUNCH_LOST);
}

static void advance(struct punch *p, instant now)
{
    while (p->state == PUNCH_RUNNING && now >= p->step_end)
        next_step(p);
}

static instant open_lasts(const struct punch *p)
{
    return p->plan->step[0].lasts; /* each plan begins with PUNCH_OPEN */
}

/* ---- life ---- */

/* Both NATs count, so both sides have to know where they are: connectivity.md 4.6, "fresh STUN
 * immediately before". Others behind our NAT have it make mappings too. */
static bool has_to_count(const struct punch *p)
{
    return p->plan->steps > 1 && p->plan->step[1].way == PUNCH_PREDICT && p->options.v4 &&
           punch_role_of(p, PUNCH_PREDICT) == PUNCH_BOTH;
}

static void drop_bad_class(struct nat_facts *f)
{
    if (f->class >= NAT_CLASSES)
        f->class = NAT_UNKNOWN;
}

int punch_new(struct punch **out, instant now, const struct punch_options *options)
{
    struct punch *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->options = *options;
    drop_bad_class(&p->options.ours);
    drop_bad_class(&p->options.theirs);
    p->began = now;
    p->rate = options->rate ? options->rate : &p->own_rate;
    if (p->rate->rate == 0)
        *p->rate = bucket_of(RATE, BURST);
    p->plan = punch_plan_of(&options->ours, &options->theirs);
    tcp_open_init(&p->tcp);
    p->way = PUNCH_OPEN;
    p->tried = 1u << PUNCH_OPEN;
    p->step_began = punch_checks_start(p, now);
    p->step_end = p->step_began + open_lasts(p);
    p->look = has_to_count(p) ? p->step_end - LOOK_BEFORE : INSTANT_NEVER;
    *out = p;
    return 0;
}

void punch_free(struct punch *p)
{
    free(p);
}

/* Whether we share their network, and which addresses are our own, the caller knows. */
static bool is_possible(const struct punch *p, const struct addr *a)
{
    bool family = addr_is_v6(a) ? p->options.v6 : p->options.v4;
    return family && punch_may_probe(a, NULL, 0, true);
}

static bool is_wanted(const struct punch *p, const struct addr *a)
{
    unsigned same_ip = 0;

    if (!is_possible(p, a))
        return false;
    for (unsigned i = 0; i < p->candidates; i++) {
        if (addr_equal(&p->candidate[i].addr, a))
            return false;
        same_ip += addr_same_ip(&p->candidate[i].addr, a);
    }
    return same_ip < SAME_IP_MAX;
}

/* connectivity.md 4.5: what costs least if it works. */
static unsigned rank_of(const struct candidate *c)
{
    static const unsigned ranks[CANDIDATE_TYPES] = {
        [CANDIDATE_HOST] = 0,      [CANDIDATE_CONFIGURED] = 2, [CANDIDATE_MAPPED] = 3,
        [CANDIDATE_REFLEXIVE] = 4, [CANDIDATE_PEER] = 5,
    };
    if (addr_is_v6(&c->addr))
        return 1;
    return c->type < CANDIDATE_TYPES ? ranks[c->type] : CANDIDATE_TYPES;
}

static void add_tcp(struct punch *p, instant now, const struct addr *a)
{
    if (!p->options.tcp || !is_possible(p, a))
        return;
    tcp_open_add(&p->tcp, now, a);
    if (p->way == PUNCH_TCP)
        p->run.due = tcp_open_deadline(&p->tcp);
}

void punch_add(struct punch *p, instant now, const struct candidate *candidate)
{
    if (candidate->type == CANDIDATE_TCP) {
        add_tcp(p, now, &candidate->addr);
        return;
    }
    if (p->candidates == CANDIDATES_MAX || !is_wanted(p, &candidate->addr))
        return;
    p->candidate[p->candidates++] = (struct punch_target){
        .addr = candidate->addr,
        .type = candidate->type,
        .rank = rank_of(candidate),
        .late = now > p->began,
        .start = punch_checks_start(p, now),
    };
}

void punch_learn_port(struct punch *p, uint16_t port)
{
    int delta = p->options.ours.delta, last = p->options.ours.last_port;

    if (last == 0 || delta == 0 || (port - last) % delta != 0)
        return;
    int made = (port - last) / delta;
    if (made > (int)p->mappings && made <= MAPPINGS_MAX)
        p->mappings = (unsigned)made;
}

bool punch_wants_port(struct punch *p, instant now)
{
    if (p->state != PUNCH_RUNNING || p->proven || now < p->look)
        return false;
    p->look = INSTANT_NEVER;
    return true;
}

/* ---- probes ---- */

unsigned punch_sockets(const struct punch *p)
{
    return p->sockets;
}

unsigned punch_fresh(const struct punch *p)
{
    return p->told;
}

static instant strategy_due(const struct punch *p)
{
    if (!p->strategy)
        return INSTANT_NEVER;
    instant rested = p->heard > 0 ? p->heard + HEARD_PAUSE : 0;
    return p->run.due > rested ? p->run.due : rested;
}

static bool next_probe(struct punch *p, instant now, struct punch_send *out)
{
    if (punch_opener_due(p) <= now && punch_opener_output(p, out))
        return true;
    while (punch_checks_due(p) <= now)
        if (punch_checks_output(p, now, out))
            return true;
    unsigned open = p->sockets;
    while (strategy_due(p) <= now && p->sockets == open) /* the owner opens new ones first */
        if (p->strategy->output(p, now, out))
            return true;
    return false;
}

bool punch_output(struct punch *p, instant now, struct punch_send *out)
{
    unsigned open = p->sockets;
    advance(p, now);
    if (p->sockets != open) /* the owner opens them first */
        return false;
    if (p->state != PUNCH_RUNNING || bucket_ready(p->rate, now, 1) > now ||
        !next_probe(p, now, out))
        return false;
    (void)bucket_take(p->rate, now, 1);
    p->probes++;
    return true;
}

static instant earlier(instant a, instant b)
{
    return a < b ? a : b;
}

instant punch_deadline(const struct punch *p)
{
    if (p->state != PUNCH_RUNNING)
        return INSTANT_NEVER;
    struct bucket rate = *p->rate;
    instant free = bucket_ready(&rate, rate.last, 1);
    instant probe = earlier(punch_opener_due(p), earlier(punch_checks_due(p), strategy_due(p)));
    return earlier(p->step_end, probe > free ? probe : free);
}

/* ---- what comes back ---- */

static struct punch_target *find_learnt(struct punch *p, unsigned socket, const struct addr *from)
{
    for (unsigned i = 0; i < p->learnts; i++)
        if (p->learnt[i].socket == socket && addr_equal(&p->learnt[i].addr, from))
            return &p->learnt[i];
    return NULL;
}

static bool is_opened(const struct punch *p, unsigned socket, const struct addr *a)
{
    for (unsigned i = 0; i < p->candidates; i++)
        if (p->candidate[i].socket == socket && p->candidate[i].opened &&
            addr_equal(&p->candidate[i].addr, a))
            return true;
    return false;
}

void punch_heard(struct punch *p, instant now, unsigned socket, const struct addr *from)
{
    if (p->state != PUNCH_RUNNING || addr_is_none(from) || socket > p->sockets)
        return;
    p->heard = now > 0 ? now : 1;
    if (find_learnt(p, socket, from) || p->learnts == PUNCH_LEARNT_MAX)
        return;
    p->learnt[p->learnts++] = (struct punch_target){.addr = *from,
                                                    .socket = socket,
                                                    .type = CANDIDATE_PEER,
                                                    .opened = is_opened(p, socket, from),
                                                    .start = now};
}

void punch_proven(struct punch *p, instant now, unsigned socket, const struct addr *remote)
{
    (void)socket;
    (void)remote;
    if (p->state != PUNCH_RUNNING || p->proven)
        return;
    /* A nearer path may be among the candidates whose turn has not come yet. */
    p->proven = true;
    p->strategy = NULL;
    p->step_end = now + PROVEN_GRACE;
}

static bool is_tcp_next(struct punch *p)
{
    for (size_t i = 0; i < p->plan->steps; i++) {
        enum punch_way way = p->plan->step[i].way;
        if (way == PUNCH_TCP && !(p->tried & 1u << way))
            return true;
        if (is_worth(p, way))
            return false;
    }
    return false;
}

bool punch_wants_tcp(struct punch *p, instant now)
{
    if (!p->options.tcp || p->state != PUNCH_RUNNING || p->proven)
        return false;
    return is_blocked(p) || p->way == PUNCH_TCP ||
           (now + TCP_BEFORE >= p->step_end && is_tcp_next(p));
}

void punch_refused(struct punch *p, instant now, const struct addr *to)
{
    uint32_t number;

    p->options.random(p->options.arg, &number, sizeof(number));
    tcp_open_refused(&p->tcp, now, to, TCP_OPEN_SPREAD * (number % 1024) / 1024);
    if (p->way == PUNCH_TCP)
        p->run.due = tcp_open_deadline(&p->tcp);
}

enum punch_state punch_state(const struct punch *p)
{
    return p->state;
}

const char *punch_trying(const struct punch *p)
{
    return punch_way_text(p->way);
}

void punch_counts(const struct punch *p, unsigned *probes, unsigned *guesses)
{
    *probes = p->probes;
    *guesses = p->guesses;
}
