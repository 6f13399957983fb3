#include "gateway/punch/strategy.h"

struct excuse {
    const char *ours, *theirs;
};

/* What the other side's being a cone does not help against. */
static const struct excuse EXCUSES[NAT_CLASSES] = {
    [NAT_UNKNOWN] =
        {"our NAT may be symmetric (one server alone cannot tell), and no port tried was open",
         "their NAT may be symmetric (one server alone cannot tell), and no port tried was open"},
    [NAT_SEQUENTIAL] = {"our NAT is symmetric, and its next ports were not those expected",
                        "their NAT is symmetric, and its next ports were not those expected"},
    [NAT_BLOCK] = {"our NAT is symmetric, and none of the ports tried was open",
                   "their NAT is symmetric, and none of the ports tried was open"},
    [NAT_RANDOM] = {"our NAT is symmetric with random ports, and no guess hit",
                    "their NAT is symmetric with random ports, and no guess hit"},
    [NAT_BLOCKED] = {"UDP is blocked on our side", "UDP is blocked on their side"},
};

static const char EITHER[] =
    "either NAT may be symmetric (one server alone cannot tell), and no port tried was open";

/* Where UDP is blocked, after attempts to meet over TCP. */
static const struct excuse SHUT = {"UDP is blocked on our side, and no TCP connection met theirs",
                                   "UDP is blocked on their side, and no TCP connection met ours"};

/* The same without a search. */
static const struct excuse UNSEARCHED = {
    "our NAT is symmetric, and a search of its ports was not agreed on",
    "their NAT is symmetric, and a search of its ports was not agreed on"};

static const struct excuse *excuse(const struct punch *p, enum nat_class class)
{
    static const struct excuse NOTHING = {"nothing of theirs came through",
                                          "nothing of theirs came through"};
    if (class == NAT_UNKNOWN && p->guesses == 0)
        return &NOTHING;
    return p->guesses > 0 || p->options.guessing ? &EXCUSES[class] : &UNSEARCHED;
}

static const char *why_ports(const struct punch *p)
{
    enum nat_class ours = p->options.ours.class, theirs = p->options.theirs.class;

    switch (punch_role_of(p, PUNCH_BIRTHDAY)) {
    case PUNCH_SHOWS:
        return excuse(p, ours)->ours;
    case PUNCH_SEARCHES:
        return excuse(p, theirs)->theirs;
    case PUNCH_BOTH:
        if (ours == NAT_SEQUENTIAL && theirs == NAT_SEQUENTIAL)
            return "both NATs are symmetric, and their next ports were not those expected";
        if (ours == NAT_UNKNOWN || theirs == NAT_UNKNOWN)
            return p->guesses > 0 ? EITHER : excuse(p, NAT_UNKNOWN)->ours;
        return "both NATs are symmetric, with ports that cannot be guessed";
    case PUNCH_IDLE:
        break;
    }
    return "nothing of theirs came through";
}

static const char *why_lost(const struct punch *p)
{
    enum nat_class ours = p->options.ours.class, theirs = p->options.theirs.class;
    const struct excuse *shut = p->tcp.attempts > 0 ? &SHUT : &EXCUSES[NAT_BLOCKED];

    if (ours == NAT_BLOCKED)
        return shut->ours;
    if (theirs == NAT_BLOCKED)
        return shut->theirs;
    if (p->candidates == 0)
        return "they named no address that we may probe";
    if (p->heard > 0)
        return "their probes come through, but no answer to ours";
    return why_ports(p);
}

const char *punch_why(const struct punch *p)
{
    switch (p->state) {
    case PUNCH_RUNNING:
        return "still looking for a direct path";
    case PUNCH_WON:
        return "there is a direct path";
    case PUNCH_LOST:
        break;
    }
    return why_lost(p);
}
