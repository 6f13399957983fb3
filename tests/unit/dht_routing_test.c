/* The routing table: who gets in, who stays, and who is closest. */
#include "gateway/discovery/dht_routing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/random.h"

static struct dht_routing r;
static const struct dht_id self = {{0}};
static uint64_t seed;

static int start(void **state)
{
    (void)state;
    seed = 7;
    dht_routing_init(&r, &self);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    dht_routing_deinit(&r);
    return 0;
}

static struct addr address(unsigned n)
{
    char text[40];
    struct addr a;
    (void)snprintf(text, sizeof(text), "20.%u.%u.1:1000", n / 256, n % 256);
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

/* One that shares three bits with us: in a bucket of the usual size. It does not fit its address.
 */
static struct dht_id far_id(unsigned n)
{
    struct dht_id id = {{0x10, 0, (uint8_t)n, (uint8_t)(n >> 8)}};
    const struct addr a = address(n);
    if (dht_id_fits(&id, &a))
        id.b[1] ^= 1;
    return id;
}

static void reply(instant now, unsigned n)
{
    const struct dht_id id = far_id(n);
    const struct addr a = address(n);
    dht_routing_replied(&r, now, &id, &a, MSEC(50));
}

static bool is_in(unsigned n)
{
    struct dht_node out[200];
    const struct dht_id id = far_id(n);
    size_t count = dht_routing_closest(&r, &id, out, 200);
    return count > 0 && dht_id_equal(&out[0].id, &id);
}

static void a_full_bucket_keeps_those_that_were_there_first(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 40; n++)
        reply(SEC(1) + n, n);
    assert_int_equal(r.count, DHT_BUCKET_SIZE);
    for (unsigned n = 0; n < 40; n++)
        assert_int_equal(is_in(n), n < DHT_BUCKET_SIZE);
}

static void the_first_buckets_hold_more(void **state)
{
    static const uint8_t chance[DHT_ID_LEN];
    struct dht_id target;
    (void)state;

    assert_true(dht_routing_next_gap(&r, chance, &target));
    for (unsigned n = 0; n < 3000; n++) {
        struct dht_id id;
        const struct addr a = address(n);
        random_fill(&seed, id.b, sizeof(id.b));
        dht_routing_replied(&r, SEC(1), &id, &a, 0);
    }
    assert_int_equal(r.bucket[0]->count, 128);
    assert_int_equal(r.bucket[1]->count, 64);
    assert_int_equal(r.bucket[2]->count, 32);
    assert_int_equal(r.bucket[3]->count, DHT_BUCKET_SIZE);
    assert_false(dht_routing_next_gap(&r, chance, &target));
}

/* Parts of the first bucket: by the four bits behind the first. Local ones fit any id. */
static void reply_in_part(unsigned n, unsigned part, instant rtt)
{
    struct dht_id id;
    const uint8_t ip[4] = {10, 0, (uint8_t)(n >> 8), (uint8_t)n};
    const struct addr a = addr_v4(ip, 1000);

    random_fill(&seed, id.b, sizeof(id.b));
    id.b[0] = (uint8_t)(0x80 | part << 3 | (id.b[0] & 7));
    id.b[19] = (uint8_t)n;
    dht_routing_replied(&r, SEC(1), &id, &a, rtt);
}

static unsigned count_in_part(unsigned part)
{
    const struct dht_bucket *b = r.bucket[0];
    unsigned count = 0;

    for (unsigned k = 0; k < b->count; k++)
        count += (b->node[k].id.b[0] >> 3 & 15) == part;
    return count;
}

static void nodes_spread_over_a_bucket(void **state)
{
    (void)state;
    unsigned n = 0;

    while (n < 200) /* all of two neighbourhoods at first */
        reply_in_part(n, n % 2, MSEC(100 + n)), n++;
    assert_int_equal(count_in_part(0) + count_in_part(1), 128);
    for (; n < 600; n++)
        reply_in_part(n, n % 16, MSEC(50));
    assert_int_equal(r.bucket[0]->count, 128);
    for (unsigned part = 0; part < 16; part++)
        assert_int_equal(count_in_part(part), 8);
    for (unsigned k = 0; k < 128; k++) /* the slowest went */
        assert_true(r.bucket[0]->node[k].rtt_ms < 120);
    for (; n < 800; n++) /* and nobody comes in for nothing any more */
        reply_in_part(n, n % 16, MSEC(1));
    for (unsigned k = 0; k < 128; k++)
        assert_true(r.bucket[0]->node[k].rtt_ms != 1);
}

