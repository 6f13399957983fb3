/* A gateway finds out what its NAT is, from the relays that it has. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/wire/candidate.h"
#include "tests/sim/sim_gateway.h"
#include "tests/sim/sim_router.h"

#define HOME   11
#define PUBLIC "203.0.113.1"

static const char *const RELAY_ADDRESS[] = {"198.51.100.8/24", "198.51.100.9/24"};

struct story {
    struct sim_world world;
    struct sim_access home;
    struct sim_gateway relay[2], us;
    size_t relays;
};

static void use_relay(struct story *s, size_t i)
{
    char id[PEER_ID_TEXT_LEN + 1], at[ADDR_TEXT_MAX];
    (void)snprintf(at, sizeof(at), "%s", RELAY_ADDRESS[i]);
    *strchr(at, '/') = '\0';
    (void)snprintf(s->us.options.relay_use[i], sizeof(s->us.options.relay_use[i]), "%s@%s:%u",
                   peer_id_print(&s->relay[i].keys.id, id), at, SIM_GATEWAY_PORT);
}

static void begin(struct story *s, const char *preset, size_t relays)
{
    const struct sim_link line = {.delay = MSEC(5)};

    memset(s, 0, sizeof(*s));
    sim_world_init(&s->world, 0);
    sim_access_init(&s->home, &s->world, preset, HOME, PUBLIC);
    sim_gateway_init(&s->us, &s->world, "us", 1, HOME,
                     s->home.translates ? "192.168.1.2/24" : PUBLIC "/32");
    sim_host_links(&s->us.host, &line);
    for (s->relays = 0; s->relays < relays; s->relays++) {
        struct sim_gateway *r = &s->relay[s->relays];
        sim_gateway_init(r, &s->world, "relay", (uint8_t)(8 + s->relays), INTERNET,
                         RELAY_ADDRESS[s->relays]);
        r->options.relay_serve = RELAY_SERVE_OPEN;
        sim_host_links(&r->host, &line);
        sim_gateway_start(r);
        use_relay(s, s->relays);
    }
    sim_gateway_start(&s->us);
}

static void end(struct story *s)
{
    for (size_t i = 0; i < s->relays; i++)
        sim_gateway_deinit(&s->relay[i]);
    sim_gateway_deinit(&s->us);
    sim_access_deinit(&s->home);
    sim_world_deinit(&s->world);
}

static struct node_nat after(struct story *s, instant span)
{
    struct node_nat nat;
    (void)sim_world_run(&s->world, span, NULL, NULL);
    node_nat(s->us.node, &nat);
    return nat;
}

static void two_relays_tell_all_eight_kinds_of_nat(void **state)
{
    static const struct {
        const char *preset;
        enum nat_class class;
        enum nat_rule mapping, filtering;
    } KIND[] = {
        {"public", NAT_PUBLIC, NAT_RULE_EI, NAT_RULE_EI},
        {"full_cone", NAT_PUBLIC, NAT_RULE_EI, NAT_RULE_EI},
        {"address_restricted", NAT_CONE, NAT_RULE_EI, NAT_RULE_AD},
        {"port_restricted", NAT_CONE, NAT_RULE_EI, NAT_RULE_APD},
        {"poisonable", NAT_CONE, NAT_RULE_EI, NAT_RULE_APD},
        {"sym_seq", NAT_SEQUENTIAL, NAT_RULE_APD, NAT_RULE_APD},
        {"sym_random", NAT_RANDOM, NAT_RULE_APD, NAT_RULE_APD},
        {"sym_block512", NAT_BLOCK, NAT_RULE_APD, NAT_RULE_APD},
    };
    struct story s;
    (void)state;

    for (size_t i = 0; i < sizeof(KIND) / sizeof(KIND[0]); i++) {
        begin(&s, KIND[i].preset, 2);
        struct node_nat nat = after(&s, SEC(8));
        print_message("%s: %s, mapping %s, filtering %s\n", KIND[i].preset,
                      nat_class_text(nat.class), nat_rule_name(nat.mapping),
                      nat_rule_name(nat.filtering));
        assert_string_equal(nat_class_text(nat.class), nat_class_text(KIND[i].class));
        assert_int_equal(nat.mapping, KIND[i].mapping);
        assert_int_equal(nat.filtering, KIND[i].filtering);
        end(&s);
    }
}

static void the_class_is_known_within_half_a_second(void **state)
{
    struct story s;
    (void)state;
    begin(&s, "sym_seq", 2);
    assert_int_equal(after(&s, MSEC(500)).class, NAT_SEQUENTIAL);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_relays_tell_all_eight_kinds_of_nat),
        cmocka_unit_test(the_class_is_known_within_half_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
