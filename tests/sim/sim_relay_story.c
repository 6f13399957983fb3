#include "tests/sim/sim_relay_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

bool sim_relay_is_at(const struct sim_gateway *g, const struct addr *a)
{
    return sim_interface_of(&g->host, a) != NULL;
}

static bool cut(void *arg, const struct addr *from, const struct addr *to)
{
    const struct sim_relay_story *s = arg;
    return !s->together && ((sim_relay_is_at(&s->alice, from) && sim_relay_is_at(&s->bob, to)) ||
                            (sim_relay_is_at(&s->bob, from) && sim_relay_is_at(&s->alice, to)));
}

static void on_passing(void *arg, const struct addr *from, const struct addr *to,
                       const uint8_t *data, size_t len)
{
    struct sim_relay_story *s = arg;
    (void)data;
    s->of_alice += sim_relay_is_at(&s->alice, from) ? len : 0;
    s->at_watched += addr_same_ip(to, &s->watched);
}

const char *sim_relay_text(const struct sim_gateway *relay, const char *host)
{
    static char text[PEER_RELAY_MAX + 1];
    char id[PEER_ID_TEXT_LEN + 1];
    (void)snprintf(text, sizeof(text), "%s@%s:4433", peer_id_print(&relay->keys.id, id), host);
    return text;
}

static void uses(struct sim_gateway *g, unsigned at, const struct sim_gateway *relay,
                 const char *host)
{
    (void)snprintf(g->options.relay_use[at], sizeof(g->options.relay_use[at]), "%s",
                   sim_relay_text(relay, host));
}

void sim_relay_knows(struct sim_gateway *g, const struct sim_gateway *other, unsigned at,
                     const struct sim_gateway *relay, const char *host)
{
    struct known_peer *p = registry_peer(g->registry, &other->keys.id);
    assert_non_null(p);
    (void)snprintf(p->relay[at], sizeof(p->relay[at]), "%s", sim_relay_text(relay, host));
}

void sim_relay_restart(struct sim_gateway *g)
{
    sim_gateway_stop(g);
    sim_gateway_start(g);
}

static void add(struct sim_relay_story *s, struct sim_gateway *g, const char *name, uint8_t number,
                const char *address)
{
    const struct sim_link line = {.delay = SIM_RELAY_LINE};
    sim_gateway_init(g, &s->world, name, number, INTERNET, address);
    sim_host_links(&g->host, &line);
}

int sim_relay_story_begin(void **state)
{
    static struct sim_relay_story story;
    struct sim_relay_story *s = &story;
    memset(s, 0, sizeof(*s));
    sim_world_init(&s->world, 0);
    s->world.cut = cut;
    s->world.tap = on_passing;
    s->world.cut_arg = s->world.tap_arg = s;
    add(s, &s->alice, "alice", 1, "192.0.2.1/24");
    add(s, &s->bob, "bob", 2, "198.51.100.2/24");
    add(s, &s->mallory, "mallory", 3, "203.0.113.3/24");
    add(s, &s->home, "home", 4, "203.0.113.4/24");
    add(s, &s->spare, "spare", 5, "203.0.113.5/24");
    fake_names_add(&s->world.names, "home.example", "203.0.113.4");
    fake_names_add(&s->world.names, "spare.example", "203.0.113.5");
    s->home.options.relay_serve = s->spare.options.relay_serve = RELAY_SERVE_OPEN;
    uses(&s->alice, 0, &s->home, "home.example");
    uses(&s->alice, 1, &s->spare, "spare.example");
    sim_echo_init(&s->echo, &s->alice.host.env, "127.0.0.1:7000");
    sim_gateway_start(&s->home);
    sim_gateway_start(&s->spare);
    sim_gateway_start(&s->alice);
    sim_gateway_start(&s->bob);
    sim_gateway_shares(&s->alice, "echo", SERVICE_BOTH, 7, "127.0.0.1:7000");
    sim_gateway_knows(&s->alice, &s->bob, "bob", NULL);
    sim_gateway_knows(&s->bob, &s->alice, "alice", NULL);
    sim_relay_knows(&s->bob, &s->alice, 0, &s->home, "home.example");
    *state = s;
    return 0;
}

int sim_relay_story_end(void **state)
{
    struct sim_relay_story *s = *state;
    sim_caller_deinit(&s->caller);
    sim_echo_deinit(&s->echo);
    sim_gateway_deinit(&s->mallory);
    sim_gateway_deinit(&s->bob);
    sim_gateway_deinit(&s->alice);
    sim_gateway_deinit(&s->home);
    sim_gateway_deinit(&s->spare);
    sim_world_deinit(&s->world);
    return 0;
}

void sim_relay_story_wait(struct sim_relay_story *s, instant span)
{
    (void)sim_world_run(&s->world, span, NULL, NULL);
}

void sim_relay_story_connect(struct sim_relay_story *s)
{
    sim_relay_story_wait(s, SEC(2)); /* alice registers */
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
}

void sim_relay_story_fails(struct sim_relay_story *s, const char *words)
{
    sim_gateway_connect(&s->bob, &s->alice);
    assert_true(sim_world_run(&s->world, SEC(10), sim_gateway_connected, &s->bob));
    assert_true(s->bob.wait_err < 0);
    if (!strstr(s->bob.wait_why, words))
        fail_msg("'%s' says nothing of '%s'", s->bob.wait_why, words);
}

void sim_relay_story_call(struct sim_relay_story *s, uint64_t bytes)
{
    sim_gateway_calls(&s->bob, &s->alice, &s->caller, bytes);
}

void sim_relay_story_call_ends_well(struct sim_relay_story *s, instant span)
{
    sim_gateway_call_ends_well(&s->bob, &s->caller, span);
}