static void a_target_lies_where_few_nodes_are_known(void **state)
{
    static const uint8_t CHANCE[DHT_ID_LEN] = {5, 1, 2, 3};
    struct dht_id target;
    unsigned n = 0;
    (void)state;

    assert_true(dht_routing_next_gap(&r, CHANCE, &target));
    assert_int_equal(target.b[0] >> 3, 16 + 5); /* where chance has it */
    assert_int_equal(target.b[2], 2);
    for (unsigned part = 0; part < 16; part++)
        for (unsigned i = 0; i < 4 && part != 9; i++)
            reply_in_part(n++, part, 0);
    assert_true(dht_routing_next_gap(&r, CHANCE, &target));
    assert_int_equal(target.b[0] >> 3, 16 + 9);
    for (unsigned i = 0; i < 4; i++)
        reply_in_part(n++, 9, 0);
    assert_true(dht_routing_next_gap(&r, CHANCE, &target));
    assert_int_equal(dht_id_shared(&self, &target), 1); /* the next bucket */
}

static void who_fails_three_times_gives_way_to_one_that_waits(void **state)
{
    (void)state;
    const struct addr bad = address(5);

    for (unsigned n = 0; n < 24; n++)
        reply(SEC(1) + n, n);
    dht_routing_failed(&r, &bad);
    dht_routing_failed(&r, &bad);
    assert_true(is_in(5));
    reply(SEC(2), 5); /* back again: it counts from the start */
    for (unsigned i = 0; i < 3; i++)
        dht_routing_failed(&r, &bad);
    assert_false(is_in(5));
    assert_true(is_in(23)); /* the one heard last */
    assert_int_equal(r.count, DHT_BUCKET_SIZE);
}

static void one_that_fits_its_address_takes_the_place_of_one_that_does_not(void **state)
{
    (void)state;
    struct dht_id id;
    struct addr a;
    unsigned at = 100;

    for (unsigned n = 0; n < DHT_BUCKET_SIZE; n++)
        reply(SEC(1) + n, n);
    do { /* until it falls into that bucket */
        a = address(at++);
        random_fill(&seed, id.b, sizeof(id.b));
        dht_id_fit(&id, &a);
    } while (id.b[0] >> 4 != 1);
    assert_true(dht_routing_heard(&r, SEC(2), &id, &a));
    dht_routing_replied(&r, SEC(2), &id, &a, MSEC(1));
    struct dht_node out;
    assert_int_equal(dht_routing_closest(&r, &id, &out, 1), 1);
    assert_true(dht_id_equal(&out.id, &id));
    assert_false(is_in(0)); /* the one silent longest */
    assert_int_equal(r.count, DHT_BUCKET_SIZE);
}

static void one_address_is_one_node_and_one_network_two_of_a_bucket(void **state)
{
    (void)state;
    for (unsigned host = 1; host < 10; host++) {
        char text[40];
        struct addr a;
        struct dht_id id = far_id(host);
        (void)snprintf(text, sizeof(text), "20.0.0.%u:%u", host, 1000 + host);
        assert_int_equal(addr_parse(&a, text), 0);
        dht_routing_replied(&r, SEC(1), &id, &a, 0);
        id.b[5] = 1;
        addr_set_port(&a, 7);
        dht_routing_replied(&r, SEC(1), &id, &a, 0); /* another id at that address */
    }
    assert_int_equal(r.count, 2);
    for (uint16_t port = 1; port < 10; port++) { /* a machine for tests has many */
        const struct dht_id id = far_id(100u + port);
        const struct addr a = addr_loopback(false, port);
        dht_routing_replied(&r, SEC(1), &id, &a, 0);
    }
    assert_int_equal(r.count, 11);
}

static void who_asks_us_is_asked_back_while_there_is_room(void **state)
{
    (void)state;
    const struct dht_id id = far_id(50);
    const struct addr a = address(50);

    assert_true(dht_routing_heard(&r, SEC(1), &id, &a));
    assert_int_equal(r.count, 0);
    for (unsigned n = 0; n < DHT_BUCKET_SIZE; n++)
        reply(SEC(1) + n, n);
    assert_false(dht_routing_heard(&r, SEC(1), &id, &a));
    const struct dht_id known = far_id(3);
    const struct addr at = address(3);
    assert_false(dht_routing_heard(&r, SEC(1), &known, &at));
    assert_false(dht_routing_heard(&r, SEC(1), &self, &a));
}

