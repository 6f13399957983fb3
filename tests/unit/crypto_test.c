/* gateway/crypto against published vectors. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/text.h"
#include "gateway/crypto/aead.h"
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
    hash_hmac_sha256(hash, (const uint8_t *)"Jefe", 4, "what do ya want for nothing?", 28);
    assert_string_equal(text_hex(text, hash, 32), /* RFC 4231 §4.3 */
                        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
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

static void seals_as_the_xchacha_draft_does(void **state)
{
    /* draft-irtf-cfrg-xchacha-03, appendix A.3.1 */
    static const char plain[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
                                "only one tip for the future, sunscreen would be it.";
    uint8_t key[AEAD_KEY_LEN], nonce[AEAD_NONCE_LEN], extra[12];
    uint8_t sealed[sizeof(plain) + AEAD_TAG_LEN];
    char text[33];
    (void)state;

    for (uint8_t i = 0; i < 32; i++)
        key[i] = (uint8_t)(0x80 + i);
    for (uint8_t i = 0; i < 24; i++)
        nonce[i] = (uint8_t)(0x40 + i);
    assert_int_equal(text_hex_decode(extra, 12, "50515253c0c1c2c3c4c5c6c7", 24), 0);
    struct aead a = {.key = key, .nonce = nonce, .extra = extra, .extra_len = 12};
    size_t len = sizeof(plain) - 1;
    assert_int_equal(aead_seal(&a, sealed, (const uint8_t *)plain, len), len + AEAD_TAG_LEN);
    assert_string_equal(text_hex(text, sealed, 16), "bd6d179d3e83d43b9576579493c0e939");
    assert_string_equal(text_hex(text, sealed + len, 16), "c0875924c1c7987947deafd8780acf49");
}

static void opens_nothing_that_was_changed_or_cut(void **state)
{
    uint8_t key[AEAD_KEY_LEN] = {1}, nonce[AEAD_NONCE_LEN] = {2}, extra = 3;
    uint8_t message[20 + AEAD_TAG_LEN] = "twenty bytes of text", out[20];
    struct aead a = {.key = key, .nonce = nonce, .extra = &extra, .extra_len = 1};
    size_t len = aead_seal(&a, message, message, 20);
    (void)state;

    assert_int_equal(aead_open(&a, out, message, len), 0);
    assert_memory_equal(out, "twenty bytes of text", 20);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(aead_open(&a, out, message, cut), -EBADMSG);
    for (size_t i = 0; i < len; i++) {
        message[i] ^= 1;
        assert_int_equal(aead_open(&a, out, message, len), -EBADMSG);
        message[i] ^= 1;
    }
    extra++;
    assert_int_equal(aead_open(&a, out, message, len), -EBADMSG);
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
        cmocka_unit_test(seals_as_the_xchacha_draft_does),
        cmocka_unit_test(opens_nothing_that_was_changed_or_cut),
        cmocka_unit_test(compares_and_wipes_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
