/* What DNS clients are told of peers, services and ports; and who is dialled for it. */
#include "dns/zone.h"

#include <errno.h>
#include <stdio.h>

#include "tests/support/lone_node.h"

static struct node node;
static struct predial predial;
static struct zone zone;
static struct answer_host host;
static struct answer_text text;
static struct answer_port port;

static int build(void **state)
{
    (void)state;
    lone_node_init(&node);
    predial_init(&predial, &node);
    lone_node_cancelled = &node;
    zone = (struct zone){.node = &node, .suffix = "overlay", .predial = &predial};
    return 0;
}

/* Every peer has an address of its own from now on. */
static void give_addresses(void)
{
    struct addr_prefix range;
    struct keys keys;
    uint8_t seed[KEYS_SEED_LEN] = {3};
    node.fake.all_local = true;
    keys_from_seed(&keys, seed);
    assert_int_equal(addr_prefix_parse(&range, "198.19.0.0/16"), 0);
    assert_int_equal(pool_new(&zone.pool, &node.fake.env, node.registry, &keys, &range), 0);
    assert_true(pool_set_active(zone.pool, pool_is_local(zone.pool)));
}

static int end(void **state)
{
    (void)state;
    pool_free(zone.pool);
    predial_deinit(&predial);
    lone_node_deinit(&node);
    return 0;
}

static int find_host(const char *name)
{
    memset(&host, 0xff, sizeof(host));
    memset(&text, 0, sizeof(text));
    zone_source.describe(&zone, name, &text);
    return zone_source.find_host(&zone, name, &host);
}

static int find_port(const char *name, const char *service, bool udp)
{
    memset(&port, 0xff, sizeof(port));
    return zone_source.find_port(&zone, name, service, udp, &port);
}

static void assign(const char *service, uint16_t number, const char *at)
{
    struct port_assignment a = {
        .peer = node.alice, .port = number, .proto = SERVICE_TCP, .open = true};
    (void)snprintf(a.service, sizeof(a.service), "%s", service);
    if (at)
        assert_int_equal(addr_parse(&a.at, at), 0);
    assert_int_equal(registry_port_put(node.registry, &a), 0);
}

static void hosts_are_on_loopback(void **state)
{
    (void)state;
    char expected[96], id[PEER_ID_TEXT_MAX];
    assert_int_equal(find_host("web.alice.overlay"), 0);
    assert_true(host.has_v4);
    assert_false(host.has_v6);
    assert_memory_equal(host.v4, "\177\0\0\1", 4);
    (void)snprintf(expected, sizeof(expected), "id=%s", peer_id_print(&node.alice, id));
    assert_string_equal(text.string[0], expected);
    assert_string_equal(text.string[1], "path=idle");
    zone.loopback_v6 = true;
    node.view.known = true;
    node.view.state = PEER_DIRECT;
    assert_int_equal(find_host("alice.overlay"), 0);
    assert_true(host.has_v6);
    assert_int_equal(host.v6[15], 1);
    assert_string_equal(text.string[1], "path=direct");
    assert_int_equal(find_host("bob.overlay"), -ENOENT);
}

static void a_port_is_found_under_service_and_peer(void **state)
{
    (void)state;
    assert_int_equal(find_port("web.alice.overlay", "http", false), -ENOENT);
    assign("web", 20080, NULL);
    assert_int_equal(find_port("web.alice.overlay", "http", false), 0);
    assert_int_equal(port.port, 20080);
    assert_string_equal(port.label, "");
    assert_int_equal(find_port("web.alice.overlay", "http", true), -ENOENT);
    assert_int_equal(find_port("alice.overlay", "web", false), 0);
    assert_string_equal(port.label, "web");
    assert_int_equal(find_port("alice.overlay", "http", false), 0); /* a web server's usual name */
    assert_int_equal(port.port, 20080);
    assert_string_equal(port.label, "web");
    assert_int_equal(find_port("alice.overlay", "ssh", false), -ENOENT);
    assert_int_equal(find_port("bob.overlay", "http", false), -ENOENT);
    assign("http", 20081, NULL);
    assert_int_equal(find_port("alice.overlay", "http", false), 0);
    assert_int_equal(port.port, 20081);
}

