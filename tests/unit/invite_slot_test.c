/* Slots of the DHT: their keys, and the items in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/crypto/stretch.h"
#include "gateway/discovery/invite_slot.h"

static const struct invite_secret SECRET = {.handle = {7}, .password = "cobalt-lemon"};

static struct peer_id id_of(const struct invite_secret *secret, uint64_t epoch, unsigned index)
{
    struct keys keys;
    assert_int_equal(invite_slot_keys(&keys, secret, epoch, index), 0);
    return keys.id;
}

static void both_sides_find_the_same_slot_and_no_other_has_its_key(void **state)
{
    struct invite_secret same = SECRET, handle = SECRET, network = SECRET;
    const struct peer_id id = id_of(&SECRET, 3, 1);
    (void)state;

    same.password[0] = 'x'; /* a guest may have other words: it asks in the same place */
    handle.handle[15] = 1;
    network.network[31] = 1;
    struct peer_id other = id_of(&same, 3, 1);
    assert_true(peer_id_equal(&id, &other));
    other = id_of(&handle, 3, 1);
    assert_false(peer_id_equal(&id, &other));
    other = id_of(&network, 3, 1);
    assert_false(peer_id_equal(&id, &other));
    other = id_of(&SECRET, 4, 1);
    assert_false(peer_id_equal(&id, &other));
    other = id_of(&SECRET, 3, 2);
    assert_false(peer_id_equal(&id, &other));
}

static void near_its_edge_the_ten_minutes_beside_count_too(void **state)
{
    const int64_t begin = 1000 * INVITE_EPOCH_US, end = begin + INVITE_EPOCH_US;
    (void)state;

    assert_int_equal(invite_epoch(begin), 1000);
    assert_int_equal(invite_epoch(end - 1), 1000);
    assert_int_equal(invite_epoch_beside(begin), 999);
    assert_int_equal(invite_epoch_beside(begin + INVITE_EPOCH_EDGE), 1000);
    assert_int_equal(invite_epoch_beside(end - INVITE_EPOCH_EDGE - 1), 1000);
    assert_int_equal(invite_epoch_beside(end - INVITE_EPOCH_EDGE), 1001);
    assert_int_equal(invite_epoch_beside(0), 0);
    assert_int_equal(invite_epoch(-5), 0);
}

static void the_longest_message_fits_an_item_and_comes_out_again(void **state)
{
    uint8_t message[INVITE_MESSAGE_MAX];
    struct dht_item item;
    struct keys keys;
    (void)state;

    memset(message, 9, sizeof(message));
    assert_int_equal(invite_slot_keys(&keys, &SECRET, 3, 1), 0);
    invite_slot_item(&item, &keys, INVITE_PART_CLAIM, 77, message, sizeof(message));
    assert_true(item.mutable);
    assert_int_equal(item.seq, 77);
    assert_memory_equal(item.key, keys.id.key, sizeof(item.key));
    assert_memory_equal(item.salt, "claim", 5);
    const struct krpc_bytes b = dht_item_bytes(&item);
    assert_int_equal(b.len, sizeof(message));
    assert_memory_equal(b.at, message, sizeof(message));
}

static void parts_of_a_slot_are_told_apart_by_salt(void **state)
{
    (void)state;

    for (enum invite_part a = INVITE_PART_OFFER; a <= INVITE_PART_WELCOME; a++)
        for (enum invite_part b = INVITE_PART_OFFER; b < a; b++) {
            const struct krpc_bytes x = invite_slot_salt(a), y = invite_slot_salt(b);
            assert_false(x.len == y.len && memcmp(x.at, y.at, x.len) == 0);
        }
}

/* By Argon2's own reference program: -id -t 1 -m 13 -p 1 -l 32 -r. */
static void stretching_is_argon2id(void **state)
{
    static const uint8_t SALT[STRETCH_SALT_LEN + 1] = "somesaltsomesalt";
    static const uint8_t EXPECTED[STRETCH_LEN] = {0x84, 0xfb, 0x00, 0x6b, 0xbc, 0x3c, 0xd6, 0x98,
                                                  0x95, 0x72, 0x2b, 0x64, 0xb5, 0xbf, 0x73, 0x52,
                                                  0x51, 0xa9, 0xe8, 0xe9, 0xf3, 0xec, 0xb9, 0x3f,
                                                  0xf5, 0x95, 0xb9, 0x8a, 0xeb, 0x7a, 0xcc, 0xb7};
    uint8_t out[STRETCH_LEN];
    (void)state;

    assert_int_equal(stretch(out, "password", 8, SALT), 0);
    assert_memory_equal(out, EXPECTED, sizeof(out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_find_the_same_slot_and_no_other_has_its_key),
        cmocka_unit_test(near_its_edge_the_ten_minutes_beside_count_too),
        cmocka_unit_test(the_longest_message_fits_an_item_and_comes_out_again),
        cmocka_unit_test(parts_of_a_slot_are_told_apart_by_salt),
        cmocka_unit_test(stretching_is_argon2id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
