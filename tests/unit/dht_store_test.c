/* What a server keeps: replaced by the rules of BEP 44, bounded, and forgotten in time. */
#include "gateway/discovery/dht_store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HOUR SEC(3600)

static struct dht_store s;

static const struct dht_store_limits LIMITS = {
    .items = 10, .bytes = 8000, .topics = 5, .peers = 40, .peers_of_one = 12};

static int empty(void **state)
{
    static const uint8_t secret[MAP_SECRET_LEN] = {1};
    (void)state;
    dht_store_init(&s, &LIMITS, secret);
    return 0;
}

static int give_back(void **state)
{
    (void)state;
    dht_store_deinit(&s);
    return 0;
}

static struct dht_id id_of(unsigned n)
{
    struct dht_id id = {{(uint8_t)n, (uint8_t)(n >> 8), 1}};
    return id;
}

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

/* Its target and signature are the caller's to check, not the store's. */
static int put_from(const char *from, unsigned n, int64_t seq, const char *value, instant now)
{
    struct dht_item item = {.mutable = true, .seq = seq, .value_len = strlen(value)};
    const struct dht_id target = id_of(n);
    const struct addr a = at(from);

    memcpy(item.value, value, item.value_len);
    return dht_store_put(&s, now, &a, &item, &target, NULL);
}

/* From a network of its own. */
static int put(unsigned n, int64_t seq, const char *value, const int64_t *cas, instant now)
{
    struct dht_item item = {.mutable = true, .seq = seq, .value_len = strlen(value)};
    const uint8_t ip[4] = {30, (uint8_t)n, 0, 1};
    const struct dht_id target = id_of(n);
    const struct addr from = addr_v4(ip, 1000);

    memcpy(item.value, value, item.value_len);
    return dht_store_put(&s, now, &from, &item, &target, cas);
}

static bool has(unsigned n, int64_t seq, instant now)
{
    struct dht_stored kept;
    const struct dht_id target = id_of(n);
    return dht_store_get(&s, now, &target, &kept) && kept.seq == seq;
}

static struct addr peer(unsigned n)
{
    char text[40];
    (void)snprintf(text, sizeof(text), "20.%u.%u.1:%u", n / 200, n % 200, 1000 + n);
    return at(text);
}

static int announce(unsigned topic, unsigned n, instant now)
{
    const struct dht_id id = id_of(topic);
    const struct addr a = peer(n);
    return dht_store_announce(&s, now, &id, &a);
}

static size_t peers(unsigned topic, instant now)
{
    struct addr out[100];
    const struct dht_id id = id_of(topic);
    return dht_store_peers(&s, now, &id, false, 3, out, 100);
}

static void what_is_put_is_got(void **state)
{
    (void)state;
    struct dht_stored kept;
    const struct dht_id target = id_of(1);

    assert_int_equal(put(1, 5, "1:a", NULL, 0), 0);
    assert_true(dht_store_get(&s, 0, &target, &kept));
    assert_true(kept.mutable);
    assert_int_equal(kept.seq, 5);
    assert_int_equal(kept.value.len, 3);
    assert_memory_equal(kept.value.at, "1:a", 3);
    assert_false(has(2, 5, 0));
}

static void an_older_seq_is_302_and_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(put(1, 5, "1:a", NULL, 0), 0);
    assert_int_equal(put(1, 4, "1:b", NULL, 0), KRPC_OLD_SEQ);
    assert_true(has(1, 5, 0));
    assert_int_equal(put(1, 5, "1:b", NULL, 0), KRPC_OLD_SEQ); /* another value under one seq */
    assert_int_equal(put(1, 5, "1:a", NULL, 0), 0);            /* the same again */
    assert_int_equal(put(1, 6, "1:b", NULL, 0), 0);
    assert_true(has(1, 6, 0));
    assert_int_equal(s.item_count, 1);
}

static void a_cas_that_does_not_match_is_301(void **state)
{
    (void)state;
    const int64_t four = 4, five = 5;

    assert_int_equal(put(1, 5, "1:a", &four, 0), 0); /* nothing to compare with */
    assert_int_equal(put(1, 6, "1:b", &four, 0), KRPC_CAS_MISMATCH);
    assert_true(has(1, 5, 0));
    assert_int_equal(put(1, 6, "1:b", &five, 0), 0);
    assert_true(has(1, 6, 0));
}

