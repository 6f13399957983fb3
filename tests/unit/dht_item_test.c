/* BEP 44 items: the published vectors, and everything that makes one untrue to its target. */
#include "gateway/discovery/dht_item.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/text.h"
#include "gateway/crypto/secret.h"

#define NO_SALT ((struct krpc_bytes){0})
#define FOOBAR  ((struct krpc_bytes){(const uint8_t *)"foobar", 6})
#define HELLO   "12:Hello World!"

static const char KEY[] = "77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548";
static const char SIG1[] = "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff"
                           "1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01";
static const char SIG2[] = "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d"
                           "df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08";
static const char TARGET1[] = "4a533d47ec9c7d95b1ad75f576cffc641853b750";
static const char TARGET2[] = "411eba73b6f087ca51a3795d9c8c938d365e32c1";
static const char TARGET3[] = "e5f96f6f38320f0f33959cb4d3d656452117aadb";

static uint8_t key[32], sig[64];
static struct dht_item item;

static void decode(uint8_t *out, size_t len, const char *hex)
{
    assert_int_equal(text_hex_decode(out, len, hex, strlen(hex)), 0);
}

static struct dht_id target_of(const char *hex)
{
    struct dht_id id;
    decode(id.b, sizeof(id.b), hex);
    return id;
}

/* A reply with the vector's item. */
static struct krpc reply(const char *signature)
{
    decode(key, 32, KEY);
    decode(sig, 64, signature);
    return (struct krpc){.kind = KRPC_REPLY,
                         .key = key,
                         .sig = sig,
                         .has_seq = true,
                         .seq = 1,
                         .value = {(const uint8_t *)HELLO, strlen(HELLO)}};
}

static void the_vectors_of_bep_44_are_true_to_their_targets(void **state)
{
    (void)state;
    struct dht_id target = target_of(TARGET1);
    struct krpc m = reply(SIG1);

    assert_int_equal(dht_item_read(&item, &m, NO_SALT, &target), 0);
    assert_true(item.mutable);
    struct krpc_bytes text = dht_item_bytes(&item);
    assert_int_equal(text.len, 12);
    assert_memory_equal(text.at, "Hello World!", 12);
    m = reply(SIG2);
    target = target_of(TARGET2);
    assert_int_equal(dht_item_read(&item, &m, FOOBAR, &target), 0);
    m.key = NULL;
    target = target_of(TARGET3);
    assert_int_equal(dht_item_read(&item, &m, NO_SALT, &target), 0);
    assert_false(item.mutable);
}

static void another_target_is_refused(void **state)
{
    (void)state;
    struct dht_id target = target_of(TARGET2);
    struct krpc m = reply(SIG1);

    assert_int_equal(dht_item_read(&item, &m, NO_SALT, &target), KRPC_PROTOCOL);
    m.key = NULL;
    assert_int_equal(dht_item_read(&item, &m, NO_SALT, &target), KRPC_PROTOCOL);
    /* A put may name none. */
    m = reply(SIG1);
    assert_int_equal(dht_item_read(&item, &m, NO_SALT, NULL), 0);
}

static void an_item_of_another_key_is_refused_though_it_is_well_signed(void **state)
{
    (void)state;
    static const uint8_t seed[32] = {7};
    struct keys mallory;
    struct dht_item own = {.seq = 5};
    const struct dht_id target = target_of(TARGET1);

    keys_from_seed(&mallory, seed);
    assert_int_equal(dht_item_set_bytes(&own, "mine", 4), 0);
    dht_item_sign(&own, &mallory);
    const struct krpc m = {.key = own.key,
                           .sig = own.sig,
                           .has_seq = true,
                           .seq = 5,
                           .value = {own.value, own.value_len}};
    const struct dht_id theirs = dht_item_target(&own);
    assert_int_equal(dht_item_read(&item, &m, NO_SALT, &theirs), 0);
    assert_int_equal(dht_item_read(&item, &m, NO_SALT, &target), KRPC_PROTOCOL);
}

static void a_changed_bit_is_a_bad_signature(void **state)
{
    (void)state;
    struct krpc m = reply(SIG1);

    for (size_t bit = 0; bit < 512; bit += 37) {
        sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(dht_item_read(&item, &m, NO_SALT, NULL), KRPC_BAD_SIGNATURE);
        sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    m.seq = 2;
    assert_int_equal(dht_item_read(&item, &m, NO_SALT, NULL), KRPC_BAD_SIGNATURE);
    m.seq = 1;
    assert_int_equal(dht_item_read(&item, &m, FOOBAR, NULL), KRPC_BAD_SIGNATURE);
    m.value = (struct krpc_bytes){(const uint8_t *)"12:Hello World?", 15};
    assert_int_equal(dht_item_read(&item, &m, NO_SALT, NULL), KRPC_BAD_SIGNATURE);
}

static void sizes_have_their_errors(void **state)
{
    (void)state;
    static const uint8_t salt[65];
    uint8_t value[1001];
    struct krpc m = reply(SIG1);

    assert_int_equal(dht_item_read(&item, &m, (struct krpc_bytes){salt, 65}, NULL), KRPC_BIG_SALT);
    memset(value, 'x', sizeof(value));
    memcpy(value, "997:", 4);
    m.value = (struct krpc_bytes){value, 1001};
    assert_int_equal(dht_item_read(&item, &m, NO_SALT, NULL), KRPC_TOO_BIG);
    memcpy(value, "996:", 4);
    m.value.len = 1000;
    m.key = NULL;
    assert_int_equal(dht_item_read(&item, &m, NO_SALT, NULL), 0);
    assert_int_equal(dht_item_set_bytes(&item, value, 996), 0);
    assert_int_equal(dht_item_set_bytes(&item, value, 997), -EMSGSIZE);
    m.value = (struct krpc_bytes){0};
    assert_int_equal(dht_item_read(&item, &m, NO_SALT, NULL), KRPC_PROTOCOL);
}

static void a_value_of_two_spellings_is_refused(void **state)
{
    (void)state;
    struct krpc m = {.kind = KRPC_REPLY, .value = {(const uint8_t *)"d1:bi1e1:ai1ee", 14}};

    assert_int_equal(dht_item_read(&item, &m, NO_SALT, NULL), KRPC_PROTOCOL);
    m.value = (struct krpc_bytes){(const uint8_t *)"d1:ai1e1:bi1ee", 14};
    assert_int_equal(dht_item_read(&item, &m, NO_SALT, NULL), 0);
    assert_null(dht_item_bytes(&item).at);
}

static void the_higher_seq_is_newer_then_the_larger_value(void **state)
{
    (void)state;
    struct dht_item a = {.seq = 2, .value = "1:a", .value_len = 3}, b = a;

    assert_int_equal(dht_item_compare(&a, &b), 0);
    b.value[2] = 'b';
    assert_true(dht_item_compare(&a, &b) < 0);
    a.seq = 3;
    assert_true(dht_item_compare(&a, &b) > 0);
    a = b;
    a.value_len = 2;
    assert_true(dht_item_compare(&a, &b) < 0);
}

static int start(void **state)
{
    (void)state;
    return crypto_start();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_bep_44_are_true_to_their_targets),
        cmocka_unit_test(another_target_is_refused),
        cmocka_unit_test(an_item_of_another_key_is_refused_though_it_is_well_signed),
        cmocka_unit_test(a_changed_bit_is_a_bad_signature),
        cmocka_unit_test(sizes_have_their_errors),
        cmocka_unit_test(a_value_of_two_spellings_is_refused),
        cmocka_unit_test(the_higher_seq_is_newer_then_the_larger_value),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
