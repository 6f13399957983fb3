/* The simulated routers by themselves: every rule, what expires when, and that seeds repeat. */
#include "tests/natlab/nat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define INSIDE  "192.168.1.2:5000"
#define REMOTE  "198.51.100.1:3478" /* who is talked to */
#define PORT2   "198.51.100.1:3479" /* its other port */
#define HOST2   "198.51.100.2:3478" /* another address */
#define ROUTER  "203.0.113.7"
#define ROUTER2 "203.0.113.8"

struct lab {
    struct nat nat;
    instant now;
};

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static struct addr ip(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse_ip(&a, text, 0), 0);
    return a;
}

static struct lab lab_with(const struct nat_config *config)
{
    struct lab lab = {.now = SEC(1)};
    const struct addr public = ip(ROUTER);
    assert_int_equal(nat_init(&lab.nat, config, &public, 7), 0);
    return lab;
}

static struct lab lab_of(const char *preset)
{
    const struct nat_preset *p = nat_preset_find(preset);
    assert_non_null(p);
    return lab_with(&p->router[0]);
}

static struct nat_packet udp(const char *from, const char *to)
{
    return (struct nat_packet){.from = at(from), .to = at(to), .ttl = 64};
}

/* The port that a packet leaves from, 0: it does not. */
static uint16_t sent(struct lab *lab, const char *from, const char *to)
{
    struct nat_packet p = udp(from, to);
    if (nat_out(&lab->nat, lab->now, &p) != NAT_PASS)
        return 0;
    assert_true(addr_same_ip(&p.from, &lab->nat.public));
    assert_int_equal(p.ttl, 63);
    return addr_port(&p.from);
}

/* A packet to a public port comes in, and to the socket it is for. */
static bool heard(struct lab *lab, const char *from, uint16_t port, const char *inside)
{
    struct nat_packet p = udp(from, ROUTER ":1");
    addr_set_port(&p.to, port);
    if (nat_in(&lab->nat, lab->now, &p) != NAT_PASS)
        return false;
    struct addr want = at(inside);
    assert_true(addr_equal(&p.to, &want));
    assert_int_equal(p.ttl, 63);
    return true;
}

/* ---- mapping, filtering, ports ---- */

static void check_mapping(struct lab *lab, enum nat_mapping rule, uint16_t port)
{
    bool ei = rule == NAT_MAP_EI || rule == NAT_MAP_LINUX;
    assert_int_equal(sent(lab, INSIDE, REMOTE), port);
    assert_int_equal(sent(lab, INSIDE, PORT2) == port, ei || rule == NAT_MAP_AD);
    assert_int_equal(sent(lab, INSIDE, HOST2) == port, ei);
}

static void check_filter(struct lab *lab, enum nat_filter rule, uint16_t port)
{
    assert_true(heard(lab, REMOTE, port, INSIDE));
    assert_int_equal(heard(lab, PORT2, port, INSIDE), rule != NAT_FILTER_APD);
    assert_int_equal(heard(lab, HOST2, port, INSIDE), rule == NAT_FILTER_EI);
    assert_false(heard(lab, REMOTE, (uint16_t)(port ^ 1), INSIDE));
}

static void check_ports(struct lab *lab, enum nat_ports rule, uint16_t port)
{
    uint16_t next = sent(lab, "192.168.1.2:5001", REMOTE);
    uint16_t neighbour = sent(lab, "192.168.1.3:5000", REMOTE);
    assert_true(port >= 1024 && next >= 1024 && neighbour >= 1024);
    assert_true(port != next && port != neighbour && next != neighbour);
    assert_int_equal(port == 5000 && next == 5001 && neighbour != 5000, rule == NAT_PORTS_PRESERVE);
    assert_int_equal(next == port + 1 && neighbour == port + 2, rule == NAT_PORTS_SEQUENTIAL);
    if (rule != NAT_PORTS_BLOCK)
        return;
    assert_int_equal((port - 1024) / 512, (next - 1024) / 512);
    assert_int_not_equal((port - 1024) / 512, (neighbour - 1024) / 512);
}