static void an_item_is_gone_two_hours_after_its_last_put(void **state)
{
    (void)state;
    assert_int_equal(put(1, 5, "1:a", NULL, 0), 0);
    assert_true(has(1, 5, 2 * HOUR - 1));
    assert_false(has(1, 5, 2 * HOUR));
    assert_int_equal(put(1, 5, "1:a", NULL, HOUR), 0);
    assert_true(has(1, 5, 3 * HOUR - 1));
    (void)dht_store_expire(&s, 3 * HOUR - 1);
    assert_int_equal(s.item_count, 1);
    assert_true(dht_store_expire(&s, 3 * HOUR) == INSTANT_NEVER);
    assert_int_equal(s.item_count, 0);
    assert_int_equal(s.bytes, 0);
    /* An older one may come when it is gone. */
    assert_int_equal(put(1, 1, "1:a", NULL, 4 * HOUR), 0);
}

static void what_was_used_longest_ago_gives_way(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 10; n++)
        assert_int_equal(put(n, 1, "1:a", NULL, n), 0);
    assert_true(has(0, 1, 20)); /* used */
    assert_int_equal(put(10, 1, "1:a", NULL, 21), 0);
    assert_int_equal(s.item_count, 10);
    assert_true(has(0, 1, 22));
    assert_false(has(1, 1, 22));
    assert_true(has(10, 1, 22));
}

static void bytes_are_bounded_too(void **state)
{
    (void)state;
    char value[1001];

    memset(value, 'x', 1000);
    value[1000] = '\0';
    for (unsigned n = 0; n < 10; n++) {
        assert_int_equal(put(n, 1, value, NULL, n), 0);
        assert_true(s.bytes <= LIMITS.bytes);
    }
    assert_true(s.item_count < 10);
    assert_true(has(9, 1, 20));
}

static void peers_are_told_by_family_and_only_once(void **state)
{
    (void)state;
    struct addr six, out[10];
    const struct dht_id id = id_of(1);

    assert_int_equal(announce(1, 1, 0), 0);
    assert_int_equal(announce(1, 1, 0), 0);
    assert_int_equal(announce(1, 2, 0), 0);
    assert_int_equal(addr_parse(&six, "[2001:db8::7]:80"), 0);
    assert_int_equal(dht_store_announce(&s, 0, &id, &six), 0);
    assert_int_equal(peers(1, 0), 2);
    assert_int_equal(dht_store_peers(&s, 0, &id, true, 1, out, 10), 1);
    assert_true(addr_equal(&out[0], &six));
    assert_int_equal(dht_store_peers(&s, 0, &id, false, 7, out, 1), 1);
    assert_int_equal(peers(2, 0), 0);
}

static void peers_and_topics_are_bounded(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 30; n++)
        assert_int_equal(announce(1, n, SEC(60) * n), 0);
    assert_int_equal(peers(1, SEC(60) * 30), 12);
    for (unsigned topic = 2; topic < 20; topic++)
        for (unsigned n = 0; n < 12; n++) {
            assert_int_equal(announce(topic, 100 + 12 * topic + n, SEC(60) * 30), 0);
            assert_true(s.topic_count <= LIMITS.topics);
            assert_true(s.peer_count <= LIMITS.peers);
        }
    assert_int_equal(peers(1, SEC(60) * 30), 0);
    assert_int_equal(peers(19, SEC(60) * 30), 12);
}

static void who_does_not_announce_himself_again_is_forgotten(void **state)
{
    (void)state;
    assert_int_equal(announce(1, 1, 0), 0);
    assert_int_equal(announce(1, 2, SEC(60 * 40)), 0);
    assert_int_equal(peers(1, SEC(60 * 45)), 2);
    assert_int_equal(peers(1, SEC(60 * 47)), 1);
    (void)dht_store_expire(&s, SEC(60 * 47));
    assert_int_equal(s.peer_count, 1);
    (void)dht_store_expire(&s, SEC(60 * 100));
    assert_int_equal(s.topic_count, 0);
}

