/* The same seed gives the same run: what was sent when, to the nanosecond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/sim/sim_story.h"

/* The ciphertext is GnuTLS's own chance; sizes and times are not. */
static uint64_t run_once(void)
{
    void *state = NULL;
    assert_int_equal(sim_story_begin(&state), 0);
    struct sim_story *s = state;
    const struct sim_link line = {
        .delay = MSEC(20), .jitter = MSEC(10), .loss = 20, .repeat = 10, .reorder = 10};
    sim_host_links(&s->alice.host, &line);
    sim_host_links(&s->bob.host, &line);
    sim_story_call(s, 300000);
    sim_story_call_ends_well(s, SEC(60));
    uint64_t trace = sim_world_trace(&s->world);
    assert_int_equal(sim_story_end(&state), 0);
    return trace;
}

static void gives_the_same_run_for_the_same_seed(void **state)
{
    (void)state;
    uint64_t first = run_once();
    for (int i = 0; i < 3; i++)
        assert_true(run_once() == first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_same_run_for_the_same_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
