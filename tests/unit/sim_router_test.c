/* Simulated hosts behind simulated routers: who reaches whom, and what plain punching opens. */
#include "tests/sim/sim_router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A host with one UDP socket that answers where it is spoken to from, if told to. */
struct end {
    struct sim_host host;
    struct sim_access access;
    struct udp_socket *udp;
    unsigned heard;
    struct addr last;   /* who was heard */
    struct addr learnt; /* peer-reflexive: who was heard that is not the server */
    bool answers;
};

struct stage {
    struct sim_world world;
    struct end a, b, server;
};

#define SERVER "198.51.100.1:3478"

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static void say_to(struct end *e, const struct addr *to, int ttl)
{
    const struct udp_tx tx = {.to = to, .data = (const uint8_t *)"hi", .len = 2, .ttl = ttl};
    assert_int_equal(udp_send(&e->host.env, e->udp, &tx), 0);
}

static void say(struct end *e, const char *to, int ttl)
{
    const struct addr a = at(to);
    say_to(e, &a, ttl);
}

static void on_datagrams(void *arg, const struct udp_rx *rx)
{
    struct end *e = arg;
    const struct addr server = at(SERVER);
    e->heard++;
    e->last = rx->from;
    if (!addr_equal(&rx->from, &server))
        e->learnt = rx->from;
    if (e->answers)
        say_to(e, &rx->from, 0);
}

static const struct udp_handler handler = {on_datagrams, NULL};

static void open_end(struct end *e)
{
    const struct addr any = at("0.0.0.0:4433");
    const struct sim_link line = {.delay = MSEC(5)};
    sim_host_links(&e->host, &line);
    assert_int_equal(udp_open(&e->host.env, &e->udp, &any, 0, &handler, e), 0);
}

static void open_behind(struct stage *s, struct end *e, const char *name, const char *preset)
{
    bool is_a = e == &s->a;
    sim_host_init(&e->host, &s->world, name);
    sim_access_init(&e->access, &s->world, preset, is_a ? 1 : 2,
                    is_a ? "203.0.113.1" : "203.0.113.2");
    (void)sim_access_join(&e->access, &e->host, "192.168.1.2/24");
    open_end(e);
}

static void begin(struct stage *s, uint64_t seed, const char *a, const char *b)
{
    memset(s, 0, sizeof(*s));
    sim_world_init(&s->world, seed);
    open_behind(s, &s->a, "a", a);
    open_behind(s, &s->b, "b", b);
    sim_host_init(&s->server.host, &s->world, "server");
    (void)sim_host_join(&s->server.host, INTERNET, "198.51.100.1/24");
    (void)sim_host_join(&s->server.host, INTERNET, "198.51.100.2/24");
    open_end(&s->server);
    udp_close(&s->server.host.env, s->server.udp);
    const struct addr port = at("0.0.0.0:3478");
    assert_int_equal(udp_open(&s->server.host.env, &s->server.udp, &port, 0, &handler, &s->server),
                     0);
}

static void close_end(struct end *e)
{
    udp_close(&e->host.env, e->udp);
    sim_host_deinit(&e->host);
    if (e->access.depth > 0)
        sim_access_deinit(&e->access);
}

static void end(struct stage *s)
{
    close_end(&s->a);
    close_end(&s->b);
    close_end(&s->server);
    sim_world_deinit(&s->world);
}

static void run(struct stage *s, instant span)
{
    (void)sim_world_run(&s->world, span, NULL, NULL);
}

/* How the server sees an end. */
static struct addr seen(struct stage *s, struct end *e)
{
    unsigned heard = s->server.heard;
    say(e, SERVER, 0);
    run(s, MSEC(50));
    assert_int_equal(s->server.heard, heard + 1);
    return s->server.last;
}

/* ---- ways ---- */

static void a_server_sees_the_router_and_its_answer_arrives(void **state)
{
    struct stage s;
    (void)state;
    begin(&s, 1, "port_restricted", "public");
    s.server.answers = true;
    struct addr a = seen(&s, &s.a), b = seen(&s, &s.b);
    assert_true(addr_equal(&a, (struct addr[]){at("203.0.113.1:4433")}));
    assert_true(addr_equal(&b, (struct addr[]){at("203.0.113.2:4433")}));
    run(&s, SEC(1));
    assert_int_equal(s.a.heard, 1);
    assert_int_equal(s.b.heard, 1);
    end(&s);
}

