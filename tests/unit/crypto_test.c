/* gateway/crypto against published vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/text.h"
#include "gateway/crypto/hash.h"
#include "gateway/crypto/secret.h"

static void hashes_as_published(void **state)
{
    uint8_t hash[64];
    char text[129];
    (void)state;

    hash_sha256(hash, "abc", 3); /* FIPS 180-2, B.1 */
    assert_string_equal(text_hex(text, hash, 32),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hash_blake2b(hash, 64, NULL, 0, "abc", 3); /* RFC 7693, appendix A */
    assert_string_equal(text_hex(text, hash, 64),
                        "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
                        "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
}

static void authenticates_with_a_key_and_a_length(void **state)
{
    uint8_t key[32] = {1}, other[32] = {2}, mac[16], second[16], longer[32];
    (void)state;

    hash_blake2b(mac, 16, key, 32, "message", 7);
    hash_blake2b(second, 16, key, 32, "message", 7);
    assert_memory_equal(mac, second, 16);
    hash_blake2b(second, 16, other, 32, "message", 7);
    assert_memory_not_equal(mac, second, 16);
    hash_blake2b(longer, 32, key, 32, "message", 7);
    assert_memory_not_equal(mac, longer, 16);
}

static void compares_and_wipes_secrets(void **state)
{
    uint8_t a[] = {1, 2, 3}, b[] = {1, 2, 4};
    (void)state;

    assert_int_equal(crypto_start(), 0);
    assert_int_equal(crypto_start(), 0);
    assert_true(secret_equal(a, b, 2));
    assert_false(secret_equal(a, b, 3));
    secret_wipe(a, sizeof(a));
    assert_memory_equal(a, "\0\0\0", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_as_published),
        cmocka_unit_test(authenticates_with_a_key_and_a_length),
        cmocka_unit_test(compares_and_wipes_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
