#include "gateway/punch/plan.h"

/* connectivity.md 4.5: nothing after 4 s, then the next. Where the plain punch needs a NAT that
 * does not filter by port, it has shown after a second whether there is one. */
static const struct punch_step base_steps[] = {
    {PUNCH_OPEN, SEC(4)}, {PUNCH_REROLL, SEC(3)}, {PUNCH_TWO_STAGE, SEC(6)},
    {PUNCH_TCP, SEC(10)}, {PUNCH_ICMP, SEC(10)},
};
static const struct punch_step dial_steps[] = {
    {PUNCH_OPEN, SEC(4)},  {PUNCH_REROLL, SEC(3)},    {PUNCH_PREDICT, SEC(3)},
    {PUNCH_BLOCK, SEC(4)}, {PUNCH_BIRTHDAY, SEC(10)},
};
static const struct punch_step order_steps[] = {
    {PUNCH_OPEN, SEC(1)},
    {PUNCH_PREDICT, SEC(3)},
    {PUNCH_BLOCK, SEC(4)},
    {PUNCH_BIRTHDAY, SEC(10)},
};
static const struct punch_step block_steps[] = {
    {PUNCH_OPEN, SEC(1)},
    {PUNCH_BLOCK, SEC(4)},
    {PUNCH_BIRTHDAY, SEC(10)},
};
static const struct punch_step chance_steps[] = {{PUNCH_OPEN, SEC(1)}, {PUNCH_BIRTHDAY, SEC(10)}};
static const struct punch_step both_steps[] = {{PUNCH_OPEN, SEC(1)}, {PUNCH_PREDICT, SEC(3)}};
static const struct punch_step meet_steps[] = {{PUNCH_OPEN, SEC(1)}, {PUNCH_MEET, SEC(8)}};
static const struct punch_step relay_steps[] = {{PUNCH_OPEN, SEC(4)}};
static const struct punch_step shut_steps[] = {{PUNCH_OPEN, SEC(4)}, {PUNCH_TCP, SEC(10)}};

enum kind { BASE, DIAL, ORDER, BLOCK, CHANCE, BOTH, MEET, RELAY, SHUT, KINDS };

#define STEPS(array) .step = (array), .steps = sizeof(array) / sizeof((array)[0])

static const struct punch_plan plans[KINDS] = {
    [BASE] = {STEPS(base_steps)},     [DIAL] = {STEPS(dial_steps)},
    [ORDER] = {STEPS(order_steps)},   [BLOCK] = {STEPS(block_steps)},
    [CHANCE] = {STEPS(chance_steps)}, [BOTH] = {STEPS(both_steps)},
    [MEET] = {STEPS(meet_steps)},     [RELAY] = {STEPS(relay_steps)},
    [SHUT] = {STEPS(shut_steps)},
};

/* clang-format off */
/* connectivity.md 4.6, the same either way round. What is not known is taken for a cone, as most
 * NATs are. */
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

const struct punch_plan *punch_plan_of(enum nat_class ours, enum nat_class theirs)
{
    if (ours >= NAT_CLASSES)
        ours = NAT_UNKNOWN;
    if (theirs >= NAT_CLASSES)
        theirs = NAT_UNKNOWN;
    return &plans[MATRIX[ours][theirs]];
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