static void two_routers_in_a_row_are_crossed_both_ways(void **state)
{
    struct stage s;
    (void)state;
    begin(&s, 1, "cgnat", "public");
    s.server.answers = true;
    struct addr a = seen(&s, &s.a);
    assert_true(addr_same_ip(&a, (struct addr[]){at("203.0.113.1:0")}));
    run(&s, SEC(1));
    assert_int_equal(s.a.heard, 1);
    assert_int_equal(s.a.access.router[0].nat.count.out, 1);
    assert_int_equal(s.a.access.router[1].nat.count.in, 1);
    end(&s);
}

static void strangers_are_kept_out_by_a_router_and_reach_a_public_host(void **state)
{
    struct stage s;
    (void)state;
    begin(&s, 1, "port_restricted", "public");
    (void)seen(&s, &s.a);
    say(&s.b, "203.0.113.1:4433", 0);
    say(&s.server, "203.0.113.2:4433", 0);
    run(&s, SEC(1));
    assert_int_equal(s.a.heard, 0);
    assert_int_equal(s.b.heard, 1);
    assert_int_equal(s.a.access.router[0].nat.count.filtered, 1);
    end(&s);
}

static void private_addresses_lead_nowhere_beyond_their_lan(void **state)
{
    struct stage s;
    (void)state;
    begin(&s, 1, "full_cone", "full_cone");
    say(&s.a, "192.168.1.3:4433", 0);
    say(&s.server, "192.168.1.2:4433", 0);
    run(&s, SEC(1));
    assert_int_equal(s.a.heard + s.b.heard, 0);
    end(&s);
}

static void two_hosts_of_one_lan_meet_by_hairpin(void **state)
{
    struct stage s;
    (void)state;
    begin(&s, 1, "full_cone", "public");
    struct end c = {0};
    sim_host_init(&c.host, &s.world, "c");
    (void)sim_access_join(&s.a.access, &c.host, "192.168.1.3/24");
    open_end(&c);
    struct addr public = seen(&s, &c);
    say_to(&s.a, &public, 0);
    run(&s, SEC(1));
    assert_int_equal(c.heard, 1);
    assert_true(addr_same_ip(&c.last, (struct addr[]){at("203.0.113.1:0")}));
    close_end(&c);
    end(&s);
}

/* ---- hops ---- */

static void a_low_hop_limit_opens_our_router_and_never_reaches_theirs(void **state)
{
    struct stage s;
    (void)state;
    begin(&s, 1, "port_restricted", "poisonable");
    /* One for the router, the rest for the internet: still not enough. */
    for (int ttl = 2; ttl <= 1 + (int)s.world.hops; ttl++)
        say(&s.a, "203.0.113.2:4433", ttl);
    run(&s, SEC(1));
    assert_int_equal(s.b.access.router[0].nat.count.poisoned, 0);
    assert_int_equal(nat_mapping_count(&s.a.access.router[0].nat, s.world.now), 1);
    say(&s.a, "203.0.113.2:4433", 2 + (int)s.world.hops);
    run(&s, SEC(1));
    assert_int_equal(s.b.access.router[0].nat.count.poisoned, 1);
    end(&s);
}

/* ---- change ---- */

static void a_rebooted_router_has_another_address_and_no_mappings(void **state)
{
    struct stage s;
    (void)state;
    begin(&s, 1, "full_cone", "public");
    (void)seen(&s, &s.a);
    sim_router_reboot(&s.a.access.router[0], "203.0.113.99");
    say(&s.server, "203.0.113.1:4433", 0);
    say(&s.server, "203.0.113.99:4433", 0);
    run(&s, SEC(1));
    assert_int_equal(s.a.heard, 0);
    struct addr a = seen(&s, &s.a);
    assert_true(addr_equal(&a, (struct addr[]){at("203.0.113.99:4433")}));
    end(&s);
}

static void a_host_roams_from_behind_one_router_to_another(void **state)
{
    struct stage s;
    (void)state;
    begin(&s, 1, "port_restricted", "sym_random");
    sim_host_roam(&s.a.host, &s.a.host.interface[2], s.b.access.network, "192.168.1.77/24");
    struct addr a = seen(&s, &s.a);
    assert_true(addr_same_ip(&a, (struct addr[]){at("203.0.113.2:0")}));
    end(&s);
}

static void the_lines_of_a_router_delay_and_lose(void **state)
{
    struct stage s;
    (void)state;
    begin(&s, 1, "port_restricted", "public");
    s.server.answers = true;
    s.a.access.router[0].up.delay = MSEC(20);
    s.a.access.router[0].down.loss = 1000;
    say(&s.a, SERVER, 0);
    run(&s, MSEC(29));
    assert_int_equal(s.server.heard, 0);
    run(&s, MSEC(1));
    assert_int_equal(s.server.heard, 1);
    run(&s, SEC(1));
    assert_int_equal(s.a.heard, 0);
    end(&s);
}