static void every_mapping_filter_and_port_rule_does_what_it_says(void **state)
{
    (void)state;
    for (unsigned all = 0; all < 4 * 3 * 4; all++) {
        const struct nat_config c = {
            .mapping = NAT_MAP_EI + all % 4,
            .filter = NAT_FILTER_EI + all / 4 % 3,
            .ports = NAT_PORTS_PRESERVE + all / 12,
        };
        struct lab lab = lab_with(&c);
        uint16_t port = sent(&lab, INSIDE, REMOTE);
        check_filter(&lab, c.filter, port);
        check_ports(&lab, c.ports, port);
        /* Linux with a port rule of its own is what `masquerade random` is: symmetric. */
        if (c.mapping != NAT_MAP_LINUX || c.ports == NAT_PORTS_PRESERVE)
            check_mapping(&lab, c.mapping, port);
        nat_deinit(&lab.nat);
    }
}

static void the_same_seed_gives_the_same_ports(void **state)
{
    (void)state;
    uint16_t port[2][200];
    for (unsigned run = 0; run < 2; run++) {
        struct lab lab = lab_of("sym_random");
        for (uint16_t i = 0; i < 200; i++) {
            char remote[40];
            (void)snprintf(remote, sizeof(remote), "198.51.100.9:%u", 1000u + i);
            port[run][i] = sent(&lab, INSIDE, remote);
        }
        nat_deinit(&lab.nat);
    }
    assert_memory_equal(port[0], port[1], sizeof(port[0]));
}

static void ports_run_out_and_are_never_given_twice(void **state)
{
    (void)state;
    for (unsigned rule = NAT_PORTS_PRESERVE; rule <= NAT_PORTS_BLOCK; rule++) {
        const struct nat_config c = {.mapping = NAT_MAP_APD,
                                     .ports = rule,
                                     .port_min = 20000,
                                     .port_max = 20127,
                                     .block = 64};
        struct lab lab = lab_with(&c);
        bool seen[128] = {false};
        for (unsigned i = 0; i < 200; i++) {
            char remote[40];
            (void)snprintf(remote, sizeof(remote), "198.51.100.9:%u", 1000 + i);
            uint16_t port = sent(&lab, "192.168.1.2:20005", remote);
            assert_int_equal(port == 0, i >= 128);
            assert_true(port == 0 || !seen[port - 20000]);
            if (port > 0)
                seen[port - 20000] = true;
        }
        assert_int_equal(lab.nat.count.full, 72);
        nat_deinit(&lab.nat);
    }
}

static void a_full_table_refuses_new_flows_and_keeps_the_old(void **state)
{
    (void)state;
    struct lab lab = lab_with(&(struct nat_config){.mapping = NAT_MAP_EI, .flows_max = 4});
    assert_int_equal(sent(&lab, "192.168.1.2:5000", REMOTE), 5000);
    assert_int_equal(sent(&lab, "192.168.1.2:5001", REMOTE), 5001);
    assert_int_equal(sent(&lab, "192.168.1.2:5002", REMOTE), 0);
    assert_int_equal(sent(&lab, "192.168.1.2:5000", REMOTE), 5000);
    lab.now += SEC(31);
    assert_int_equal(sent(&lab, "192.168.1.2:5002", REMOTE), 5002);
    nat_deinit(&lab.nat);
}

/* ---- Linux ---- */

static void a_packet_that_comes_first_poisons_the_port_towards_its_sender(void **state)
{
    (void)state;
    struct lab lab = lab_of("poisonable");
    assert_int_equal(sent(&lab, INSIDE, HOST2), 5000);
    assert_false(heard(&lab, REMOTE, 5000, INSIDE));
    uint16_t moved = sent(&lab, INSIDE, REMOTE);
    assert_int_not_equal(moved, 5000);
    assert_int_equal(lab.nat.count.poisoned, 1);
    /* It goes on knocking at the old port, which keeps the wound open. */
    for (unsigned i = 0; i < 3; i++) {
        lab.now += SEC(20);
        assert_false(heard(&lab, REMOTE, 5000, INSIDE));
        assert_int_equal(sent(&lab, INSIDE, REMOTE), moved);
    }
    assert_true(heard(&lab, REMOTE, moved, INSIDE));
    nat_deinit(&lab.nat);
}

