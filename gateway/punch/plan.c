#include "gateway/punch/plan.h"

#define BLOCK_SPAN 2048 /* ports that can be scanned: connectivity.md 4.3 */

/* connectivity.md 4.5: nothing after 4 s, then the next. Where the plain punch needs a NAT that
 * does not filter by port, it has shown after a second whether there is one. */
/* TCP is the last resort where UDP is not known to be blocked. PUNCH_ICMP has its place here and is
 * passed over by rounds. Calling by ICMP comes before any round: a round is agreed on over a
 * session, by which all is told that a call could tell and more, so pwnat is for who has none. It
 * belongs to an attempt to connect, after what is dialled straight has not answered
 * (gateway/punch/pwnat.h, gateway/node/pwnat_desk.h). */
static const struct punch_step base_steps[] = {
    {PUNCH_OPEN, SEC(4)}, {PUNCH_REROLL, SEC(3)}, {PUNCH_TWO_STAGE, SEC(6)},
    {PUNCH_TCP, SEC(5)},  {PUNCH_ICMP, SEC(10)},
};
static const struct punch_step dial_steps[] = {
    {PUNCH_OPEN, SEC(4)},  {PUNCH_REROLL, SEC(3)},    {PUNCH_PREDICT, SEC(3)},
    {PUNCH_BLOCK, SEC(4)}, {PUNCH_BIRTHDAY, SEC(10)}, {PUNCH_TCP, SEC(5)},
};
static const struct punch_step order_steps[] = {
    {PUNCH_OPEN, SEC(1)},      {PUNCH_PREDICT, SEC(3)}, {PUNCH_BLOCK, SEC(4)},
    {PUNCH_BIRTHDAY, SEC(10)}, {PUNCH_TCP, SEC(5)},
};
static const struct punch_step block_steps[] = {
    {PUNCH_OPEN, SEC(1)},
    {PUNCH_BLOCK, SEC(4)},
    {PUNCH_BIRTHDAY, SEC(10)},
    {PUNCH_TCP, SEC(5)},
};
static const struct punch_step chance_steps[] = {
    {PUNCH_OPEN, SEC(1)}, {PUNCH_BIRTHDAY, SEC(10)}, {PUNCH_TCP, SEC(5)}};
static const struct punch_step both_steps[] = {
    {PUNCH_OPEN, SEC(1)}, {PUNCH_PREDICT, SEC(3)}, {PUNCH_TCP, SEC(5)}};
static const struct punch_step meet_steps[] = {
    {PUNCH_OPEN, SEC(1)}, {PUNCH_MEET, SEC(8)}, {PUNCH_TCP, SEC(5)}};
/* Where one server alone was asked, a NAT that changes ports may be symmetric or not. If it is not,
 * the plain punch shows it in less than a second; then the search; and last what cures a router
 * that took something amiss. */
static const struct punch_step maybe_order_steps[] = {
    {PUNCH_OPEN, SEC(2)},      {PUNCH_PREDICT, SEC(3)}, {PUNCH_BLOCK, SEC(4)},
    {PUNCH_BIRTHDAY, SEC(10)}, {PUNCH_REROLL, SEC(3)},  {PUNCH_TWO_STAGE, SEC(6)},
    {PUNCH_TCP, SEC(5)},
};
static const struct punch_step maybe_block_steps[] = {
    {PUNCH_OPEN, SEC(2)},   {PUNCH_BLOCK, SEC(4)},     {PUNCH_BIRTHDAY, SEC(10)},
    {PUNCH_REROLL, SEC(3)}, {PUNCH_TWO_STAGE, SEC(6)}, {PUNCH_TCP, SEC(5)},
};
static const struct punch_step maybe_chance_steps[] = {
    {PUNCH_OPEN, SEC(2)},      {PUNCH_BIRTHDAY, SEC(10)}, {PUNCH_REROLL, SEC(3)},
    {PUNCH_TWO_STAGE, SEC(6)}, {PUNCH_TCP, SEC(5)},
};
/* Nobody has told anything: most NATs are cones. */
static const struct punch_step dark_steps[] = {
    {PUNCH_OPEN, SEC(4)},      {PUNCH_REROLL, SEC(3)}, {PUNCH_BIRTHDAY, SEC(10)},
    {PUNCH_TWO_STAGE, SEC(6)}, {PUNCH_TCP, SEC(5)},    {PUNCH_ICMP, SEC(10)},
};
static const struct punch_step relay_steps[] = {{PUNCH_OPEN, SEC(4)}, {PUNCH_TCP, SEC(5)}};
/* Long enough for both to learn where they are seen over TCP. */
static const struct punch_step shut_steps[] = {{PUNCH_OPEN, SEC(1)}, {PUNCH_TCP, SEC(10)}};