static void samples_are_some_of_the_topics(void **state)
{
    (void)state;
    struct dht_id out[5];

    for (unsigned n = 0; n < 5; n++)
        assert_int_equal(announce(n, n, 0), 0);
    for (uint32_t chance = 0; chance < 20; chance++) {
        assert_int_equal(dht_store_sample(&s, chance, out, 3), 3);
        assert_false(dht_id_equal(&out[0], &out[1]));
    }
    assert_int_equal(dht_store_sample(&s, 9, out, 5), 5);
}

/* ---- what one source may have ---- */

static void with_room_for(unsigned items, size_t bytes)
{
    static const uint8_t secret[MAP_SECRET_LEN] = {1};
    const struct dht_store_limits limits = {
        .items = items, .bytes = bytes, .topics = 160, .peers = 3200, .peers_of_one = 160};

    dht_store_deinit(&s);
    dht_store_init(&s, &limits, secret);
}

static void an_address_has_a_sixteenth_of_the_items(void **state)
{
    (void)state;
    with_room_for(160, 1 << 20);
    for (unsigned n = 0; n < 10; n++)
        assert_int_equal(put_from("20.1.1.1:1", n, 1, "1:a", 0), 0);
    assert_int_equal(put_from("20.1.1.1:2", 10, 1, "1:a", 0), KRPC_SERVER);
    assert_int_equal(s.item_count, 10);
    assert_int_equal(put_from("20.1.1.2:1", 10, 1, "1:a", 0), 0);
    /* What is there may be kept up, and changed. */
    assert_int_equal(put_from("20.1.1.1:1", 3, 1, "1:a", SEC(60)), 0);
    assert_int_equal(put_from("20.1.1.1:1", 3, 2, "2:bb", SEC(60)), 0);
    /* And what has gone leaves room. */
    (void)dht_store_expire(&s, 2 * HOUR);
    assert_int_equal(s.item_count, 1);
    for (unsigned n = 20; n < 29; n++)
        assert_int_equal(put_from("20.1.1.1:1", n, 1, "1:a", 2 * HOUR), 0);
    assert_int_equal(put_from("20.1.1.1:1", 29, 1, "1:a", 2 * HOUR), KRPC_SERVER);
}

static void a_network_has_an_eighth_however_many_addresses_are_in_it(void **state)
{
    (void)state;
    static const char *const PATTERN[] = {"20.1.1.%u:1", "[2001:db8:1:%u::1]:1"};

    for (unsigned family = 0; family < 2; family++) {
        with_room_for(160, 1 << 20);
        unsigned kept = 0;
        for (unsigned n = 0; n < 200; n++) {
            char text[40];
            (void)snprintf(text, sizeof(text), PATTERN[family], 1 + n % 250);
            kept += put_from(text, n, 1, "1:a", 0) == 0;
        }
        assert_int_equal(kept, 20);
        assert_int_equal(put_from("20.1.2.1:1", 200, 1, "1:a", 0), 0);
        assert_int_equal(put_from("[2001:db8:2::1]:1", 201, 1, "1:a", 0), 0);
    }
}

static void an_ipv6_customer_is_one_address_by_all_that_are_his(void **state)
{
    (void)state;
    unsigned kept = 0;

    with_room_for(160, 1 << 20);
    for (unsigned n = 0; n < 100; n++) {
        char text[40];
        (void)snprintf(text, sizeof(text), "[2001:db8:1:1::%x]:1", 1 + n);
        kept += put_from(text, n, 1, "1:a", 0) == 0;
    }
    assert_int_equal(kept, 10);
}