static void poison_is_gone_after_thirty_seconds_of_silence(void **state)
{
    (void)state;
    struct lab lab = lab_of("poisonable");
    assert_false(heard(&lab, REMOTE, 5000, INSIDE));
    lab.now += SEC(30);
    assert_int_equal(sent(&lab, INSIDE, REMOTE), 5000);
    nat_deinit(&lab.nat);
}

static void who_sends_first_or_drops_input_is_not_poisoned(void **state)
{
    (void)state;
    struct lab lab = lab_of("poisonable");
    assert_int_equal(sent(&lab, INSIDE, REMOTE), 5000);
    assert_true(heard(&lab, REMOTE, 5000, INSIDE));
    nat_deinit(&lab.nat);

    lab = lab_of("linux");
    assert_false(heard(&lab, REMOTE, 5000, INSIDE));
    assert_int_equal(sent(&lab, INSIDE, REMOTE), 5000);
    assert_int_equal(lab.nat.count.poisoned, 0);
    nat_deinit(&lab.nat);
}

static void two_inside_hosts_share_a_port_towards_different_remotes(void **state)
{
    (void)state;
    struct lab lab = lab_of("linux");
    assert_int_equal(sent(&lab, "192.168.1.2:5000", REMOTE), 5000);
    assert_int_equal(sent(&lab, "192.168.1.3:5000", HOST2), 5000);
    assert_int_not_equal(sent(&lab, "192.168.1.3:5000", REMOTE), 5000);
    assert_true(heard(&lab, REMOTE, 5000, "192.168.1.2:5000"));
    assert_true(heard(&lab, HOST2, 5000, "192.168.1.3:5000"));
    nat_deinit(&lab.nat);
}

static void a_port_that_moved_once_is_kept_for_the_remotes_that_follow(void **state)
{
    (void)state;
    struct lab lab = lab_of("poisonable");
    assert_false(heard(&lab, REMOTE, 5000, INSIDE));
    uint16_t moved = sent(&lab, INSIDE, REMOTE);
    assert_int_equal(sent(&lab, INSIDE, HOST2), moved);
    nat_deinit(&lab.nat);
}

/* ---- leases ---- */

static void a_mapping_lives_thirty_seconds_unless_it_is_answered(void **state)
{
    (void)state;
    struct lab lab = lab_of("port_restricted");
    assert_int_equal(sent(&lab, INSIDE, REMOTE), 5000);
    lab.now += SEC(30) - 1;
    assert_int_equal(nat_mapping_count(&lab.nat, lab.now), 1);
    assert_true(heard(&lab, REMOTE, 5000, INSIDE));
    lab.now += SEC(120) - 1;
    assert_true(heard(&lab, REMOTE, 5000, INSIDE));
    lab.now += SEC(120);
    assert_false(heard(&lab, REMOTE, 5000, INSIDE));
    assert_int_equal(nat_mapping_count(&lab.nat, lab.now), 0);
    nat_deinit(&lab.nat);
}

static void leases_can_be_chosen(void **state)
{
    (void)state;
    const struct nat_config c = {.mapping = NAT_MAP_APD,
                                 .ports = NAT_PORTS_SEQUENTIAL,
                                 .unreplied = SEC(5),
                                 .stream = SEC(5)};
    struct lab lab = lab_with(&c);
    uint16_t port = sent(&lab, INSIDE, REMOTE);
    assert_true(heard(&lab, REMOTE, port, INSIDE));
    lab.now += SEC(5);
    assert_false(heard(&lab, REMOTE, port, INSIDE));
    assert_int_equal(sent(&lab, INSIDE, REMOTE), port + 1);
    nat_deinit(&lab.nat);
}

static void what_comes_in_may_be_told_not_to_refresh(void **state)
{
    (void)state;
    struct lab lab = lab_with(
        &(struct nat_config){.mapping = NAT_MAP_EI, .stream = SEC(30), .keeps_on_out_only = true});
    assert_int_equal(sent(&lab, INSIDE, REMOTE), 5000);
    lab.now += SEC(20);
    assert_true(heard(&lab, REMOTE, 5000, INSIDE));
    lab.now += SEC(10);
    assert_false(heard(&lab, REMOTE, 5000, INSIDE));
    nat_deinit(&lab.nat);
}

