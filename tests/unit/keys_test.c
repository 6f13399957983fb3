/* The identity file and what the key pair can do. */
#include "gateway/identity/keys.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/text.h"
#include "gateway/identity/pair_key.h"
#include "tests/support/fake_env.h"

/* RFC 8032 §7.1, test 2. */
static const char SEED[] = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
static const char PUBLIC[] = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
static const char SIGNATURE[] = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                                "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

static struct keys keys_of(const char *seed_hex)
{
    struct keys keys;
    uint8_t seed[KEYS_SEED_LEN];
    assert_int_equal(text_hex_decode(seed, sizeof(seed), seed_hex, 64), 0);
    keys_from_seed(&keys, seed);
    return keys;
}

static void signs_as_rfc_8032_does(void **state)
{
    struct keys keys = keys_of(SEED);
    uint8_t sig[64], message = 0x72;
    char text[129];
    (void)state;

    assert_string_equal(text_hex(text, keys.id.key, 32), PUBLIC);
    keys_sign(&keys, &message, 1, sig);
    assert_string_equal(text_hex(text, sig, 64), SIGNATURE);
    assert_true(peer_id_verify(&keys.id, &message, 1, sig));
    message ^= 1;
    assert_false(peer_id_verify(&keys.id, &message, 1, sig));
    message ^= 1;
    for (size_t i = 0; i < sizeof(sig); i++) {
        sig[i] ^= 0x10;
        assert_false(peer_id_verify(&keys.id, &message, 1, sig));
        sig[i] ^= 0x10;
    }
}

static void agrees_on_a_secret_with_the_other_side_only(void **state)
{
    struct fake_env f;
    struct keys a = keys_of(SEED), b, c;
    uint8_t seed[KEYS_SEED_LEN], ab[32], ba[32], ac[32];
    (void)state;

    fake_env_init(&f);
    env_random(&f.env, seed, sizeof(seed));
    keys_from_seed(&b, seed);
    env_random(&f.env, seed, sizeof(seed));
    keys_from_seed(&c, seed);
    assert_int_equal(keys_shared_secret(&a, &b.id, ab), 0);
    assert_int_equal(keys_shared_secret(&b, &a.id, ba), 0);
    assert_int_equal(keys_shared_secret(&a, &c.id, ac), 0);
    assert_memory_equal(ab, ba, 32);
    assert_memory_not_equal(ab, ac, 32);
    struct peer_id small = {{1}};
    assert_int_equal(keys_shared_secret(&a, &small, ac), -EINVAL);
    fake_env_deinit(&f);
}

static void makes_an_identity_once_and_keeps_it(void **state)
{
    struct fake_env f;
    struct keys first, second;
    char why[128];
    (void)state;

    fake_env_init(&f);
    assert_int_equal(keys_load_or_make(&first, &f.env, why, sizeof(why)), 0);
    assert_int_equal(f.saves, 1);
    assert_int_equal(keys_load_or_make(&second, &f.env, why, sizeof(why)), 0);
    assert_int_equal(f.saves, 1);
    assert_true(peer_id_equal(&first.id, &second.id));
    assert_memory_equal(first.seed, second.seed, KEYS_SEED_LEN);
    assert_true(peer_id_is_valid(&first.id));
    fake_env_deinit(&f);
}

static void reads_the_form_it_documents(void **state)
{
    struct fake_env f;
    struct keys keys, expected = keys_of(SEED);
    char line[128], why[128];
    (void)state;

    fake_env_init(&f);
    snprintf(line, sizeof(line), "overlay-identity-1 %s\n", SEED);
    fake_env_put_file(&f, KEYS_FILE, line);
    assert_int_equal(keys_load_or_make(&keys, &f.env, why, sizeof(why)), 0);
    assert_true(peer_id_equal(&keys.id, &expected.id));
    fake_env_deinit(&f);
}

