/* A DHT of three hundred nodes, of which three in ten answer no stranger, and then three in ten lie
 * too: what one node puts, others find. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/crypto/secret.h"
#include "gateway/identity/keys.h"
#include "tests/sim/dht_world.h"

enum { OWN = 8, ITEMS = 8 };

static struct dht_world *world;
static unsigned own[OWN];

static uint64_t seed(void)
{
    const char *text = getenv("SIM_SEED");
    uint64_t n = text ? strtoull(text, NULL, 10) : 1;
    print_message("SIM_SEED=%llu\n", (unsigned long long)n);
    return n;
}

static void begin(unsigned hostile_percent, bool v6)
{
    const struct dht_world_options options = {.seed = seed(),
                                              .nodes = 300,
                                              .natted_percent = 30,
                                              .hostile_percent = hostile_percent,
                                              .loss_permille = 10,
                                              .rtt_ms = 100,
                                              .stays = SEC(3600),
                                              .v6 = v6};
    world = dht_world_new(&options);
    for (unsigned i = 0; i < OWN; i++)
        own[i] = dht_world_join(world, DHT_CLIENT);
    dht_world_run(world, SEC(40));
}

static int honest(void **state)
{
    (void)state;
    begin(0, false);
    return 0;
}

static int honest_v6(void **state)
{
    (void)state;
    begin(0, true);
    return 0;
}

static int hostile(void **state)
{
    (void)state;
    begin(30, false);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    dht_world_free(world);
    return 0;
}

static struct dht_item make_item(unsigned owner, int64_t seq)
{
    const uint8_t bytes[32] = {(uint8_t)owner, 1};
    struct keys keys;
    struct dht_item item = {.seq = seq};
    char text[40];

    keys_from_seed(&keys, bytes);
    int len = snprintf(text, sizeof(text), "of %u, number %d", owner, (int)seq);
    assert_int_equal(dht_item_set_bytes(&item, text, (size_t)len), 0);
    dht_item_sign(&item, &keys);
    return item;
}

static struct dht_event put(unsigned node, const struct dht_item *item)
{
    struct dht_request *r =
        dht_put(dht_world_node(world, node), dht_world_now(world), item, NULL, NULL);
    assert_non_null(r);
    return dht_world_finish(world, node, r, NULL, NULL);
}

static struct dht_event get(unsigned node, const struct dht_item *like, struct dht_item *found)
{
    struct dht_request *r = dht_get_mutable(dht_world_node(world, node), dht_world_now(world),
                                            like->key, (struct krpc_bytes){0}, 0, NULL);
    assert_non_null(r);
    return dht_world_finish(world, node, r, found, NULL);
}

static void what_one_puts_at_twenty_nodes_all_find(void **state)
{
    (void)state;
    unsigned placed = 0;

    for (unsigned i = 0; i < ITEMS; i++) {
        const struct dht_item item = make_item(i, 1000);
        const struct dht_id target = dht_item_target(&item);
        const struct dht_event e = put(own[i % OWN], &item);
        assert_int_equal(e.result, 0);
        assert_true(e.stored >= 20);
        assert_true(dht_world_copies(world, &target, 1000) >= 15);
        placed += dht_world_placed(world, &target, 1000, 20);
        for (unsigned k = 1; k < 4; k++) {
            struct dht_item found = {0};
            assert_int_equal(get(own[(i + k) % OWN], &item, &found).result, 0);
            assert_int_equal(found.seq, 1000);
        }
    }
    /* Among the twenty that are truly the closest, but for some that were silent. */
    assert_true(placed >= ITEMS * 13);
    assert_true(dht_world_counts(world)->worst_rate <= 5);
    uint64_t size = dht_network_size(dht_world_node(world, own[0]));
    assert_in_range(size, 120, 400);
}

static int quiet(void **state)
{
    const struct dht_world_options options = {
        .seed = seed(), .nodes = 300, .rtt_ms = 100, .even = true};
    (void)state;
    world = dht_world_new(&options);
    for (unsigned i = 0; i < OWN; i++)
        own[i] = dht_world_join(world, DHT_CLIENT);
    dht_world_run(world, SEC(40));
    return 0;
}

static void where_all_answer_it_is_the_true_twenty_that_keep_it(void **state)
{
    (void)state;

    for (unsigned i = 0; i < 3 * ITEMS; i++) {
        const struct dht_item item = make_item(i, 1000);
        const struct dht_id target = dht_item_target(&item);
        (void)put(own[i % OWN], &item);
        assert_int_equal(dht_world_placed(world, &target, 1000, 20), 20);
    }
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    const struct dht_item item = make_item(99, 1);

    assert_int_equal(get(own[0], &item, NULL).result, -ENOENT);
}

static void who_announces_himself_is_found(void **state)
{
    (void)state;
    const struct dht_id topic = {{7, 7, 7}};
    struct dht *d = dht_world_node(world, own[0]);
    struct dht_request *r = dht_announce(d, dht_world_now(world), &topic, 4433, NULL);

    assert_non_null(r);
    struct dht_event e = dht_world_finish(world, own[0], r, NULL, NULL);
    assert_int_equal(e.result, 0);
    assert_true(e.stored >= 15);
    d = dht_world_node(world, own[1]);
    r = dht_peers(d, dht_world_now(world), &topic, NULL);
    assert_non_null(r);
    e = dht_world_finish(world, own[1], r, NULL, NULL);
    assert_int_equal(e.result, 0);
    assert_int_equal(e.peer_count, 1);
    struct addr want = dht_world_addr(world, own[0]);
    addr_set_port(&want, 4433);
    assert_true(addr_equal(&e.peers[0], &want));
}

static void nodes_that_lie_take_nobody_back_to_an_older_item(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ITEMS; i++) {
        const struct dht_item old = make_item(i, 1000), now = make_item(i, 2000);
        (void)put(own[i % OWN], &old);
        dht_world_leak(world, &old);
        (void)put(own[(i + 1) % OWN], &now);
        for (unsigned k = 2; k < 5; k++) {
            struct dht_item found = {0};
            assert_int_equal(get(own[(i + k) % OWN], &now, &found).result, 0);
            assert_int_equal(found.seq, 2000);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_one_puts_at_twenty_nodes_all_find, honest, stop),
        cmocka_unit_test_setup_teardown(where_all_answer_it_is_the_true_twenty_that_keep_it, quiet,
                                        stop),
        cmocka_unit_test_setup_teardown(who_announces_himself_is_found, honest_v6, stop),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_not_found, honest, stop),
        cmocka_unit_test_setup_teardown(who_announces_himself_is_found, honest, stop),
        cmocka_unit_test_setup_teardown(nodes_that_lie_take_nobody_back_to_an_older_item, hostile,
                                        stop),
    };
    if (crypto_start() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
