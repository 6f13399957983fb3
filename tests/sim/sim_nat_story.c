#include "tests/sim/sim_nat_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ALICE_LAN = 11, BOB_LAN = 12 };

static const char *const PUBLIC[] = {"203.0.113.1", "203.0.113.2"};

static struct sim_access *begin_home(struct sim_nat_story *s, const char *preset)
{
    size_t at = s->home_count++;
    sim_access_init(&s->homes[at], &s->world, preset, at == 0 ? ALICE_LAN : BOB_LAN, PUBLIC[at]);
    return &s->homes[at];
}

static void begin_gateway(struct sim_nat_story *s, struct sim_gateway *g, const char *name,
                          uint8_t number, struct sim_access *home)
{
    char address[ADDR_TEXT_MAX];
    (void)snprintf(address, sizeof(address), "192.168.1.%u/24", number + 1U);
    sim_gateway_init_at_home(g, &s->world, name, number, home, address, MSEC(5));
}

static void begin_relay(struct sim_nat_story *s, struct sim_gateway *g, const char *name,
                        uint8_t number, const char *address)
{
    sim_gateway_init(g, &s->world, name, number, INTERNET, address);
    g->options.relay_serve = RELAY_SERVE_OPEN;
    sim_host_links(&g->host, &(struct sim_link){.delay = MSEC(10)});
    sim_gateway_start(g);
}

void sim_nat_story_begin(struct sim_nat_story *s, const char *alice_home, const char *bob_home)
{
    const struct sim_nat_story wish = {
        .seed = s->seed, .has_spare = s->has_spare, .both_use = s->both_use};
    *s = wish;
    sim_world_init(&s->world, s->seed);
    struct sim_access *home = begin_home(s, alice_home);
    begin_gateway(s, &s->alice, "alice", 1, home);
    begin_gateway(s, &s->bob, "bob", 2, bob_home ? begin_home(s, bob_home) : home);
    begin_relay(s, &s->relay, "relay", 9, "198.51.100.9/24");
    if (s->has_spare)
        begin_relay(s, &s->spare, "spare", 10, "192.0.2.10/24");
    sim_echo_init(&s->echo, &s->alice.host.env, "127.0.0.1:7000");
}

static void use_relays(const struct sim_nat_story *s, char out[][PEER_RELAY_MAX + 1])
{
    char id[PEER_ID_TEXT_LEN + 1];
    (void)snprintf(out[0], PEER_RELAY_MAX + 1, "%s@%s", peer_id_print(&s->relay.keys.id, id),
                   RELAY_ADDRESS);
    if (s->has_spare)
        (void)snprintf(out[1], PEER_RELAY_MAX + 1, "%s@%s", peer_id_print(&s->spare.keys.id, id),
                       SPARE_ADDRESS);
}

void sim_nat_story_launch(struct sim_nat_story *s)
{
    int err;
    use_relays(s, s->alice.options.relay_use);
    if (s->both_use)
        use_relays(s, s->bob.options.relay_use);
    sim_gateway_start(&s->alice);
    sim_gateway_start(&s->bob);
    sim_gateway_shares(&s->alice, "echo", SERVICE_BOTH, 7, "127.0.0.1:7000");
    sim_gateway_knows(&s->alice, &s->bob, "bob", NULL);
    sim_gateway_knows(&s->bob, &s->alice, "alice", NULL);
    use_relays(s, registry_peer_add(s->bob.registry, &s->alice.keys.id, &err)->relay);
}

void sim_nat_story_start(struct sim_nat_story *s)
{
    sim_nat_story_launch(s);
    sim_nat_story_wait(s, SEC(1));
    assert_int_equal(sim_gateway_view(&s->alice, &s->relay).state, PEER_DIRECT);
}

void sim_nat_story_end(struct sim_nat_story *s)
{
    sim_caller_deinit(&s->caller);
    sim_echo_deinit(&s->echo);
    if (s->has_spare)
        sim_gateway_deinit(&s->spare);
    sim_gateway_deinit(&s->relay);
    sim_gateway_deinit(&s->bob);
    sim_gateway_deinit(&s->alice);
    while (s->home_count > 0)
        sim_access_deinit(&s->homes[--s->home_count]);
    sim_world_deinit(&s->world);
}

void sim_nat_story_connect(struct sim_nat_story *s)
{
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(2));
}

struct hope {
    struct sim_nat_story *story;
    enum peer_state state;
};

static bool is_fulfilled(void *arg)
{
    const struct hope *h = arg;
    return sim_gateway_view(&h->story->alice, &h->story->bob).state == h->state &&
           sim_gateway_view(&h->story->bob, &h->story->alice).state == h->state;
}

bool sim_nat_story_both_become(struct sim_nat_story *s, enum peer_state state, instant span)
{
    struct hope h = {s, state};
    return sim_world_run(&s->world, span, is_fulfilled, &h);
}

void sim_nat_story_call(struct sim_nat_story *s, uint64_t bytes)
{
    sim_gateway_calls(&s->bob, &s->alice, &s->caller, bytes);
}

void sim_nat_story_call_ends_well(struct sim_nat_story *s, instant span)
{
    sim_gateway_call_ends_well(&s->bob, &s->caller, span);
}

void sim_nat_story_wait(struct sim_nat_story *s, instant span)
{
    (void)sim_world_run(&s->world, span, NULL, NULL);
}
