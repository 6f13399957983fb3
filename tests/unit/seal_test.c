/* Sealed messages: opened by the same key, and by nothing else. */
#include "gateway/crypto/seal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/crypto/secret.h"

static const uint8_t KEY[SEAL_KEY_LEN] = {1}, OTHER[SEAL_KEY_LEN] = {2};
static const uint8_t NONCE[SEAL_NONCE_LEN] = {3};

static void the_same_key_opens(void **state)
{
    uint8_t sealed[5 + SEAL_OVERHEAD], out[5];
    (void)state;

    seal(sealed, KEY, NONCE, "hello", 5);
    assert_int_equal(seal_open(out, KEY, sealed, sizeof(sealed)), 5);
    assert_memory_equal(out, "hello", 5);
    seal(sealed, KEY, NONCE, "", 0);
    assert_int_equal(seal_open(out, KEY, sealed, SEAL_OVERHEAD), 0);
}

static void another_key_does_not(void **state)
{
    uint8_t sealed[5 + SEAL_OVERHEAD], out[5];
    (void)state;

    seal(sealed, KEY, NONCE, "hello", 5);
    assert_int_equal(seal_open(out, OTHER, sealed, sizeof(sealed)), -EBADMSG);
}

static void what_was_changed_does_not_open(void **state)
{
    uint8_t sealed[5 + SEAL_OVERHEAD], out[5 + SEAL_OVERHEAD];
    (void)state;

    seal(sealed, KEY, NONCE, "hello", 5);
    for (size_t i = 0; i < sizeof(sealed); i++) {
        sealed[i] ^= 0x10;
        assert_int_equal(seal_open(out, KEY, sealed, sizeof(sealed)), -EBADMSG);
        sealed[i] ^= 0x10;
        assert_int_equal(seal_open(out, KEY, sealed, i), -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_key_opens),
        cmocka_unit_test(another_key_does_not),
        cmocka_unit_test(what_was_changed_does_not_open),
    };
    return crypto_start() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