static void the_closest_are_those_that_a_search_through_all_finds(void **state)
{
    (void)state;
    struct dht_node all[2000], out[20];

    for (unsigned n = 0; n < 2000; n++) {
        struct dht_id id;
        const struct addr a = address(n);
        random_fill(&seed, id.b, sizeof(id.b));
        if (n % 2) /* many near us, too */
            id.b[0] = 0;
        dht_routing_replied(&r, SEC(1), &id, &a, 0);
    }
    for (unsigned trial = 0; trial < 200; trial++) {
        struct dht_id target;
        random_fill(&seed, target.b, sizeof(target.b));
        if (trial % 3 == 0)
            target.b[0] = 0;
        if (trial == 0)
            target = self;
        size_t total = dht_routing_closest(&r, &target, all, 2000);
        assert_int_equal(total, r.count);
        for (size_t i = 1; i < total; i++)
            assert_true(dht_id_compare(&target, &all[i - 1].id, &all[i].id) < 0);
        assert_int_equal(dht_routing_closest(&r, &target, out, 20), 20);
        for (size_t i = 0; i < 20; i++)
            assert_true(dht_id_equal(&out[i].id, &all[i].id));
    }
}

static void good_is_who_answered_within_a_quarter_of_an_hour(void **state)
{
    (void)state;
    struct addr out;

    reply(SEC(10), 1);
    assert_int_equal(dht_routing_good(&r, SEC(909)), 1);
    assert_false(dht_routing_next_check(&r, SEC(909), &out));
    assert_int_equal(dht_routing_good(&r, SEC(910)), 0);
    assert_true(dht_routing_next_check(&r, SEC(910), &out));
    const struct addr a = address(1);
    assert_true(addr_equal(&out, &a));
    assert_false(dht_routing_next_check(&r, SEC(911), &out));
    assert_true(dht_routing_next_check(&r, SEC(970), &out));
    const struct dht_id id = far_id(1);
    assert_false(dht_routing_heard(&r, SEC(971), &id, &a)); /* it asked us: it is there */
    assert_int_equal(dht_routing_good(&r, SEC(972)), 1);
}

static void a_silent_bucket_is_looked_up(void **state)
{
    (void)state;
    static const uint8_t chance[DHT_ID_LEN] = {0x55, 0xaa, 0x55};
    struct dht_id target;

    reply(SEC(1), 1);
    assert_false(dht_routing_next_refresh(&r, SEC(900), chance, &target));
    assert_true(dht_routing_next_refresh(&r, SEC(901), chance, &target));
    assert_int_equal(dht_id_shared(&self, &target), 3);
    assert_false(dht_routing_next_refresh(&r, SEC(902), chance, &target));
}

static void another_id_of_ours_moves_the_nodes(void **state)
{
    (void)state;
    const struct dht_id own = {{0xff}};

    for (unsigned n = 0; n < 15; n++)
        reply(SEC(1), n);
    dht_routing_set_self(&r, SEC(2), &own);
    assert_int_equal(r.count, 15);
    for (unsigned n = 0; n < 15; n++)
        assert_true(is_in(n));
}

static void what_was_known_last_time_is_asked_whether_it_is_there(void **state)
{
    (void)state;
    struct addr out;
    const struct dht_id id = far_id(1);
    const struct addr a = address(1);

    dht_routing_remember(&r, SEC(1), &id, &a);
    assert_true(is_in(1));
    assert_int_equal(dht_routing_good(&r, SEC(1)), 0);
    assert_true(dht_routing_next_check(&r, SEC(1), &out));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(a_full_bucket_keeps_those_that_were_there_first),
        TEST(the_first_buckets_hold_more),
        TEST(nodes_spread_over_a_bucket),
        TEST(a_target_lies_where_few_nodes_are_known),
        TEST(who_fails_three_times_gives_way_to_one_that_waits),
        TEST(one_that_fits_its_address_takes_the_place_of_one_that_does_not),
        TEST(one_address_is_one_node_and_one_network_two_of_a_bucket),
        TEST(who_asks_us_is_asked_back_while_there_is_room),
        TEST(the_closest_are_those_that_a_search_through_all_finds),
        TEST(good_is_who_answered_within_a_quarter_of_an_hour),
        TEST(a_silent_bucket_is_looked_up),
        TEST(another_id_of_ours_moves_the_nodes),
        TEST(what_was_known_last_time_is_asked_whether_it_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