enum kind {
    BASE,
    DIAL,
    ORDER,
    BLOCK,
    CHANCE,
    BOTH,
    MEET,
    RELAY,
    SHUT,
    MAYBE_ORDER,
    MAYBE_BLOCK,
    MAYBE_CHANCE,
    DARK,
    KINDS,
};

#define STEPS(array) .step = (array), .steps = sizeof(array) / sizeof((array)[0])

static const struct punch_plan plans[KINDS] = {
    [BASE] = {STEPS(base_steps)},
    [DIAL] = {STEPS(dial_steps)},
    [ORDER] = {STEPS(order_steps)},
    [BLOCK] = {STEPS(block_steps)},
    [CHANCE] = {STEPS(chance_steps)},
    [BOTH] = {STEPS(both_steps)},
    [MEET] = {STEPS(meet_steps)},
    [RELAY] = {STEPS(relay_steps)},
    [SHUT] = {STEPS(shut_steps)},
    [MAYBE_ORDER] = {STEPS(maybe_order_steps)},
    [DARK] = {STEPS(dark_steps)},
    [MAYBE_BLOCK] = {STEPS(maybe_block_steps)},
    [MAYBE_CHANCE] = {STEPS(maybe_chance_steps)},
};

/* clang-format off */
/* connectivity.md 4.6, the same either way round. What is not known is taken for a cone beside what
 * is symmetric for sure; beside anything else see unsure(). */
static const uint8_t MATRIX[NAT_CLASSES][NAT_CLASSES] = {
    /*                   unknown public cone  sequential block   random  blocked */
    [NAT_UNKNOWN] =     {BASE,   BASE,  BASE,   ORDER,   BLOCK,  CHANCE, SHUT},
    [NAT_PUBLIC] =      {BASE,   BASE,  BASE,   DIAL,    DIAL,   DIAL,   SHUT},
    [NAT_CONE] =        {BASE,   BASE,  BASE,   ORDER,   BLOCK,  CHANCE, SHUT},
    [NAT_SEQUENTIAL] =  {ORDER,  DIAL,  ORDER,  BOTH,    MEET,   RELAY,  SHUT},
    [NAT_BLOCK] =       {BLOCK,  DIAL,  BLOCK,  MEET,    RELAY,  RELAY,  SHUT},
    [NAT_RANDOM] =      {CHANCE, DIAL,  CHANCE, RELAY,   RELAY,  RELAY,  SHUT},
    [NAT_BLOCKED] =     {SHUT,   SHUT,  SHUT,   SHUT,    SHUT,   SHUT,   SHUT},
};
/* clang-format on */

/* The mapping of a symmetric NAT is for one destination, so its port has to be guessed. */
static bool is_symmetric(enum nat_class class)
{
    return class == NAT_SEQUENTIAL || class == NAT_BLOCK || class == NAT_RANDOM;
}

static enum nat_class class_of(const struct nat_facts *f)
{
    return f->class < NAT_CLASSES ? f->class : NAT_UNKNOWN;
}

enum nat_class punch_taken_for(const struct nat_facts *f)
{
    enum nat_class class = class_of(f);

    if (class != NAT_UNKNOWN)
        return class;
    if (f->delta != 0)
        return NAT_SEQUENTIAL;
    return f->span > 0 && f->span < BLOCK_SPAN ? NAT_BLOCK : NAT_RANDOM;
}