static void a_permit_runs_out_while_its_mapping_lives_on(void **state)
{
    (void)state;
    struct lab lab = lab_of("port_restricted");
    assert_int_equal(sent(&lab, INSIDE, REMOTE), 5000);
    lab.now += SEC(20);
    assert_int_equal(sent(&lab, INSIDE, HOST2), 5000);
    lab.now += SEC(20);
    assert_false(heard(&lab, REMOTE, 5000, INSIDE));
    assert_true(heard(&lab, HOST2, 5000, INSIDE));
    nat_deinit(&lab.nat);
}

static void a_reboot_forgets_and_may_change_the_address(void **state)
{
    (void)state;
    struct lab lab = lab_of("full_cone");
    assert_int_equal(sent(&lab, INSIDE, REMOTE), 5000);
    const struct addr next = ip(ROUTER2);
    nat_reboot(&lab.nat, &next);
    assert_false(heard(&lab, REMOTE, 5000, INSIDE));
    struct nat_packet p = udp(INSIDE, REMOTE);
    assert_int_equal(nat_out(&lab.nat, lab.now, &p), NAT_PASS);
    assert_true(addr_same_ip(&p.from, &next));
    nat_reboot(&lab.nat, NULL);
    assert_true(addr_same_ip(&lab.nat.public, &next));
    assert_int_equal(nat_mapping_count(&lab.nat, lab.now), 0);
    nat_deinit(&lab.nat);
}

/* ---- hop limits ---- */

static void a_packet_without_hops_left_opens_nothing(void **state)
{
    (void)state;
    struct lab lab = lab_of("port_restricted");
    struct nat_packet p = udp(INSIDE, REMOTE);
    p.ttl = 1;
    assert_int_equal(nat_out(&lab.nat, lab.now, &p), NAT_EXPIRED);
    assert_false(heard(&lab, REMOTE, 5000, INSIDE));
    p.ttl = 2;
    assert_int_equal(nat_out(&lab.nat, lab.now, &p), NAT_PASS);
    assert_int_equal(p.ttl, 1);
    assert_true(heard(&lab, REMOTE, 5000, INSIDE));
    nat_deinit(&lab.nat);
}

static void a_last_hop_poisons_but_is_not_forwarded(void **state)
{
    (void)state;
    struct lab lab = lab_of("poisonable");
    struct nat_packet p = udp(REMOTE, ROUTER ":5000");
    p.ttl = 1;
    assert_int_equal(nat_in(&lab.nat, lab.now, &p), NAT_REFUSED);
    assert_int_not_equal(sent(&lab, INSIDE, REMOTE), 5000);
    assert_int_equal(sent(&lab, "192.168.1.2:6000", REMOTE), 6000);
    p = udp(REMOTE, ROUTER ":6000");
    p.ttl = 1;
    assert_int_equal(nat_in(&lab.nat, lab.now, &p), NAT_EXPIRED);
    nat_deinit(&lab.nat);
}

/* ---- hairpin ---- */

static enum nat_verdict turned(enum nat_hairpin how, struct nat_packet *p)
{
    struct lab lab = lab_with(&(struct nat_config){.mapping = NAT_MAP_EI, .hairpin = how});
    assert_int_equal(sent(&lab, "192.168.1.3:6000", REMOTE), 6000);
    *p = udp(INSIDE, ROUTER ":6000");
    enum nat_verdict v = nat_out(&lab.nat, lab.now, p);
    nat_deinit(&lab.nat);
    return v;
}

static void a_hairpin_shows_the_inside_or_the_public_source_or_is_off(void **state)
{
    (void)state;
    struct nat_packet p;
    const struct addr target = at("192.168.1.3:6000"), inside = at(INSIDE);
    const struct addr public = at(ROUTER ":5000");
    assert_int_equal(turned(NAT_HAIRPIN_OFF, &p), NAT_DROP);
    assert_int_equal(turned(NAT_HAIRPIN_INTERNAL, &p), NAT_TURN);
    assert_true(addr_equal(&p.to, &target) && addr_equal(&p.from, &inside));
    assert_int_equal(turned(NAT_HAIRPIN_EXTERNAL, &p), NAT_TURN);
    assert_true(addr_equal(&p.to, &target) && addr_equal(&p.from, &public));
    assert_int_equal(p.ttl, 63);
}

