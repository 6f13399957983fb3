/* The borrowed protocols' hashes against their published values. */
#include "gateway/crypto/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/text.h"

static void is(const uint8_t *digest_bytes, size_t len, const char *hex)
{
    char text[TEXT_HEX_LEN(DIGEST_MAX) + 1];
    assert_string_equal(text_hex(text, digest_bytes, len), hex);
}

static struct digest_part part(const char *text)
{
    return (struct digest_part){text, strlen(text)};
}

static void hashes_what_the_standards_hash(void **state)
{
    (void)state;
    uint8_t out[DIGEST_MAX];
    const struct digest_part abc = part("abc");

    digest(DIGEST_MD5, out, &abc, 1); /* RFC 1321 §A.5 */
    is(out, DIGEST_MD5_LEN, "900150983cd24fb0d6963f7d28e17f72");
    digest(DIGEST_SHA1, out, &abc, 1); /* FIPS 180 */
    is(out, DIGEST_SHA1_LEN, "a9993e364706816aba3e25717850c26c9cd0d89d");
    digest(DIGEST_SHA256, out, &abc, 1);
    is(out, DIGEST_SHA256_LEN, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest(DIGEST_MD5, out, NULL, 0);
    is(out, DIGEST_MD5_LEN, "d41d8cd98f00b204e9800998ecf8427e");
}

static void pieces_make_one_message(void **state)
{
    (void)state;
    uint8_t out[DIGEST_MAX];
    const struct digest_part pieces[] = {part("a"), part(""), part("bc")};

    digest(DIGEST_SHA1, out, pieces, 3);
    is(out, DIGEST_SHA1_LEN, "a9993e364706816aba3e25717850c26c9cd0d89d");
}

static void macs_with_keys_of_any_length(void **state)
{
    (void)state;
    uint8_t out[DIGEST_MAX], key[80];
    const struct digest_part there = part("Hi There"), jefe = part("what do ya want for nothing?");
    const struct digest_part large = part("Test Using Larger Than Block-Size Key - Hash Key First");

    memset(key, 0x0b, 20); /* RFC 2202 §3, cases 1, 2 and 6; RFC 4231, cases 1 and 2 */
    digest_hmac(DIGEST_SHA1, out, key, 20, &there, 1);
    is(out, DIGEST_SHA1_LEN, "b617318655057264e28bc0b6fb378c8ef146be00");
    digest_hmac(DIGEST_SHA256, out, key, 20, &there, 1);
    is(out, DIGEST_SHA256_LEN, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    digest_hmac(DIGEST_SHA1, out, (const uint8_t *)"Jefe", 4, &jefe, 1);
    is(out, DIGEST_SHA1_LEN, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    digest_hmac(DIGEST_SHA256, out, (const uint8_t *)"Jefe", 4, &jefe, 1);
    is(out, DIGEST_SHA256_LEN, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    digest_hmac(DIGEST_SHA1, out, key, sizeof(key), &large, 1);
    is(out, DIGEST_SHA1_LEN, "aa4ae5e15272d00e95705637ce8a3b55ed402112");
    digest_hmac(DIGEST_MD5, out, key, sizeof(key), &large, 1); /* RFC 2202 §2, case 6 */
    is(out, DIGEST_MD5_LEN, "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_what_the_standards_hash),
        cmocka_unit_test(pieces_make_one_message),
        cmocka_unit_test(macs_with_keys_of_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
