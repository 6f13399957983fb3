/* When it is asked how IPv4 is reached, and what becomes of the answer. */
#include "gateway/node/nat64_desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_env.h"

struct harness {
    struct fake_env fake;
    struct hub hub;
    struct desk desk;
    struct nat64_desk nat64;
    unsigned changes;
};

static void on_changed(void *arg)
{
    ((struct harness *)arg)->changes++;
}

static void add_router(struct harness *h, const char *ip)
{
    struct router *r = &h->fake.router[h->fake.router_count++];
    *r = (struct router){.ifindex = 2};
    assert_int_equal(addr_parse_ip(&r->addr, ip, 0), 0);
}

static int build(void **state)
{
    struct harness *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    fake_env_init(&h->fake);
    h->hub.env = &h->fake.env;
    h->desk = (struct desk){.env = &h->fake.env, .hub = &h->hub};
    *state = h;
    return 0;
}

static int end(void **state)
{
    struct harness *h = *state;
    nat64_desk_stop(&h->nat64);
    fake_env_deinit(&h->fake);
    free(h);
    return 0;
}

static void start(struct harness *h)
{
    nat64_desk_start(&h->nat64, &h->desk, on_changed, h);
    fake_env_settle(&h->fake);
}

static void network_changes(struct harness *h)
{
    nat64_desk_network_changed(&h->nat64);
    fake_env_settle(&h->fake);
}

static void nobody_is_asked_where_there_is_a_way_to_ipv4(void **state)
{
    struct harness *h = *state;
    fake_names_add(&h->fake.names, NAT64_NAME, "64:ff9b::192.0.0.170");
    start(h);
    add_router(h, "fe80::1");
    add_router(h, "192.168.1.1");
    network_changes(h);
    assert_int_equal(h->changes, 0);
    assert_int_equal(h->hub.nat64.bits, 0);
    assert_false(nat64_desk_is_v6_only(&h->nat64));
}

static void the_prefix_is_asked_for_once_behind_a_router_of_ipv6_alone(void **state)
{
    struct harness *h = *state;
    fake_names_add(&h->fake.names, NAT64_NAME, "192.0.0.170");
    fake_names_add(&h->fake.names, NAT64_NAME, "64:ff9b::192.0.0.170");
    add_router(h, "fe80::1");
    start(h);
    assert_int_equal(h->hub.nat64.bits, 96);
    assert_int_equal(h->changes, 1);
    network_changes(h);
    assert_int_equal(h->changes, 1);
    h->fake.router_count = 0; /* another network, with both */
    add_router(h, "fe80::2");
    add_router(h, "192.168.1.1");
    network_changes(h);
    assert_int_equal(h->hub.nat64.bits, 0);
    assert_false(nat64_desk_is_v6_only(&h->nat64));
    h->fake.router_count = 1; /* and one of IPv6 alone again */
    network_changes(h);
    assert_int_equal(h->hub.nat64.bits, 96);
    assert_int_equal(h->changes, 2);
}

static void a_network_without_nat64_is_asked_again_when_it_changes(void **state)
{
    struct harness *h = *state;
    add_router(h, "fe80::1");
    start(h);
    assert_true(nat64_desk_is_v6_only(&h->nat64));
    assert_int_equal(h->hub.nat64.bits, 0);
    assert_int_equal(h->changes, 1);
    fake_names_add(&h->fake.names, NAT64_NAME, "2001:db8:122:c000:0:aa00::");
    network_changes(h);
    assert_int_equal(h->hub.nat64.bits, 48);
}

static void who_stops_is_told_nothing_more(void **state)
{
    struct harness *h = *state;
    add_router(h, "fe80::1");
    nat64_desk_start(&h->nat64, &h->desk, on_changed, h);
    nat64_desk_stop(&h->nat64);
    fake_env_settle(&h->fake);
    assert_int_equal(h->changes, 0);
}

int main(void)
{
#define SENTENCE(f) cmocka_unit_test_setup_teardown(f, build, end)
    const struct CMUnitTest tests[] = {
        SENTENCE(nobody_is_asked_where_there_is_a_way_to_ipv4),
        SENTENCE(the_prefix_is_asked_for_once_behind_a_router_of_ipv6_alone),
        SENTENCE(a_network_without_nat64_is_asked_again_when_it_changes),
        SENTENCE(who_stops_is_told_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
