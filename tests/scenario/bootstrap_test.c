/* What answered is found again after a restart, without any name being looked up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/discovery/bootstrap.h"
#include "tests/sim/sim_gateway.h"

struct stage {
    struct sim_world world;
    struct sim_gateway relay, bob;
};

static int begin(void **state)
{
    static struct stage stage;
    struct stage *s = &stage;
    char id[PEER_ID_TEXT_MAX];
    memset(s, 0, sizeof(*s));
    sim_world_init(&s->world, 0);
    sim_gateway_init(&s->relay, &s->world, "relay", 1, INTERNET, "192.0.2.1/24");
    sim_gateway_init(&s->bob, &s->world, "bob", 2, INTERNET, "198.51.100.2/24");
    s->relay.options.relay_serve = RELAY_SERVE_OPEN;
    (void)snprintf(s->bob.options.relay_use[0], sizeof(s->bob.options.relay_use[0]),
                   "%s@relay.example:4433", peer_id_print(&s->relay.keys.id, id));
    fake_names_add(&s->world.names, "relay.example", "192.0.2.1");
    sim_gateway_start(&s->relay);
    sim_gateway_start(&s->bob);
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct stage *s = *state;
    sim_gateway_deinit(&s->bob);
    sim_gateway_deinit(&s->relay);
    sim_world_deinit(&s->world);
    return 0;
}

static bool is_connected(void *arg)
{
    struct stage *s = arg;
    return sim_gateway_view(&s->bob, &s->relay).state == PEER_DIRECT;
}

static void a_relay_is_found_again_when_its_name_is_not(void **state)
{
    struct stage *s = *state;

    assert_true(sim_world_run(&s->world, SEC(5), is_connected, s));
    sim_gateway_stop(&s->bob);
    s->world.names.count = 0;
    sim_gateway_start(&s->bob);
    assert_true(sim_world_run(&s->world, SEC(5), is_connected, s));
}

static void it_is_kept_within_a_minute_so_that_a_power_cut_loses_little(void **state)
{
    struct stage *s = *state;

    assert_true(sim_world_run(&s->world, SEC(5), is_connected, s));
    (void)sim_world_run(&s->world, SEC(61), NULL, NULL);
    sim_gateway_crash(&s->bob);
    s->world.names.count = 0;
    sim_gateway_start(&s->bob);
    assert_true(sim_world_run(&s->world, SEC(60), is_connected, s));
}

static void without_it_the_name_is_needed(void **state)
{
    struct stage *s = *state;

    assert_true(sim_world_run(&s->world, SEC(5), is_connected, s));
    sim_gateway_stop(&s->bob);
    s->world.names.count = 0;
    fake_file_put(s->bob.host.file, BOOTSTRAP_FILE, (const uint8_t *)"moon\n", 5);
    sim_gateway_start(&s->bob);
    assert_false(sim_world_run(&s->world, SEC(20), is_connected, s));
}

int main(void)
{
#define SENTENCE(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        SENTENCE(a_relay_is_found_again_when_its_name_is_not),
        SENTENCE(it_is_kept_within_a_minute_so_that_a_power_cut_loses_little),
        SENTENCE(without_it_the_name_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