static void a_hairpin_meets_the_filter_as_packets_from_outside_do(void **state)
{
    (void)state;
    struct lab lab = lab_with(&(struct nat_config){
        .mapping = NAT_MAP_EI, .filter = NAT_FILTER_APD, .hairpin = NAT_HAIRPIN_EXTERNAL});
    struct nat_packet there = udp(INSIDE, ROUTER ":6000");
    assert_int_equal(nat_out(&lab.nat, lab.now, &there), NAT_DROP);
    struct nat_packet back = udp("192.168.1.3:6000", ROUTER ":5000");
    assert_int_equal(nat_out(&lab.nat, lab.now, &back), NAT_TURN);
    there = udp(INSIDE, ROUTER ":6000");
    assert_int_equal(nat_out(&lab.nat, lab.now, &there), NAT_TURN);
    nat_deinit(&lab.nat);
}

/* ---- two in a row ---- */

static void a_carriers_router_stacks_on_the_one_at_home(void **state)
{
    (void)state;
    const struct nat_preset *preset = nat_preset_find("cgnat");
    const struct addr middle = ip("100.64.0.9"), public = ip(ROUTER), home = at(INSIDE);
    struct nat near, far;
    assert_int_equal(preset->depth, 2);
    assert_int_equal(nat_init(&near, &preset->router[0], &middle, 1), 0);
    assert_int_equal(nat_init(&far, &preset->router[1], &public, 2), 0);

    struct nat_packet p = udp(INSIDE, REMOTE);
    assert_int_equal(nat_out(&near, 1, &p), NAT_PASS);
    assert_int_equal(nat_out(&far, 1, &p), NAT_PASS);
    assert_true(addr_same_ip(&p.from, &public));
    assert_int_equal(p.ttl, 62);

    struct nat_packet answer = udp(REMOTE, INSIDE);
    answer.to = p.from;
    assert_int_equal(nat_in(&far, 2, &answer), NAT_PASS);
    assert_int_equal(nat_in(&near, 2, &answer), NAT_PASS);
    assert_true(addr_equal(&answer.to, &home));
    nat_deinit(&near);
    nat_deinit(&far);
}

/* ---- TCP ---- */

static enum nat_verdict tcp_in(struct lab *lab, uint16_t port, uint8_t flags)
{
    struct nat_packet p = udp(REMOTE, ROUTER ":1");
    p.proto = NAT_TCP;
    p.tcp_flags = flags;
    addr_set_port(&p.to, port);
    return nat_in(&lab->nat, lab->now, &p);
}

static enum nat_verdict tcp_out(struct lab *lab, uint8_t flags)
{
    struct nat_packet p = udp(INSIDE, REMOTE);
    p.proto = NAT_TCP;
    p.tcp_flags = flags;
    return nat_out(&lab->nat, lab->now, &p);
}

static void a_syn_from_outside_is_dropped_or_refused(void **state)
{
    (void)state;
    struct lab lab = lab_of("linux");
    assert_int_equal(tcp_in(&lab, 5000, NAT_TCP_SYN), NAT_DROP);
    nat_deinit(&lab.nat);
    lab = lab_of("poisonable");
    assert_int_equal(tcp_in(&lab, 5000, NAT_TCP_SYN), NAT_REFUSED);
    assert_int_equal(tcp_in(&lab, 5000, NAT_TCP_RST), NAT_DROP);
    nat_deinit(&lab.nat);
}

static void syns_that_cross_open_both_ways(void **state)
{
    (void)state;
    struct lab lab = lab_of("linux");
    assert_int_equal(tcp_out(&lab, NAT_TCP_SYN), NAT_PASS);
    assert_int_equal(tcp_in(&lab, 5000, NAT_TCP_SYN), NAT_PASS);
    nat_deinit(&lab.nat);
}