static void a_service_put_elsewhere_is_found_there(void **state)
{
    (void)state;
    assign("web", 20080, "127.0.0.5:8080");
    assert_int_equal(find_host("web.alice.overlay"), 0);
    assert_memory_equal(host.v4, "\177\0\0\5", 4);
    assert_int_equal(find_port("web.alice.overlay", "http", false), 0);
    assert_int_equal(port.port, 8080);
    assign("web", 20080, "[::1]:8080");
    assert_int_equal(find_host("web.alice.overlay"), 0);
    assert_false(host.has_v4);
    assert_true(host.has_v6);
}

static void a_closed_port_is_not_told(void **state)
{
    (void)state;
    assign("web", 20080, "127.0.0.5:8080");
    registry_port(node.registry, &node.alice, "web")->open = false;
    assert_int_equal(find_host("web.alice.overlay"), 0);
    assert_memory_equal(host.v4, "\177\0\0\1", 4);
    assert_int_equal(find_port("web.alice.overlay", "http", false), -ENOENT);
    assert_int_equal(find_port("alice.overlay", "http", false), -ENOENT);
}

static void an_alias_is_dialled_ahead_once_in_a_while(void **state)
{
    (void)state;
    assert_int_equal(find_host("alice.overlay"), 0);
    assert_int_equal(find_host("web.alice.overlay"), 0);
    assert_int_equal(node.connects, 1);
    assert_true(peer_id_equal(&node.connect_to, &node.alice));
    node.wait->done(node.wait, -ETIMEDOUT, "");
    assert_int_equal(find_host("alice.overlay"), 0);
    assert_int_equal(node.connects, 1);
    fake_env_advance(&node.fake, PREDIAL_AGAIN);
    assert_int_equal(find_host("alice.overlay"), 0);
    assert_int_equal(node.connects, 2);
}

static void a_bare_id_is_never_dialled(void **state)
{
    (void)state;
    char name[100], id[PEER_ID_TEXT_MAX];
    (void)snprintf(name, sizeof(name), "%s.overlay", peer_id_print(&node.alice, id));
    assert_int_equal(find_host(name), 0);
    (void)snprintf(name, sizeof(name), "web.%s.overlay", peer_id_print(&node.bob, id));
    assert_int_equal(find_host(name), 0);
    assert_int_equal(node.connects, 0);
}

static void connected_and_blocked_peers_are_left_alone(void **state)
{
    (void)state;
    static const enum peer_state states[] = {PEER_DIRECT, PEER_RELAYED, PEER_FINDING, PEER_BLOCKED};
    node.view.known = true;
    for (size_t i = 0; i < 4; i++) {
        node.view.state = states[i];
        predial_peer(&predial, &node.alice);
    }
    predial_peer(&predial, &node.me);
    assert_int_equal(node.connects, 0);
    node.view.state = PEER_UNREACHABLE;
    predial_peer(&predial, &node.alice);
    assert_int_equal(node.connects, 1);
}

static void only_so_many_are_dialled_at_a_time(void **state)
{
    (void)state;
    for (uint8_t i = 20; i < 60; i++) {
        struct peer_id id = fake_peer_id(i);
        predial_peer(&predial, &id);
    }
    assert_int_equal(node.connects, PREDIAL_MAX);
    predial_deinit(&predial);
    assert_int_equal(node.cancels, PREDIAL_MAX);
    predial_init(&predial, &node);
}