static bool between_a_and_server(void *arg, const struct addr *from, const struct addr *to)
{
    const struct addr a = at("203.0.113.1:0"), server = at(SERVER);
    (void)arg;
    return (addr_same_ip(from, &a) && addr_same_ip(to, &server)) ||
           (addr_same_ip(from, &server) && addr_same_ip(to, &a));
}

static void a_way_through_the_internet_can_be_cut_while_others_stay(void **state)
{
    struct stage s;
    (void)state;
    begin(&s, 1, "full_cone", "public");
    s.world.cut = between_a_and_server;
    say(&s.a, SERVER, 0);
    say(&s.a, "203.0.113.2:4433", 0);
    run(&s, SEC(1));
    assert_int_equal(s.server.heard, 0);
    assert_int_equal(s.b.heard, 1);
    end(&s);
}

static void a_router_that_goes_takes_its_packets_along(void **state)
{
    struct stage s;
    (void)state;
    begin(&s, 1, "port_restricted", "public");
    s.a.access.router[0].up.delay = SEC(1);
    say(&s.a, SERVER, 0);
    run(&s, MSEC(100));
    end(&s); /* no event is left */
}

/* ---- punching ---- */

/* Both send to where the server saw the other, and to where they hear one from; b 100 ms later. */
static bool punch(const char *a, const char *b, uint64_t seed, bool with_opener)
{
    struct stage s;
    begin(&s, seed, a, b);
    const struct addr to_a = seen(&s, &s.a), to_b = seen(&s, &s.b);
    if (with_opener) {
        say_to(&s.a, &to_b, 4);
        say_to(&s.b, &to_a, 4);
        run(&s, MSEC(20));
    }
    for (unsigned i = 0; i < 30; i++) {
        say_to(&s.a, addr_is_none(&s.a.learnt) ? &to_b : &s.a.learnt, 0);
        run(&s, MSEC(100));
        say_to(&s.b, addr_is_none(&s.b.learnt) ? &to_a : &s.b.learnt, 0);
    }
    run(&s, SEC(1));
    bool open = s.a.heard > 0 && s.b.heard > 0;
    end(&s);
    return open;
}

static unsigned grid(bool with_opener)
{
    unsigned open = 0;
    for (unsigned a = 0; a < NAT_GRID; a++)
        for (unsigned b = 0; b < NAT_GRID; b++)
            open += punch(nat_preset_at(a)->name, nat_preset_at(b)->name, 1 + a * NAT_GRID + b,
                          with_opener);
    return open;
}

/* The numbers that a puncher of the same kind reached over real sockets. */
static void plain_punching_opens_41_pairs_of_the_grid_and_low_hop_limits_43(void **state)
{
    (void)state;
    assert_int_equal(grid(false), 41);
    assert_int_equal(grid(true), 43);
}

static void equal_seeds_give_equal_worlds(void **state)
{
    uint64_t trace[2];
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct stage s;
        begin(&s, 9, "sym_random", "sym_block512");
        s.server.answers = true;
        (void)seen(&s, &s.a);
        (void)seen(&s, &s.b);
        run(&s, SEC(1));
        trace[i] = sim_world_trace(&s.world);
        end(&s);
    }
    assert_true(trace[0] == trace[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_sees_the_router_and_its_answer_arrives),
        cmocka_unit_test(two_routers_in_a_row_are_crossed_both_ways),
        cmocka_unit_test(strangers_are_kept_out_by_a_router_and_reach_a_public_host),
        cmocka_unit_test(private_addresses_lead_nowhere_beyond_their_lan),
        cmocka_unit_test(two_hosts_of_one_lan_meet_by_hairpin),
        cmocka_unit_test(a_low_hop_limit_opens_our_router_and_never_reaches_theirs),
        cmocka_unit_test(a_rebooted_router_has_another_address_and_no_mappings),
        cmocka_unit_test(a_host_roams_from_behind_one_router_to_another),
        cmocka_unit_test(the_lines_of_a_router_delay_and_lose),
        cmocka_unit_test(a_way_through_the_internet_can_be_cut_while_others_stay),
        cmocka_unit_test(a_router_that_goes_takes_its_packets_along),
        cmocka_unit_test(plain_punching_opens_41_pairs_of_the_grid_and_low_hop_limits_43),
        cmocka_unit_test(equal_seeds_give_equal_worlds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