static void bytes_have_the_same_bounds(void **state)
{
    (void)state;
    char value[1001];
    unsigned kept = 0;

    with_room_for(1000, 160000);
    memset(value, 'x', 1000);
    value[1000] = '\0';
    for (unsigned n = 0; n < 100; n++)
        kept += put_from("20.1.1.1:1", n, 1, value, 0) == 0;
    assert_in_range(kept, 5, 10);
    assert_true(s.bytes <= 160000 / 16);
    /* Nor does what was small grow beyond it. */
    assert_int_equal(put_from("20.1.2.1:1", 200, 1, "1:a", 0), 0);
    for (unsigned n = 201; n < 260; n++)
        (void)!put_from("20.1.2.1:1", n, 1, n < 220 ? value : "1:a", 0);
    assert_int_equal(put_from("20.1.2.1:1", 200, 2, value, 0), KRPC_SERVER);
    assert_true(has(200, 1, 0));
}

static void local_addresses_have_no_bound_but_the_stores(void **state)
{
    (void)state;
    with_room_for(160, 1 << 20);
    for (unsigned n = 0; n < 160; n++)
        assert_int_equal(put_from("127.0.0.1:1", n, 1, "1:a", 0), 0);
    assert_int_equal(s.item_count, 160);
}

static void when_all_is_full_whose_network_has_most_gives_way(void **state)
{
    (void)state;
    char text[40];

    with_room_for(80, 1 << 20);
    /* Seven networks of a stranger, with ten items each, and ten others with one each. */
    for (unsigned n = 0; n < 10; n++)
        assert_int_equal(put(100 + n, 1, "1:a", NULL, n), 0);
    for (unsigned n = 0; n < 70; n++) {
        (void)snprintf(text, sizeof(text), "20.%u.1.%u:1", n / 10, n % 10 + 1);
        assert_int_equal(put_from(text, n, 1, "1:a", 100 + n), 0);
    }
    assert_int_equal(s.item_count, 80);
    for (unsigned n = 0; n < 10; n++) {
        (void)snprintf(text, sizeof(text), "20.100.1.%u:1", n % 10 + 1);
        assert_int_equal(put_from(text, 200 + n, 1, "1:a", 300), 0);
    }
    assert_int_equal(s.item_count, 80);
    for (unsigned n = 0; n < 10; n++)
        assert_true(has(100 + n, 1, 400));
    for (unsigned n = 0; n < 5; n++)
        assert_int_equal(put(150 + n, 1, "1:a", NULL, 500), 0);
    for (unsigned n = 0; n < 5; n++)
        assert_true(has(150 + n, 1, 500));
}

static void who_puts_anothers_item_too_does_not_get_it_out(void **state)
{
    (void)state;
    with_room_for(160, 1 << 20);
    assert_int_equal(put(100, 1, "1:a", NULL, 0), 0);
    for (unsigned n = 0; n < 30; n++)
        (void)!put_from("20.1.1.1:1", n, 1, "1:a", 1);
    assert_int_equal(put_from("20.1.1.1:1", 100, 1, "1:a", 2), 0);
    for (unsigned n = 30; n < 60; n++)
        (void)!put_from("20.1.1.1:1", n, 1, "1:a", 3);
    assert_true(has(100, 1, 4));
    assert_int_equal(s.item_count, 11); /* it did not cost him a place, nor give him one */
}

/* A stranger was first with an old version, and has all the bytes that he may. */
static void nobody_keeps_an_owner_from_putting_a_longer_value(void **state)
{
    (void)state;
    char value[1001];

    with_room_for(1000, 160000);
    memset(value, 'x', 1000);
    value[1000] = '\0';
    assert_int_equal(put_from("20.1.1.1:1", 100, 1, "1:a", 0), 0);
    for (unsigned n = 0; n < 60; n++)
        (void)!put_from("20.1.1.1:1", n, 1, n < 20 ? value : "1:a", 0);
    assert_int_equal(put_from("20.1.1.1:1", 100, 2, value, 0), KRPC_SERVER);
    assert_int_equal(put_from("20.2.1.1:1", 100, 2, value, 0), 0);
    assert_true(has(100, 2, 0));
    /* From here on it is the owner's: it counts for the other one no more. */
    assert_int_equal(put_from("20.1.1.1:1", 101, 1, "1:a", 0), 0);
}

static int announces(const char *from, unsigned topic)
{
    const struct dht_id id = id_of(topic);
    const struct addr a = at(from);
    return dht_store_announce(&s, 0, &id, &a);
}

