/* The parts of LAN discovery that the stories of lan_test.c do not reach. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/crypto/secret.h"
#include "gateway/discovery/dnssd.h"
#include "gateway/discovery/lan_contacts.h"
#include "gateway/discovery/lan_ears.h"
#include "gateway/discovery/lan_places.h"
#include "tests/support/keys_numbered.h"

static struct addr ip(const char *text, uint16_t port)
{
    struct addr a;
    assert_int_equal(addr_parse_ip(&a, text, port), 0);
    return a;
}

/* ---- ears ---- */

static bool admits(struct lan_ears *e, instant now, const struct addr *from, uint32_t mark)
{
    uint8_t data[152] = {0};
    memcpy(data + 144, &mark, sizeof(mark));
    return lan_ears_admit(e, now, from, true, data, sizeof(data));
}

static void nothing_is_heard_twice_nor_our_own(void **state)
{
    (void)state;
    struct lan_ears e;
    struct addr a = ip("192.0.2.1", 1), b = ip("192.0.2.2", 1);
    uint8_t own[152] = {[144] = 9};

    lan_ears_init(&e);
    assert_true(admits(&e, SEC(1), &a, 1));
    assert_false(admits(&e, SEC(1), &a, 1));
    assert_false(admits(&e, SEC(1), &b, 1));
    lan_ears_note(&e, own, sizeof(own));
    assert_false(admits(&e, SEC(1), &a, 9));
}

static void each_source_is_heard_twenty_times_a_minute(void **state)
{
    (void)state;
    struct lan_ears e;
    struct addr a = ip("192.0.2.1", 1), b = ip("192.0.2.2", 1);
    unsigned heard = 0;
    uint32_t mark = 1;

    lan_ears_init(&e);
    for (instant now = SEC(100); now < SEC(160); now += MSEC(100))
        heard += admits(&e, now, &a, mark++);
    assert_in_range(heard, 19, LAN_SOURCE_PER_MINUTE); /* at most, even in the first minute */
    assert_true(admits(&e, SEC(160), &b, mark++));
}

static void many_sources_together_are_heard_twenty_times_a_second(void **state)
{
    (void)state;
    struct lan_ears e;
    unsigned heard = 0;

    lan_ears_init(&e);
    for (uint32_t i = 1; i <= 10000; i++) { /* ten seconds */
        const uint8_t four[4] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i};
        struct addr a = addr_v4(four, 5);
        heard += admits(&e, SEC(100) + MSEC(i), &a, i);
    }
    assert_in_range(heard, 250, 262); /* a burst of 60 and 20 a second */
}

static void a_flood_from_afar_leaves_the_neighbours_their_share(void **state)
{
    (void)state;
    struct lan_ears e;
    struct addr neighbour = ip("192.168.1.9", 5);
    uint8_t data[152] = {0};
    unsigned heard = 0;

    lan_ears_init(&e);
    for (uint32_t i = 1; i <= 10000; i++) { /* ten seconds */
        const uint8_t four[4] = {203, 0, (uint8_t)(i >> 8), (uint8_t)i};
        struct addr a = addr_v4(four, 5);
        memcpy(data + 144, &i, sizeof(i));
        heard += lan_ears_admit(&e, SEC(100) + MSEC(i), &a, false, data, sizeof(data));
    }
    assert_in_range(heard, 250, 262);
    assert_true(admits(&e, SEC(110), &neighbour, 20000));
}

/* ---- contacts ---- */