static void a_tcp_connection_lives_two_hours_and_dies_soon_after_its_end(void **state)
{
    (void)state;
    struct lab lab = lab_of("linux");
    assert_int_equal(tcp_out(&lab, NAT_TCP_SYN), NAT_PASS);
    assert_int_equal(tcp_in(&lab, 5000, NAT_TCP_SYN | NAT_TCP_ACK), NAT_PASS);
    lab.now += SEC(7200);
    assert_int_equal(tcp_in(&lab, 5000, NAT_TCP_ACK), NAT_PASS);
    assert_int_equal(tcp_out(&lab, NAT_TCP_FIN | NAT_TCP_ACK), NAT_PASS);
    lab.now += SEC(60);
    assert_int_equal(tcp_in(&lab, 5000, NAT_TCP_FIN | NAT_TCP_ACK), NAT_PASS);
    lab.now += SEC(10);
    assert_int_equal(tcp_in(&lab, 5000, NAT_TCP_ACK), NAT_DROP);
    nat_deinit(&lab.nat);
}

static void blocked_udp_leaves_tcp_alone(void **state)
{
    (void)state;
    struct lab lab = lab_of("udp_blocked");
    assert_int_equal(sent(&lab, INSIDE, REMOTE), 0);
    assert_false(heard(&lab, REMOTE, 5000, INSIDE));
    assert_int_equal(tcp_out(&lab, NAT_TCP_SYN), NAT_PASS);
    assert_int_equal(lab.nat.count.blocked, 2);
    nat_deinit(&lab.nat);
}

/* ---- ping, errors, firewalls ---- */

static void pings_are_told_apart_by_their_identifier(void **state)
{
    (void)state;
    struct lab lab = lab_of("linux");
    for (unsigned host = 2; host < 4; host++) {
        struct nat_packet p = udp(host == 2 ? "192.168.1.2:9" : "192.168.1.3:9", "198.51.100.1:0");
        const struct addr asker = p.from;
        p.proto = NAT_PING;
        assert_int_equal(nat_out(&lab.nat, lab.now, &p), NAT_PASS);
        struct nat_packet answer = {
            .proto = NAT_PING, .from = p.to, .to = p.from, .ttl = 9, .tcp_flags = 0};
        assert_int_equal(nat_in(&lab.nat, lab.now, &answer), NAT_PASS);
        assert_true(addr_equal(&answer.to, &asker));
    }
    nat_deinit(&lab.nat);
}

static void an_icmp_error_finds_the_socket_that_it_is_about(void **state)
{
    (void)state;
    struct lab lab = lab_of("sym_random");
    struct nat_packet p = udp(INSIDE, REMOTE);
    const struct addr inside = at(INSIDE);
    assert_int_equal(nat_out(&lab.nat, lab.now, &p), NAT_PASS);
    const struct addr public = p.from;
    assert_int_equal(nat_error_in(&lab.nat, lab.now, &p), NAT_PASS);
    assert_true(addr_equal(&p.from, &inside));
    p.from = public;
    p.to = at(HOST2);
    assert_int_equal(nat_error_in(&lab.nat, lab.now, &p), NAT_DROP);

    struct nat_packet answer = udp(REMOTE, INSIDE);
    assert_int_equal(nat_error_out(&lab.nat, lab.now, &answer), NAT_PASS);
    assert_true(addr_equal(&answer.to, &public));
    answer = udp(HOST2, INSIDE);
    assert_int_equal(nat_error_out(&lab.nat, lab.now, &answer), NAT_DROP);
    nat_deinit(&lab.nat);
}

static void ipv6_keeps_its_addresses_and_meets_a_firewall(void **state)
{
    (void)state;
    for (unsigned open = 0; open < 2; open++) {
        struct lab lab =
            lab_with(&(struct nat_config){.mapping = NAT_MAP_APD, .open_v6 = open == 1});
        struct nat_packet in = udp("[2001:db8:2::1]:9", "[2001:db8:1::5]:5000");
        struct nat_packet out = {.from = in.to, .to = in.from, .ttl = 64};
        const struct addr from = out.from;
        assert_int_equal(nat_in(&lab.nat, lab.now, &in), open ? NAT_PASS : NAT_DROP);
        assert_int_equal(nat_out(&lab.nat, lab.now, &out), NAT_PASS);
        assert_true(addr_equal(&out.from, &from));
        assert_int_equal(nat_in(&lab.nat, lab.now, &in), NAT_PASS);
        nat_deinit(&lab.nat);
    }
}

