/* Gateways behind routers that map ports: what is asked, told, kept, and given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_gateway.h"

#define LAN_A 10
#define LAN_B 11

/** A router as PCP sees it: it maps every port to one address. */
struct pcp_router {
    struct sim_host host;
    struct udp_socket *udp;
    const char *external; /* NULL: says nothing */
    unsigned asked, deleted;
    uint8_t nonce[12]; /* of the last request */
};

struct story {
    struct sim_world world;
    struct sim_gateway alice;
    struct pcp_router a, b;
};

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static void on_request(void *arg, const struct udp_rx *rx)
{
    struct pcp_router *r = arg;
    uint8_t out[60] = {2, 0x81};
    size_t len;

    if (rx->len != 60 || rx->data[0] != 2)
        return;
    r->asked++;
    memcpy(r->nonce, rx->data + 24, sizeof(r->nonce));
    memcpy(out + 4, rx->data + 4, 4);
    r->deleted += memcmp(out + 4, "\0\0\0\0", 4) == 0;
    if (!r->external)
        return;
    const struct addr external = at(r->external);
    memcpy(out + 24, rx->data + 24, 18);
    out[42] = (uint8_t)(addr_port(&external) >> 8);
    out[43] = (uint8_t)addr_port(&external);
    out[54] = out[55] = 0xff;
    memcpy(out + 56, addr_ip(&external, &len), 4);
    out[8] = 1; /* the epoch stands still: too old to matter */
    const struct udp_tx tx = {.to = &rx->from, .data = out, .len = sizeof(out)};
    assert_int_equal(udp_send(&r->host.env, r->udp, &tx), 0);
}

static void build_router(struct pcp_router *r, struct sim_world *w, const char *name, unsigned lan,
                         const char *address)
{
    static const struct udp_handler HANDLER = {.on_datagrams = on_request};
    const struct addr port = at("0.0.0.0:5351");

    sim_host_init(&r->host, w, name);
    (void)sim_host_join(&r->host, lan, address);
    assert_int_equal(udp_open(&r->host.env, &r->udp, &port, 0, &HANDLER, r), 0);
    r->external = "203.0.113.7:40000";
}

/* What the kernel would say of Alice's default route. */
static void route(struct story *s, const char *router, const char *local)
{
    struct router *r = &s->alice.host.router[0];

    s->alice.host.router_count = router != NULL;
    if (!router)
        return;
    assert_int_equal(addr_parse_ip(&r->addr, router, 0), 0);
    assert_int_equal(addr_parse_ip(&r->local, local, 0), 0);
    r->ifindex = s->alice.host.interface[2].is.index;
}

static int begin(void **state)
{
    struct story *s = calloc(1, sizeof(*s));

    sim_world_init(&s->world, 0);
    build_router(&s->a, &s->world, "a", LAN_A, "192.168.7.1/24");
    build_router(&s->b, &s->world, "b", LAN_B, "10.0.0.1/8");
    sim_gateway_init(&s->alice, &s->world, "alice", 1, LAN_A, "192.168.7.2/24");
    route(s, "192.168.7.1", "192.168.7.2");
    *state = s;
    return 0;
}

static void end_router(struct pcp_router *r)
{
    udp_close(&r->host.env, r->udp);
    sim_host_deinit(&r->host);
}

static int end(void **state)
{
    struct story *s = *state;

    sim_gateway_deinit(&s->alice);
    end_router(&s->a);
    end_router(&s->b);
    sim_world_deinit(&s->world);
    free(s);
    return 0;
}

static void wait(struct story *s, instant span)
{
    (void)sim_world_run(&s->world, span, NULL, NULL);
}

static void check_says(struct story *s, const char *start)
{
    char text[NODE_TEXT_MAX];

    (void)node_port_mapping(s->alice.node, text);
    if (strncmp(text, start, strlen(start)) != 0)
        fail_msg("says: %s", text);
}