static void both_ends_of_a_contact_have_the_same_two_keys(void **state)
{
    (void)state;
    struct keys a = keys_numbered(1), b = keys_numbered(2);
    const uint8_t network[LAN_NETWORK_LEN] = {5};
    struct lan_contacts ca, cb;

    lan_contacts_init(&ca, &a, network);
    lan_contacts_init(&cb, &b, network);
    assert_int_equal(lan_contacts_set(&ca, &b.id, 1), 1);
    assert_int_equal(lan_contacts_set(&cb, &a.id, 1), 1);
    const struct lan_contact *x = lan_contacts_find(&ca, &b.id), *y = lan_contacts_find(&cb, &a.id);
    assert_memory_equal(x->key_in, y->key_out, BEACON_KEY_LEN);
    assert_memory_equal(x->key_out, y->key_in, BEACON_KEY_LEN);
    assert_memory_not_equal(x->key_in, x->key_out, BEACON_KEY_LEN);
    assert_null(lan_contacts_find(&ca, &a.id));
    lan_contacts_deinit(&ca);
    lan_contacts_deinit(&cb);
}

static void a_new_list_keeps_what_is_known_of_old_ones(void **state)
{
    (void)state;
    struct keys a = keys_numbered(1), b = keys_numbered(2), c = keys_numbered(3);
    const uint8_t network[LAN_NETWORK_LEN] = {0};
    const struct peer_id list[] = {c.id, b.id, a.id, b.id}; /* with ourselves, and one twice */
    struct lan_contacts cs;

    lan_contacts_init(&cs, &a, network);
    assert_int_equal(lan_contacts_set(&cs, &b.id, 1), 1);
    lan_contacts_find(&cs, &b.id)->heard = SEC(7);
    assert_int_equal(lan_contacts_set(&cs, list, 4), 1);
    assert_int_equal(cs.count, 2);
    assert_int_equal(lan_contacts_find(&cs, &b.id)->heard, SEC(7));
    assert_int_equal(lan_contacts_set(&cs, list, 4), 0);
    assert_int_equal(lan_contacts_set(&cs, NULL, 0), 0);
    assert_null(lan_contacts_find(&cs, &b.id));
    lan_contacts_deinit(&cs);
}

static void an_id_of_small_order_gets_no_tag(void **state)
{
    (void)state;
    struct keys a = keys_numbered(1);
    const uint8_t network[LAN_NETWORK_LEN] = {0};
    const struct peer_id evil = {{1}};
    struct lan_contacts cs;
    uint8_t keys[BEACON_ENTRIES_MAX][BEACON_KEY_LEN];

    lan_contacts_init(&cs, &a, network);
    assert_int_equal(lan_contacts_set(&cs, &evil, 1), 1);
    assert_int_equal(lan_contacts_next_keys(&cs, keys), 0);
    assert_null(lan_contacts_find(&cs, &evil));
    lan_contacts_deinit(&cs);
}

/* ---- places ---- */

static struct lan_places places;

static void every_kind_of_interface_has_its_places(void **state)
{
    (void)state;
    const struct interface list[] = {
        {.index = 1, .addr = ip("127.0.0.1", 0), .prefix_bits = 8, .loopback = true},
        {.index = 1, .addr = ip("::1", 0), .prefix_bits = 128, .loopback = true},
        {.index = 2,
         .addr = ip("10.0.0.1", 0),
         .prefix_bits = 24,
         .broadcast = ip("10.0.0.255", 0),
         .multicast = true},
        {.index = 2, .addr = ip("fe80::1%2", 0), .prefix_bits = 64, .multicast = true},
        {.index = 2, .addr = ip("2001:db8::1", 0), .prefix_bits = 64, .multicast = true},
        {.index = 3, .addr = ip("10.9.0.1", 0), .prefix_bits = 32}, /* point to point */
    };
    lan_places_set(&places, list, 6, true, true, false);
    assert_int_equal(places.count, 4);
    assert_true(addr_is_loopback(&places.place[0].to));
    assert_int_equal(places.place[0].ttl, 0);
    assert_true(addr_is_multicast(&places.place[1].to));
    assert_int_equal(places.place[1].ttl, 1);
    assert_false(places.place[1].again);
    assert_true(addr_same_ip(&places.place[2].to, &list[2].broadcast));
    assert_int_equal(addr_port(&places.place[2].to), LAN_PORT);
    assert_true(places.place[2].again);
    assert_true(addr_is_multicast(&places.place[3].to));
    assert_int_equal(places.place[3].to.v6.sin6_scope_id, 2);
    assert_int_equal(places.join_count, 2);
    lan_places_set(&places, list, 6, false, true, true);
    assert_int_equal(places.count, 1);
    assert_int_equal(places.join_count, 2);
    assert_int_equal(places.join[1].socket, LAN_SOCKET_MDNS);
    assert_int_equal(addr_port(&places.join[1].group), MDNS_PORT);
}