static bool is_dark(const struct nat_facts *f)
{
    return class_of(f) == NAT_UNKNOWN && f->last_port == 0;
}

/* One is not known, the other is not symmetric for sure. The ports that are easiest to find come
 * first, whosever they are. */
static enum kind unsure(const struct nat_facts *ours, const struct nat_facts *theirs)
{
    enum nat_class a = punch_taken_for(ours), b = punch_taken_for(theirs);

    if (is_dark(ours) || is_dark(theirs))
        return DARK;
    if (a == NAT_SEQUENTIAL || b == NAT_SEQUENTIAL)
        return MAYBE_ORDER;
    return a == NAT_BLOCK || b == NAT_BLOCK ? MAYBE_BLOCK : MAYBE_CHANCE;
}

const struct punch_plan *punch_plan_of(const struct nat_facts *ours, const struct nat_facts *theirs)
{
    enum nat_class a = class_of(ours), b = class_of(theirs);
    bool known = a != NAT_UNKNOWN && b != NAT_UNKNOWN;

    if (known || is_symmetric(a) || is_symmetric(b) || a == NAT_BLOCKED || b == NAT_BLOCKED)
        return &plans[MATRIX[a][b]];
    return &plans[unsure(ours, theirs)];
}

bool punch_is_same_nat(const struct nat_facts *a, const struct nat_facts *b)
{
    return class_of(a) == class_of(b) && punch_taken_for(a) == punch_taken_for(b) &&
           is_dark(a) == is_dark(b);
}

bool punch_plan_guesses(const struct punch_plan *plan)
{
    for (size_t i = 0; i < plan->steps; i++)
        if (punch_way_guesses(plan->step[i].way))
            return true;
    return false;
}

/* How hard the ports of a symmetric NAT are to find. */
static unsigned hardness(enum nat_class class)
{
    return class == NAT_SEQUENTIAL ? 0 : class == NAT_BLOCK ? 1 : 2;
}

/* Both NATs are symmetric, or may be. */
static enum punch_role role_of_two(enum punch_way way, bool controller,
                                   const struct nat_facts *ours, const struct nat_facts *theirs)
{
    enum nat_class a = punch_taken_for(ours), b = punch_taken_for(theirs);
    bool sure = is_symmetric(ours->class), their_sure = is_symmetric(theirs->class);

    if (sure == their_sure && (sure || way == PUNCH_BIRTHDAY))
        return PUNCH_BOTH;
    if (way == PUNCH_PREDICT && a == NAT_SEQUENTIAL && b == NAT_SEQUENTIAL)
        return PUNCH_BOTH;
    if (sure != their_sure)
        return sure ? PUNCH_SHOWS : PUNCH_SEARCHES;
    if (hardness(a) != hardness(b))
        return hardness(a) < hardness(b) ? PUNCH_SHOWS : PUNCH_SEARCHES;
    return controller ? PUNCH_SHOWS : PUNCH_SEARCHES;
}

enum punch_role punch_role_in(enum punch_way way, bool controller, const struct nat_facts *ours,
                              const struct nat_facts *theirs)
{
    bool a = is_symmetric(punch_taken_for(ours)), b = is_symmetric(punch_taken_for(theirs));

    if (a && b)
        return role_of_two(way, controller, ours, theirs);
    if (a || b)
        return a ? PUNCH_SHOWS : PUNCH_SEARCHES;
    return PUNCH_IDLE;
}

const char *punch_way_text(enum punch_way way)
{
    static const char *const texts[PUNCH_WAYS] = {
        [PUNCH_OPEN] = "openers and checks",
        [PUNCH_REROLL] = "fresh sockets",
        [PUNCH_TWO_STAGE] = "two stages",
        [PUNCH_PREDICT] = "port prediction",
        [PUNCH_BLOCK] = "a block scan",
        [PUNCH_BIRTHDAY] = "a birthday search",
        [PUNCH_MEET] = "a meeting port",
        [PUNCH_TCP] = "TCP simultaneous open",
        [PUNCH_ICMP] = "ICMP",
    };
    return texts[way];
}
