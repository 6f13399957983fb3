/* Ids of the DHT: BEP 42's vectors, distances, and the vote on our address. */
#include "gateway/discovery/dht_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/text.h"
#include "tests/support/random.h"

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static struct dht_id id_of(const char *hex)
{
    struct dht_id id;
    assert_int_equal(text_hex_decode(id.b, sizeof(id.b), hex, strlen(hex)), 0);
    return id;
}

static const struct {
    const char *addr, *id;
} VECTOR[] = {
    {"124.31.75.21:1", "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401"},
    {"21.75.31.124:1", "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256"},
    {"65.23.51.170:1", "a5d43220bc8f112a3d426c84764f8c2a1150e616"},
    {"84.124.73.14:1", "1b0321dd1bb1fe518101ceef99462b947a01ff41"},
    {"43.213.53.83:1", "e56f6cbf5b7c4be0237986d5243b87aa6d51305a"},
};

static void the_ids_of_bep_42_fit_their_addresses_and_no_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < 5; j++) {
            const struct addr a = at(VECTOR[i].addr);
            const struct dht_id id = id_of(VECTOR[j].id);
            assert_int_equal(dht_id_fits(&id, &a), i == j);
        }
}

static void fitting_changes_21_bits_and_nothing_else(void **state)
{
    (void)state;
    static const char *const ADDR[] = {"124.31.75.21:1", "[2001:db8:85a3::1]:1"};
    uint64_t seed = 1;

    for (size_t i = 0; i < 2; i++)
        for (unsigned n = 0; n < 100; n++) {
            const struct addr a = at(ADDR[i]);
            struct dht_id id, before;
            random_fill(&seed, id.b, sizeof(id.b));
            before = id;
            dht_id_fit(&id, &a);
            assert_true(dht_id_fits(&id, &a));
            assert_memory_equal(id.b + 3, before.b + 3, 17);
            assert_int_equal(id.b[2] & 7, before.b[2] & 7);
            id.b[2] ^= 8; /* the 21st */
            assert_false(dht_id_fits(&id, &a));
        }
}

static void a_vector_is_made_again_from_its_last_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        const struct addr a = at(VECTOR[i].addr);
        const struct dht_id want = id_of(VECTOR[i].id);
        struct dht_id id = want;
        id.b[0] = id.b[1] = 0;
        id.b[2] &= 7;
        dht_id_fit(&id, &a);
        assert_true(dht_id_equal(&id, &want));
    }
}

static void local_addresses_may_have_any_id(void **state)
{
    (void)state;
    static const char *const LOCAL[] = {"10.1.2.3:1",    "172.16.0.1:1", "192.168.1.1:1",
                                        "169.254.1.1:1", "127.0.0.1:1",  "[fe80::1]:1",
                                        "[fd00::1]:1",   "[::1]:1"};
    const struct dht_id id = id_of("0000000000000000000000000000000000000000");

    for (size_t i = 0; i < sizeof(LOCAL) / sizeof(*LOCAL); i++) {
        const struct addr a = at(LOCAL[i]);
        assert_true(dht_id_fits(&id, &a));
    }
}

static void distance_is_exclusive_or(void **state)
{
    (void)state;
    const struct dht_id zero = {{0}};
    struct dht_id near = zero, far = zero;

    near.b[19] = 1;
    far.b[0] = 0x80;
    assert_int_equal(dht_id_shared(&zero, &near), 159);
    assert_int_equal(dht_id_shared(&zero, &far), 0);
    assert_int_equal(dht_id_shared(&far, &far), 160);
    assert_true(dht_id_compare(&zero, &near, &far) < 0);
    assert_true(dht_id_compare(&far, &near, &far) > 0);
    assert_int_equal(dht_id_compare(&zero, &far, &far), 0);
    assert_true(dht_id_distance(&zero, &far) == 0.5);
    far.b[0] = 0x60;
    assert_true(dht_id_distance(&zero, &far) == 0.375);
    far.b[0] = 0x01;
    assert_int_equal(dht_id_shared(&zero, &far), 7);
}

static void customers_and_networks_have_their_keys(void **state)
{
    (void)state;
    uint8_t key[20];
    struct addr a = at("192.0.2.7:80");

    assert_int_equal(dht_addr_key(&a, false, key), 4);
    assert_int_equal(dht_addr_key(&a, true, key), 3);
    a = at("[2001:db8::1]:80");
    assert_int_equal(dht_addr_key(&a, false, key), 8);
    assert_int_equal(dht_addr_key(&a, true, key), 6);
    a = at("127.0.0.1:80"); /* many nodes of one machine are many */
    assert_int_equal(dht_addr_key(&a, true, key), 6);
    assert_int_equal(key[5], 80);
    a = (struct addr){0};
    assert_int_equal(dht_addr_key(&a, true, key), 0);
}