static void says_how_it_is_reached_and_gives_the_port_back(void **state)
{
    struct story *s = *state;

    sim_gateway_start(&s->alice);
    check_says(s, "the router is being asked");
    wait(s, SEC(1));
    check_says(s, "pcp 203.0.113.7:40000, 7199 s left, not verified");
    assert_int_equal(s->a.asked, 1);
    sim_gateway_stop(&s->alice);
    assert_int_equal(s->a.deleted, 1);
}

static void says_that_there_is_one_more_nat(void **state)
{
    struct story *s = *state;

    s->a.external = "100.64.0.9:40000";
    sim_gateway_start(&s->alice);
    wait(s, SEC(1));
    check_says(s, "pcp 100.64.0.9:40000, 7199 s left, behind another NAT");
    struct node_nat nat;
    node_nat(s->alice.node, &nat);
    assert_int_equal(nat.layered, NAT_YES);
    assert_int_equal(nat.carrier, NAT_YES);
    assert_int_equal(nat.port_maps, 1);
    assert_string_equal(nat.port_map[0].method, "pcp");
    assert_string_equal(nat.port_map[0].state, "behind another NAT");
}

static void asks_the_router_of_the_network_where_it_is(void **state)
{
    struct story *s = *state;

    sim_gateway_start(&s->alice);
    wait(s, SEC(1));
    s->b.external = "198.51.100.9:4433";
    sim_host_roam(&s->alice.host, &s->alice.host.interface[2], LAN_B, "10.0.0.2/8");
    route(s, "10.0.0.1", "10.0.0.2");
    node_network_changed(s->alice.node);
    wait(s, SEC(1));
    check_says(s, "pcp 198.51.100.9:4433, ");
    route(s, NULL, NULL);
    node_network_changed(s->alice.node);
    wait(s, SEC(1));
    check_says(s, "there is no router");
}

static void renews_at_half_of_its_life_for_a_day(void **state)
{
    struct story *s = *state;

    sim_gateway_start(&s->alice);
    wait(s, SEC(86400) - SEC(60));
    assert_in_range(s->a.asked, 24, 25);
    check_says(s, "pcp 203.0.113.7:40000, ");
}

static void is_known_to_the_router_after_a_power_cut(void **state)
{
    struct story *s = *state;
    uint8_t nonce[12];

    sim_gateway_start(&s->alice);
    wait(s, SEC(1));
    memcpy(nonce, s->a.nonce, sizeof(nonce));
    sim_gateway_crash(&s->alice);
    memset(s->a.nonce, 0, sizeof(nonce));
    sim_gateway_start(&s->alice);
    wait(s, SEC(1));
    assert_memory_equal(s->a.nonce, nonce, sizeof(nonce));
}

static void asks_nobody_when_turned_off_or_public(void **state)
{
    struct story *s = *state;

    s->alice.options.no_portmap = true;
    sim_gateway_start(&s->alice);
    wait(s, SEC(60));
    check_says(s, "turned off");
    sim_gateway_stop(&s->alice);

    s->alice.options.no_portmap = false;
    route(s, "203.0.113.1", "203.0.113.50");
    sim_gateway_start(&s->alice);
    wait(s, SEC(60));
    check_says(s, "there is no router");
    assert_int_equal(s->a.asked, 0);
    assert_int_equal(s->alice.host.sent, 0);
}

static void starts_and_stops_at_once_with_a_silent_router(void **state)
{
    struct story *s = *state;

    s->a.external = NULL;
    sim_gateway_start(&s->alice);
    sim_gateway_stop(&s->alice);
    sim_gateway_start(&s->alice);
    wait(s, SEC(30));
    check_says(s, "the router knows none of PCP");
    assert_in_range(s->a.asked, 5, 9);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(says_how_it_is_reached_and_gives_the_port_back),
        STORY(says_that_there_is_one_more_nat),
        STORY(asks_the_router_of_the_network_where_it_is),
        STORY(renews_at_half_of_its_life_for_a_day),
        STORY(is_known_to_the_router_after_a_power_cut),
        STORY(asks_nobody_when_turned_off_or_public),
        STORY(starts_and_stops_at_once_with_a_silent_router),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