static void refuses_a_damaged_file_and_leaves_it_alone(void **state)
{
    struct fake_env f;
    struct keys keys = {0};
    char whole[128], damaged[160], why[128];
    (void)state;

    fake_env_init(&f);
    int len = snprintf(whole, sizeof(whole), "overlay-identity-1 %s\n", SEED);
    for (int cut = 0; cut < len - 1; cut++) { /* but for the newline, which an editor may drop */
        memcpy(damaged, whole, (size_t)cut);
        damaged[cut] = '\0';
        fake_env_put_file(&f, KEYS_FILE, damaged);
        assert_int_equal(keys_load_or_make(&keys, &f.env, why, sizeof(why)), -EBADMSG);
        assert_string_equal(fake_env_file(&f, KEYS_FILE), damaged);
    }
    static const char *const bad[] = {"overlay-identity-2 ", "Overlay-identity-1 ", ""};
    for (size_t i = 0; i < 3; i++) {
        snprintf(damaged, sizeof(damaged), "%s%s\n", bad[i], SEED);
        fake_env_put_file(&f, KEYS_FILE, damaged);
        assert_int_equal(keys_load_or_make(&keys, &f.env, why, sizeof(why)), -EBADMSG);
    }
    snprintf(damaged, sizeof(damaged), "overlay-identity-1 %sx", SEED); /* no newline, no digit */
    fake_env_put_file(&f, KEYS_FILE, damaged);
    assert_int_equal(keys_load_or_make(&keys, &f.env, why, sizeof(why)), -EBADMSG);
    snprintf(damaged, sizeof(damaged), "%s\n", whole);
    fake_env_put_file(&f, KEYS_FILE, damaged);
    assert_int_equal(keys_load_or_make(&keys, &f.env, why, sizeof(why)), -EBADMSG);
    assert_int_equal(strncmp(why, "identity.key:1: ", 16), 0);
    assert_true(peer_id_is_zero(&keys.id));
    assert_int_equal(f.saves, 0);
    fake_env_deinit(&f);
}

static void says_what_reading_or_saving_said(void **state)
{
    struct fake_env f;
    struct keys keys = {0};
    char why[128];
    (void)state;

    fake_env_init(&f);
    f.save_error = -ENOSPC;
    assert_int_equal(keys_load_or_make(&keys, &f.env, why, sizeof(why)), -ENOSPC);
    assert_string_equal(why, "identity.key: No space left on device");
    f.load_error = -EACCES;
    assert_int_equal(keys_load_or_make(&keys, &f.env, why, sizeof(why)), -EACCES);
    assert_non_null(strstr(why, "chmod 600"));
    assert_true(peer_id_is_zero(&keys.id));
    fake_env_deinit(&f);
}

static void leaves_nothing_behind_when_wiped(void **state)
{
    struct keys keys = keys_of(SEED);
    static const struct keys nothing;
    (void)state;
    keys_wipe(&keys);
    assert_memory_equal(&keys, &nothing, sizeof(keys));
}

static void two_gateways_have_a_key_each_way_for_each_use_and_network(void **state)
{
    static const uint8_t network[PAIR_KEY_NETWORK_LEN] = {1}, other[PAIR_KEY_NETWORK_LEN] = {2};
    const struct pair_key_use use = {.label = "test-1          ", .network = network};
    const struct pair_key_use uses[] = {{.label = "test-2          ", .network = network},
                                        {.label = "test-1          ", .network = other}};
    uint8_t seed[KEYS_SEED_LEN] = {7}, in[PAIR_KEY_LEN], out[PAIR_KEY_LEN];
    uint8_t their_in[PAIR_KEY_LEN], their_out[PAIR_KEY_LEN];
    struct keys a = keys_of(SEED), b;
    (void)state;

    keys_from_seed(&b, seed);
    assert_int_equal(pair_keys(&a, &b.id, &use, in, out), 0);
    assert_int_equal(pair_keys(&b, &a.id, &use, their_in, their_out), 0);
    assert_memory_equal(in, their_out, PAIR_KEY_LEN);
    assert_memory_equal(out, their_in, PAIR_KEY_LEN);
    assert_memory_not_equal(in, out, PAIR_KEY_LEN);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pair_keys(&b, &a.id, &uses[i], their_in, their_out), 0);
        assert_memory_not_equal(in, their_out, PAIR_KEY_LEN);
    }
    pair_key_of_id(&b.id, &use, their_in);
    assert_memory_not_equal(in, their_in, PAIR_KEY_LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_as_rfc_8032_does),
        cmocka_unit_test(agrees_on_a_secret_with_the_other_side_only),
        cmocka_unit_test(two_gateways_have_a_key_each_way_for_each_use_and_network),
        cmocka_unit_test(makes_an_identity_once_and_keeps_it),
        cmocka_unit_test(reads_the_form_it_documents),
        cmocka_unit_test(refuses_a_damaged_file_and_leaves_it_alone),
        cmocka_unit_test(says_what_reading_or_saving_said),
        cmocka_unit_test(leaves_nothing_behind_when_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
