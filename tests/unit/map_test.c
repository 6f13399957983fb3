/* The hash table against a plain array, and its hash against the published vectors. */
#include "gateway/base/map.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ITEMS 500

struct item {
    uint8_t key[20];
    size_t len;
    bool in;
};

static const uint8_t SECRET[MAP_SECRET_LEN] = {0, 1, 2,  3,  4,  5,  6,  7,
                                               8, 9, 10, 11, 12, 13, 14, 15};

static void hashes_as_the_authors_of_siphash_do(void **state)
{
    /* vectors_sip64 of the reference implementation: messages 00 01 02 .. of these lengths. */
    static const struct {
        size_t len;
        uint64_t hash;
    } known[] = {
        {0, UINT64_C(0x726fdb47dd0e0e31)},
        {1, UINT64_C(0x74f839c593dc67fd)},
        {15, UINT64_C(0xa129ca6149be45e5)},
    };
    struct map m;
    uint8_t data[16];
    (void)state;

    map_init(&m, SECRET);
    for (uint8_t i = 0; i < sizeof(data); i++)
        data[i] = i;
    for (size_t i = 0; i < 3; i++)
        assert_true(map_hash(m.secret, data, known[i].len) == known[i].hash);
}

static void agrees_with_a_plain_search_through_adding_and_removing(void **state)
{
    static struct item item[ITEMS];
    struct map m;
    unsigned seed = 3;
    size_t count = 0;
    (void)state;

    map_init(&m, SECRET);
    for (unsigned i = 0; i < ITEMS; i++) {
        item[i].len = i % sizeof(item[i].key) + 1;
        memset(item[i].key, (int)(i & 0xff), item[i].len);
        item[i].key[0] = (uint8_t)(i >> 8 | i % 7 << 4);
        item[i].key[item[i].len - 1] ^= (uint8_t)i;
    }
    for (int turn = 0; turn < 50000; turn++) {
        struct item *it = &item[(unsigned)rand_r(&seed) % ITEMS];
        struct item *found = map_find(&m, it->key, it->len);
        /* Two items may have equal keys: then one stands for both. */
        assert_true(!it->in || found == it);
        if (!found) {
            assert_int_equal(map_insert(&m, it->key, it->len, it), 0);
            it->in = true;
            count++;
        } else if (found == it && rand_r(&seed) % 2) {
            assert_ptr_equal(map_remove(&m, it->key, it->len), it);
            it->in = false;
            count--;
        } else {
            assert_int_equal(map_insert(&m, it->key, it->len, it), -EEXIST);
        }
        assert_int_equal(m.count, count);
    }
    map_deinit(&m);
}

static void finds_nothing_in_an_empty_table(void **state)
{
    struct map m;
    (void)state;

    map_init(&m, SECRET);
    assert_null(map_find(&m, "a", 1));
    assert_null(map_remove(&m, "a", 1));
    map_deinit(&m);
}

static void tells_a_key_from_its_beginning(void **state)
{
    struct map m;
    int one, two;
    (void)state;

    map_init(&m, SECRET);
    assert_int_equal(map_insert(&m, "ab", 2, &one), 0);
    assert_null(map_find(&m, "a", 1));
    assert_int_equal(map_insert(&m, "a", 1, &two), 0);
    assert_ptr_equal(map_find(&m, "ab", 2), &one);
    assert_ptr_equal(map_find(&m, "a", 1), &two);
    map_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_as_the_authors_of_siphash_do),
        cmocka_unit_test(agrees_with_a_plain_search_through_adding_and_removing),
        cmocka_unit_test(finds_nothing_in_an_empty_table),
        cmocka_unit_test(tells_a_key_from_its_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