static void a_public_host_is_reached_as_it_is(void **state)
{
    (void)state;
    const struct nat_preset *preset = nat_preset_find("public");
    struct nat nat;
    assert_int_equal(nat_init(&nat, &preset->router[0], NULL, 1), 0);
    struct nat_packet p = udp(REMOTE, "203.0.113.20:80");
    assert_int_equal(nat_in(&nat, 1, &p), NAT_PASS);
    p = udp("203.0.113.20:80", REMOTE);
    const struct addr from = p.from;
    assert_int_equal(nat_out(&nat, 1, &p), NAT_PASS);
    assert_true(addr_equal(&p.from, &from));
    nat_deinit(&nat);
}

static void the_grid_has_eight_presets_with_names_of_their_own(void **state)
{
    (void)state;
    static const char *const name[NAT_GRID] = {
        "public",     "full_cone", "address_restricted", "port_restricted",
        "poisonable", "sym_seq",   "sym_random",         "sym_block512"};
    for (unsigned i = 0; i < NAT_GRID; i++)
        assert_string_equal(nat_preset_at(i)->name, name[i]);
    const struct nat_preset *p;
    size_t count = 0;
    for (; (p = nat_preset_at(count)); count++)
        assert_ptr_equal(nat_preset_find(p->name), p);
    assert_int_equal(count, 11);
    assert_null(nat_preset_find("hard"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mapping_filter_and_port_rule_does_what_it_says),
        cmocka_unit_test(the_same_seed_gives_the_same_ports),
        cmocka_unit_test(ports_run_out_and_are_never_given_twice),
        cmocka_unit_test(a_full_table_refuses_new_flows_and_keeps_the_old),
        cmocka_unit_test(a_packet_that_comes_first_poisons_the_port_towards_its_sender),
        cmocka_unit_test(poison_is_gone_after_thirty_seconds_of_silence),
        cmocka_unit_test(who_sends_first_or_drops_input_is_not_poisoned),
        cmocka_unit_test(two_inside_hosts_share_a_port_towards_different_remotes),
        cmocka_unit_test(a_port_that_moved_once_is_kept_for_the_remotes_that_follow),
        cmocka_unit_test(a_mapping_lives_thirty_seconds_unless_it_is_answered),
        cmocka_unit_test(leases_can_be_chosen),
        cmocka_unit_test(what_comes_in_may_be_told_not_to_refresh),
        cmocka_unit_test(a_permit_runs_out_while_its_mapping_lives_on),
        cmocka_unit_test(a_reboot_forgets_and_may_change_the_address),
        cmocka_unit_test(a_packet_without_hops_left_opens_nothing),
        cmocka_unit_test(a_last_hop_poisons_but_is_not_forwarded),
        cmocka_unit_test(a_hairpin_shows_the_inside_or_the_public_source_or_is_off),
        cmocka_unit_test(a_hairpin_meets_the_filter_as_packets_from_outside_do),
        cmocka_unit_test(a_carriers_router_stacks_on_the_one_at_home),
        cmocka_unit_test(a_syn_from_outside_is_dropped_or_refused),
        cmocka_unit_test(syns_that_cross_open_both_ways),
        cmocka_unit_test(a_tcp_connection_lives_two_hours_and_dies_soon_after_its_end),
        cmocka_unit_test(blocked_udp_leaves_tcp_alone),
        cmocka_unit_test(pings_are_told_apart_by_their_identifier),
        cmocka_unit_test(an_icmp_error_finds_the_socket_that_it_is_about),
        cmocka_unit_test(ipv6_keeps_its_addresses_and_meets_a_firewall),
        cmocka_unit_test(a_public_host_is_reached_as_it_is),
        cmocka_unit_test(the_grid_has_eight_presets_with_names_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