static void addresses_of_one_customer_are_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same, wide;
    } CASE[] = {
        {"192.0.2.7:1", "192.0.2.7:2", true, true},
        {"192.0.2.7:1", "192.0.2.8:1", false, true},
        {"192.0.2.7:1", "192.0.3.7:1", false, false},
        {"[2001:db8::1]:1", "[2001:db8::2]:1", true, true},
        {"[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1", false, true},
        {"127.0.0.1:1", "127.0.0.1:2", false, false},
        {"127.0.0.1:1", "127.0.0.1:1", true, true},
        {"192.0.2.7:1", "[2001:db8::1]:1", false, false},
    };
    for (size_t i = 0; i < sizeof(CASE) / sizeof(*CASE); i++) {
        const struct addr a = at(CASE[i].a), b = at(CASE[i].b);
        assert_int_equal(dht_addr_same(&a, &b, false), CASE[i].same);
        assert_int_equal(dht_addr_same(&a, &b, true), CASE[i].wide);
    }
}

static void nobody_is_at_addresses_that_nobody_has(void **state)
{
    (void)state;
    static const char *const NO[] = {"0.0.0.0:1",         "0.1.2.3:1",          "224.0.0.1:1",
                                     "255.255.255.255:1", "192.0.2.1:0",        "[::]:1",
                                     "[ff02::1]:1",       "[::ffff:1.2.3.4]:1", "240.0.0.1:1"};
    struct addr a = at("192.0.2.1:1");

    assert_true(dht_addr_is_usable(&a));
    for (size_t i = 0; i < sizeof(NO) / sizeof(*NO); i++) {
        a = at(NO[i]);
        assert_false(dht_addr_is_usable(&a));
    }
    a = (struct addr){0};
    assert_false(dht_addr_is_usable(&a));
}

static bool voice(struct dht_votes *v, unsigned voter, const char *seen)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "20.%u.%u.1:1", voter / 256, voter % 256);
    const struct addr from = at(text), said = at(seen);
    return dht_votes_add(v, &from, &said);
}

static void four_networks_that_agree_make_our_address(void **state)
{
    (void)state;
    struct dht_votes v = {0};

    for (unsigned i = 0; i < 3; i++)
        assert_false(voice(&v, i, "198.51.100.1:5"));
    assert_false(voice(&v, 2, "198.51.100.1:5")); /* again: one network, one voice */
    assert_true(addr_is_none(&v.winner));
    assert_true(voice(&v, 3, "198.51.100.1:7"));
    assert_int_equal(addr_port(&v.winner), 7);
    assert_false(voice(&v, 4, "198.51.100.1:8"));
}

static void liars_in_the_minority_move_nothing_and_a_move_is_seen(void **state)
{
    (void)state;
    struct dht_votes v = {0};

    for (unsigned i = 0; i < 20; i++)
        (void)voice(&v, i, "198.51.100.1:5");
    for (unsigned i = 20; i < 30; i++)
        assert_false(voice(&v, i, "203.0.113.9:5"));
    const struct addr ours = at("198.51.100.1:1");
    assert_true(addr_same_ip(&v.winner, &ours));
    bool moved = false;
    for (unsigned i = 100; i < 140; i++)
        moved |= voice(&v, i, "203.0.113.77:5");
    assert_true(moved);
    const struct addr new = at("203.0.113.77:1");
    assert_true(addr_same_ip(&v.winner, &new));
}

static void nobody_out_there_sees_us_at_a_private_address(void **state)
{
    (void)state;
    struct dht_votes v = {0};

    for (unsigned i = 0; i < 8; i++)
        assert_false(voice(&v, i, "192.168.1.5:1"));
    assert_true(addr_is_none(&v.winner));
}

static void a_voter_speaks_for_his_own_family(void **state)
{
    (void)state;
    struct dht_votes v = {0};
    const struct addr six = at("[2001:db8::1]:1");

    for (unsigned i = 0; i < 8; i++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "20.0.%u.1:1", i);
        const struct addr from = at(text);
        assert_false(dht_votes_add(&v, &from, &six));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ids_of_bep_42_fit_their_addresses_and_no_other),
        cmocka_unit_test(fitting_changes_21_bits_and_nothing_else),
        cmocka_unit_test(a_vector_is_made_again_from_its_last_byte),
        cmocka_unit_test(local_addresses_may_have_any_id),
        cmocka_unit_test(distance_is_exclusive_or),
        cmocka_unit_test(customers_and_networks_have_their_keys),
        cmocka_unit_test(addresses_of_one_customer_are_the_same),
        cmocka_unit_test(nobody_is_at_addresses_that_nobody_has),
        cmocka_unit_test(four_networks_that_agree_make_our_address),
        cmocka_unit_test(liars_in_the_minority_move_nothing_and_a_move_is_seen),
        cmocka_unit_test(nobody_out_there_sees_us_at_a_private_address),
        cmocka_unit_test(a_voter_speaks_for_his_own_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
