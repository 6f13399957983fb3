#include "tests/sim/sim_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

int sim_story_begin(void **state)
{
    static struct sim_story story;
    struct sim_story *s = &story;
    memset(s, 0, sizeof(*s));
    sim_world_init(&s->world, 0);
    sim_gateway_init(&s->alice, &s->world, "alice", 1, INTERNET, "192.0.2.1/24");
    sim_gateway_init(&s->bob, &s->world, "bob", 2, INTERNET, "198.51.100.2/24");
    sim_gateway_init(&s->mallory, &s->world, "mallory", 3, INTERNET, "203.0.113.3/24");
    sim_echo_init(&s->echo, &s->alice.host.env, "127.0.0.1:7000");
    sim_gateway_start(&s->alice);
    sim_gateway_start(&s->bob);
    sim_gateway_shares(&s->alice, "echo", SERVICE_BOTH, 7, "127.0.0.1:7000");
    sim_gateway_knows(&s->bob, &s->alice, "alice", ALICE_ADDRESS);
    *state = s;
    return 0;
}

int sim_story_end(void **state)
{
    struct sim_story *s = *state;
    sim_caller_deinit(&s->caller);
    sim_echo_deinit(&s->echo);
    sim_gateway_deinit(&s->mallory);
    sim_gateway_deinit(&s->bob);
    sim_gateway_deinit(&s->alice);
    sim_world_deinit(&s->world);
    return 0;
}

void sim_story_line(struct sim_story *s, instant round_trip, unsigned loss)
{
    const struct sim_link line = {.delay = round_trip / 4, .loss = loss / 2};
    sim_host_links(&s->alice.host, &line);
    sim_host_links(&s->bob.host, &line);
}

void sim_story_call(struct sim_story *s, uint64_t bytes)
{
    sim_gateway_calls(&s->bob, &s->alice, &s->caller, bytes);
}

void sim_story_call_ends_well(struct sim_story *s, instant span)
{
    sim_gateway_call_ends_well(&s->bob, &s->caller, span);
}

void sim_story_wait(struct sim_story *s, instant span)
{
    (void)sim_world_run(&s->world, span, NULL, NULL);
}
