/* The size of the network, from what look-ups end with. */
#include "gateway/discovery/dht_size.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/random.h"

static uint64_t seed = 1;
static struct dht_id *everybody;
static unsigned count;
static struct dht_id target;

static int by_distance(const void *a, const void *b)
{
    return dht_id_compare(&target, a, b);
}

/* A look-up in a network of ids drawn at random. */
static void look_up(struct dht_size *s)
{
    struct addr at[20];

    random_fill(&seed, target.b, sizeof(target.b));
    qsort(everybody, count, sizeof(*everybody), by_distance);
    for (unsigned i = 0; i < 20; i++) {
        uint8_t ip[4];
        random_fill(&seed, ip, sizeof(ip));
        at[i] = addr_v4(ip, 1);
    }
    dht_size_add(s, &target, everybody, at, 20);
}

static void make_network(unsigned nodes)
{
    free(everybody);
    count = nodes;
    everybody = calloc(nodes, sizeof(*everybody));
    assert_non_null(everybody);
    random_fill(&seed, everybody, nodes * sizeof(*everybody));
}

static void sixteen_lookups_come_within_a_third_of_the_truth(void **state)
{
    (void)state;
    static const unsigned NODES[] = {100, 1000, 5000};

    for (unsigned i = 0; i < 3; i++) {
        struct dht_size s = {0};
        make_network(NODES[i]);
        for (unsigned k = 0; k < 16; k++)
            look_up(&s);
        assert_in_range(dht_size_nodes(&s), NODES[i] * 2 / 3, NODES[i] * 4 / 3);
        double expected = dht_size_distance(&s, 20);
        assert_true(expected > 20.0 / (1.4 * NODES[i]) && expected < 20.0 / (0.6 * NODES[i]));
        assert_in_range(dht_size_networks(&s), 13, 20);
    }
}

static void it_knows_nothing_before_four_lookups(void **state)
{
    (void)state;
    struct dht_size s = {0};

    make_network(100);
    for (unsigned k = 0; k < 3; k++)
        look_up(&s);
    assert_int_equal(dht_size_nodes(&s), 0);
    assert_true(dht_size_distance(&s, 20) == 0);
    assert_int_equal(dht_size_networks(&s), 0);
    look_up(&s);
    assert_true(dht_size_nodes(&s) > 0);
}

static void one_crowded_target_does_not_move_it(void **state)
{
    (void)state;
    struct dht_size s = {0};
    struct dht_id crowd[20];
    struct addr at[20] = {0};

    make_network(1000);
    for (unsigned k = 0; k < 15; k++)
        look_up(&s);
    uint64_t before = dht_size_nodes(&s);
    for (unsigned i = 0; i < 20; i++) {
        crowd[i] = target;
        crowd[i].b[19] = (uint8_t)(crowd[i].b[19] + i);
    }
    dht_size_add(&s, &target, crowd, at, 20);
    assert_in_range(dht_size_nodes(&s), before * 3 / 4, before * 4 / 3);
}

static void too_few_nodes_tell_nothing(void **state)
{
    (void)state;
    struct dht_size s = {0};
    struct addr at[20] = {0};

    make_network(30);
    for (unsigned k = 0; k < 10; k++)
        dht_size_add(&s, &target, everybody, at, 7);
    assert_int_equal(dht_size_nodes(&s), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sixteen_lookups_come_within_a_third_of_the_truth),
        cmocka_unit_test(it_knows_nothing_before_four_lookups),
        cmocka_unit_test(one_crowded_target_does_not_move_it),
        cmocka_unit_test(too_few_nodes_tell_nothing),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(everybody);
    return failed;
}