static void an_address_announces_a_sixteenth_and_a_network_an_eighth_of_the_infohashes(void **state)
{
    (void)state;
    char text[40];
    unsigned kept = 0;

    with_room_for(10, 8000);
    for (unsigned topic = 0; topic < 10; topic++)
        assert_int_equal(announces("20.1.1.1:7", topic), 0);
    assert_int_equal(announces("20.1.1.1:7", 10), -EDQUOT);
    assert_int_equal(s.topic_count, 10);
    assert_int_equal(announces("20.1.1.1:7", 9), 0); /* again */
    for (unsigned n = 0; n < 200; n++) {
        (void)snprintf(text, sizeof(text), "20.1.1.%u:7", 2 + n);
        kept += announces(text, 20 + n) == 0;
    }
    assert_int_equal(kept, 10);
    assert_int_equal(s.topic_count, 20);
    assert_int_equal(announces("20.1.2.1:7", 10), 0);
}

static void of_one_infohash_a_source_has_its_share_and_gives_way_to_itself(void **state)
{
    (void)state;
    char text[40];

    with_room_for(10, 8000);
    assert_int_equal(announces("20.9.1.1:7", 1), 0);
    for (unsigned port = 1; port < 100; port++) {
        (void)snprintf(text, sizeof(text), "20.1.1.1:%u", port);
        assert_int_equal(announces(text, 1), port <= 10 ? 0 : -EDQUOT);
    }
    assert_int_equal(s.peer_count, 11);
    with_room_for(10, 8000);
    s.limits.topics = 10000; /* so that the places of the one infohash are what bounds them */
    for (unsigned port = 1; port < 100; port++) {
        (void)snprintf(text, sizeof(text), "20.1.1.%u:%u", port % 50 + 1, port);
        assert_int_equal(announces(text, 1), 0);
    }
    assert_int_equal(s.peer_count, 20);
}

static void when_infohashes_are_too_many_those_of_the_largest_network_go(void **state)
{
    (void)state;
    char text[40];

    with_room_for(10, 8000);
    for (unsigned n = 0; n < 10; n++) {
        (void)snprintf(text, sizeof(text), "30.%u.1.1:7", n);
        assert_int_equal(announces(text, 500 + n), 0);
    }
    for (unsigned n = 0; n < 400; n++) {
        (void)snprintf(text, sizeof(text), "20.%u.1.%u:7", n / 20, n % 20 + 1);
        assert_int_equal(announces(text, 1 + n), 0);
        assert_true(s.topic_count <= 160);
    }
    for (unsigned n = 0; n < 10; n++)
        assert_int_equal(peers(500 + n, 0), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, empty, give_back)
    const struct CMUnitTest tests[] = {
        TEST(what_is_put_is_got),
        TEST(an_older_seq_is_302_and_changes_nothing),
        TEST(a_cas_that_does_not_match_is_301),
        TEST(an_item_is_gone_two_hours_after_its_last_put),
        TEST(what_was_used_longest_ago_gives_way),
        TEST(bytes_are_bounded_too),
        TEST(peers_are_told_by_family_and_only_once),
        TEST(peers_and_topics_are_bounded),
        TEST(who_does_not_announce_himself_again_is_forgotten),
        TEST(samples_are_some_of_the_topics),
        TEST(an_address_has_a_sixteenth_of_the_items),
        TEST(a_network_has_an_eighth_however_many_addresses_are_in_it),
        TEST(an_ipv6_customer_is_one_address_by_all_that_are_his),
        TEST(bytes_have_the_same_bounds),
        TEST(local_addresses_have_no_bound_but_the_stores),
        TEST(when_all_is_full_whose_network_has_most_gives_way),
        TEST(who_puts_anothers_item_too_does_not_get_it_out),
        TEST(nobody_keeps_an_owner_from_putting_a_longer_value),
        TEST(an_address_announces_a_sixteenth_and_a_network_an_eighth_of_the_infohashes),
        TEST(of_one_infohash_a_source_has_its_share_and_gives_way_to_itself),
        TEST(when_infohashes_are_too_many_those_of_the_largest_network_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