static void a_peer_is_at_its_own_address_with_all_its_names(void **state)
{
    (void)state;
    char id[PEER_ID_TEXT_MAX], name[ANSWER_HOST_MAX + 1];
    struct addr_prefix range;
    uint8_t peer[4];
    assert_false(zone_source.named_range(&zone, &range));
    give_addresses();
    zone.loopback_v6 = true;
    assert_int_equal(find_host("alice.overlay"), 0);
    assert_true(host.has_v4);
    assert_false(host.has_v6);
    assert_memory_equal(host.v4, "\306\023", 2);
    memcpy(peer, host.v4, sizeof(peer));
    assign("web", 20080, "127.0.0.5:8080");
    assert_int_equal(find_host("web.alice.overlay"), 0);
    assert_memory_equal(host.v4, peer, sizeof(peer));
    (void)snprintf(name, sizeof(name), "%s.overlay", peer_id_print(&node.alice, id));
    assert_int_equal(find_host(name), 0);
    assert_memory_equal(host.v4, peer, sizeof(peer));
    assert_int_equal(find_host("bob.overlay"), -ENOENT);

    assert_true(zone_source.named_range(&zone, &range));
    assert_int_equal(zone_source.find_name(&zone, peer, name), 0);
    assert_string_equal(name, "alice.overlay");
    peer[3] ^= 1;
    assert_int_equal(zone_source.find_name(&zone, peer, name), -ENOENT);
}

static void ports_at_a_peers_own_address_are_its_own(void **state)
{
    (void)state;
    give_addresses();
    assign("web", 20080, NULL);
    assert_int_equal(find_port("alice.overlay", "http", false), -ENOENT); /* nothing known yet */
    lone_node_offer(&node, "web", 3000);
    lone_node_offer(&node, "ssh", 22);
    assert_int_equal(find_port("web.alice.overlay", "http", false), 0);
    assert_int_equal(port.port, 3000);
    assert_int_equal(find_port("alice.overlay", "http", false), 0);
    assert_int_equal(port.port, 3000);
    assert_string_equal(port.label, "");
    assert_int_equal(find_port("alice.overlay", "ssh", false), 0);
    assert_int_equal(port.port, 22);
    assert_int_equal(find_port("alice.overlay", "ssh", true), -ENOENT);
    assert_int_equal(find_port("alice.overlay", "imap", false), -ENOENT);
}

static void the_gateways_own_page_is_where_a_peers_would_be(void **state)
{
    (void)state;
    assert_int_equal(find_host("localhost-check.overlay"), 0);
    assert_true(host.has_v4 && !host.has_v6 && !host.https);
    assert_memory_equal(host.v4, "\177\0\0\1", 4);
    assert_string_equal(text.string[0], "");
    assert_int_equal(find_host("web.localhost-check.overlay"), -ENOENT);
    give_addresses();
    assert_int_equal(find_host("Localhost-Check.overlay."), 0);
    assert_true(host.has_v4 && !host.has_v6 && !host.https);
    assert_memory_equal(host.v4, "\306\23\0\1", 4);
    assert_int_equal(find_port("localhost-check.overlay", "http", false), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hosts_are_on_loopback, build, end),
        cmocka_unit_test_setup_teardown(a_port_is_found_under_service_and_peer, build, end),
        cmocka_unit_test_setup_teardown(a_service_put_elsewhere_is_found_there, build, end),
        cmocka_unit_test_setup_teardown(a_closed_port_is_not_told, build, end),
        cmocka_unit_test_setup_teardown(an_alias_is_dialled_ahead_once_in_a_while, build, end),
        cmocka_unit_test_setup_teardown(a_bare_id_is_never_dialled, build, end),
        cmocka_unit_test_setup_teardown(connected_and_blocked_peers_are_left_alone, build, end),
        cmocka_unit_test_setup_teardown(only_so_many_are_dialled_at_a_time, build, end),
        cmocka_unit_test_setup_teardown(a_peer_is_at_its_own_address_with_all_its_names, build,
                                        end),
        cmocka_unit_test_setup_teardown(the_gateways_own_page_is_where_a_peers_would_be, build,
                                        end),
        cmocka_unit_test_setup_teardown(ports_at_a_peers_own_address_are_its_own, build, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