static void too_many_interfaces_are_cut_off(void **state)
{
    (void)state;
    static struct interface list[200];
    for (unsigned i = 0; i < 200; i++)
        list[i] = (struct interface){.index = i + 1,
                                     .addr = ip("10.0.0.1", 0),
                                     .prefix_bits = 24,
                                     .broadcast = ip("10.0.0.255", 0),
                                     .multicast = true};
    lan_places_set(&places, list, 200, true, true, true);
    assert_int_equal(places.count, LAN_PLACES_MAX);
    assert_int_equal(places.join_count, 2 * LAN_INTERFACES_MAX);
}

static void a_network_is_ours_only_with_the_same_length_and_interface(void **state)
{
    (void)state;
    const struct interface one = {.index = 2, .addr = ip("10.0.0.1", 0), .prefix_bits = 24};
    struct addr_prefix p;

    lan_places_set(&places, &one, 1, true, true, false);
    assert_int_equal(addr_prefix_parse(&p, "10.0.0.77/24"), 0);
    assert_true(lan_places_has_network(&places, &p, 2));
    assert_true(lan_places_has_network(&places, &p, 0));
    assert_false(lan_places_has_network(&places, &p, 3));
    assert_int_equal(addr_prefix_parse(&p, "10.0.0.77/8"), 0);
    assert_false(lan_places_has_network(&places, &p, 2));
    assert_int_equal(addr_prefix_parse(&p, "10.0.1.77/24"), 0);
    assert_false(lan_places_has_network(&places, &p, 2));
}

static void neighbours_are_those_of_our_networks_and_links(void **state)
{
    (void)state;
    const struct interface list[] = {
        {.index = 2, .addr = ip("10.0.0.1", 0), .prefix_bits = 24},
        {.index = 2, .addr = ip("2001:db8::1", 0), .prefix_bits = 64},
    };
    static const struct {
        const char *from;
        bool near;
    } cases[] = {
        {"10.0.0.77", true},   {"10.0.1.77", false},       {"::ffff:10.0.0.5", true},
        {"2001:db8::9", true}, {"2001:db8:0:1::9", false}, {"fe80::9%7", true},
        {"169.254.3.4", true}, {"203.0.113.4", false},
    };

    lan_places_set(&places, list, 2, true, true, false);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct addr from = ip(cases[i].from, 5);
        assert_int_equal(lan_places_has_neighbour(&places, &from), cases[i].near);
    }
}

int main(void)
{
    if (crypto_start() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_heard_twice_nor_our_own),
        cmocka_unit_test(each_source_is_heard_twenty_times_a_minute),
        cmocka_unit_test(many_sources_together_are_heard_twenty_times_a_second),
        cmocka_unit_test(a_flood_from_afar_leaves_the_neighbours_their_share),
        cmocka_unit_test(both_ends_of_a_contact_have_the_same_two_keys),
        cmocka_unit_test(a_new_list_keeps_what_is_known_of_old_ones),
        cmocka_unit_test(an_id_of_small_order_gets_no_tag),
        cmocka_unit_test(every_kind_of_interface_has_its_places),
        cmocka_unit_test(too_many_interfaces_are_cut_off),
        cmocka_unit_test(a_network_is_ours_only_with_the_same_length_and_interface),
        cmocka_unit_test(neighbours_are_those_of_our_networks_and_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
