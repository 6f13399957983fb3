/**
 * What is tried, in what order and for how long, between two NATs of known kinds.
 *
 * A table over both classes, the same seen from either side. A class never forbids anything: every
 * list begins with the plain punch, and goes on to what may work if the class was told wrong. Where
 * it could not be told, for want of a second server to ask, what the ports look like decides what
 * comes after.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/clock.h"
#include "gateway/wire/candidate.h"

enum punch_way {
    PUNCH_OPEN,      /* openers, then checks of all candidates; goes on beside all that follow */
    PUNCH_REROLL,    /* the same once more, both from a fresh socket */
    PUNCH_TWO_STAGE, /* one side opens, the other, silent so far, comes through; then vice versa */
    PUNCH_PREDICT,   /* the next ports of a sequential NAT */
    PUNCH_BLOCK,     /* the ports near those that were seen */
    PUNCH_BIRTHDAY,  /* random ports against many sockets */
    PUNCH_MEET,      /* a predicted port against many sockets of a block */
    PUNCH_TCP,       /* TCP simultaneous open */
    PUNCH_ICMP,      /* pwnat: not a matter of struct punch, see plan.c */
    PUNCH_WAYS,
};

struct punch_step {
    enum punch_way way;
    instant lasts;
};

struct punch_plan {
    const struct punch_step *step;
    size_t steps;
};

/** "birthday", ... for the log. */
const char *punch_way_text(enum punch_way way);

const struct punch_plan *punch_plan_of(const struct nat_facts *ours,
                                       const struct nat_facts *theirs);
/** Is there a search in it that both sides must have agreed to? */
bool punch_plan_guesses(const struct punch_plan *plan);

/** Which kind of symmetric NAT one of NAT_UNKNOWN would be, if it were one; else its class. */
enum nat_class punch_taken_for(const struct nat_facts *f);

/** Do both lead to the same plans, beside whatever NAT? */
bool punch_is_same_nat(const struct nat_facts *a, const struct nat_facts *b);

enum punch_role {
    PUNCH_IDLE,
    PUNCH_SHOWS,    /* our NAT is the one whose ports are searched */
    PUNCH_SEARCHES, /* we search */
    PUNCH_BOTH,     /* both at a time, or in turns, for either NAT may be the one */
};

/** What this side does in a strategy that is about ports. */
enum punch_role punch_role_in(enum punch_way way, bool controller, const struct nat_facts *ours,
                              const struct nat_facts *theirs);

/** Is it a search among ports, to which both sides must have agreed? */
static inline bool punch_way_guesses(enum punch_way way)
{
    return way == PUNCH_BLOCK || way == PUNCH_BIRTHDAY || way == PUNCH_MEET;
}
