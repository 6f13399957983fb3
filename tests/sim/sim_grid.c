#include "tests/sim/sim_grid.h"

#include <stdio.h>
#include <string.h>

#include "tests/sim/sim_nat_story.h"
#include "tests/sim/sim_pulse.h"

#define SETTLE   SEC(5) /* both gateways run so long before one asks */
#define PATIENCE SEC(2) /* for the first byte */
#define AFTER    SEC(3) /* so long the direct path is watched */

/* Jitter, so that each seed is a race of its own. */
static const struct sim_link LINE = {.delay = MSEC(10), .jitter = MSEC(2)};

const char *const SIM_GRID_TYPE[SIM_GRID_TYPES] = {
    "public",     "full_cone", "address_restricted", "port_restricted",
    "poisonable", "sym_seq",   "sym_random",         "sym_block512",
};

/* In the order above. */
enum { PORT_RESTRICTED = 3, SYM_SEQ = 5 };

bool sim_grid_is_hopeless(size_t dialler, size_t other)
{
    return dialler >= SYM_SEQ && other >= SYM_SEQ && (dialler > SYM_SEQ || other > SYM_SEQ);
}

bool sim_grid_guesses(size_t dialler, size_t other)
{
    size_t easy = dialler < other ? dialler : other, hard = dialler < other ? other : dialler;
    return !sim_grid_is_hopeless(dialler, other) && hard >= SYM_SEQ && easy >= PORT_RESTRICTED;
}

static bool both_are_direct(void *arg)
{
    struct sim_nat_story *s = arg;
    return sim_gateway_view(&s->bob, &s->alice).state == PEER_DIRECT &&
           sim_gateway_view(&s->alice, &s->bob).state == PEER_DIRECT;
}

static void watch(struct sim_grid_result *out, struct sim_nat_story *s, struct sim_pulse *p)
{
    (void)sim_world_run(&s->world, PATIENCE, sim_pulse_answered, p);
    if (p->first > 0)
        out->echoed = p->first - p->began;
    instant left = p->began + SIM_GRID_PATIENCE - s->world.now;
    if (sim_world_run(&s->world, left, both_are_direct, s))
        out->direct = s->world.now - p->began;
    sim_pulse_measure(p);
    sim_nat_story_wait(s, AFTER);
    if (!both_are_direct(s))
        out->direct = 0;
    const char *why = sim_gateway_view(&s->bob, &s->alice).why_not_direct;
    (void)snprintf(out->why, sizeof(out->why), "%s", why ? why : "");
    out->silence = sim_pulse_silence(p);
    out->lost = !sim_pulse_is_well(p);
}

void sim_grid_play(struct sim_grid_result *out, size_t dialler, size_t other, uint64_t seed)
{
    struct sim_nat_story s = {.seed = seed, .has_spare = true, .both_use = true};
    struct sim_pulse pulse = {0};

    *out = (struct sim_grid_result){0};
    sim_nat_story_begin(&s, SIM_GRID_TYPE[other], SIM_GRID_TYPE[dialler]);
    sim_host_links(&s.alice.host, &LINE);
    sim_host_links(&s.bob.host, &LINE);
    sim_nat_story_start(&s);
    sim_nat_story_wait(&s, SETTLE + sim_chance(&s.world, SEC(1)));
    struct addr port = sim_gateway_opens(&s.bob, &s.alice, "echo", SERVICE_TCP);
    sim_pulse_start(&pulse, &s.bob.host.env, &port);
    watch(out, &s, &pulse);
    sim_pulse_deinit(&pulse);
    sim_nat_story_end(&s);
}

bool sim_grid_is_connected(const struct sim_grid_result *r)
{
    return r->echoed > 0 && r->echoed <= SEC(1) && !r->lost;
}
