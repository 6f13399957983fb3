/* Text codecs: published vectors, every length both ways, and only canonical spellings. */
#include "gateway/base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* The key of research on pkarr's clients: 32 bytes and their name. */
static const char KEY_HEX[] = "01b467a3b7913ab27a04a8edf2f3fb074cfe0ecf4babe108d67be3853b0f26c5";
static const char KEY_Z32[] = "yg4gxe7z1r7mr6orids9fh95y7gxhdsxjqi6nngsxxtakqaxr5no";

static void writes_and_reads_hexadecimal(void **state)
{
    uint8_t data[32];
    char text[65];
    (void)state;

    assert_int_equal(text_hex_decode(data, 32, KEY_HEX, 64), 0);
    assert_int_equal(data[0], 0x01);
    assert_int_equal(data[31], 0xc5);
    assert_string_equal(text_hex(text, data, 32), KEY_HEX);
    assert_int_equal(text_hex_decode(data, 2, "aBCd", 4), 0);
    assert_int_equal(text_hex_decode(data, 2, "abcg", 4), -EINVAL);
    assert_int_equal(text_hex_decode(data, 2, "ab\0d", 4), -EINVAL);
    for (size_t len = 0; len < 64; len++)
        assert_int_equal(text_hex_decode(data, 32, KEY_HEX, len), -EINVAL);
    assert_int_equal(text_hex_decode(data, 0, "", 0), 0);
}

static void writes_and_reads_the_vectors_of_rfc_4648(void **state)
{
    static const char *const vector[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                         "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    char text[16];
    uint8_t data[8];
    (void)state;

    for (size_t len = 0; len <= 6; len++) {
        size_t n = text_base64(text, TEXT_BASE64, (const uint8_t *)"foobar", len);
        assert_string_equal(text, vector[len]);
        assert_int_equal(n, TEXT_BASE64_LEN(len));
        assert_int_equal(text_base64_decode(data, sizeof(data), TEXT_BASE64, text, n), len);
        assert_memory_equal(data, "foobar", len);
        for (size_t cut = n; cut > 0 && cut > n - 3; cut--)
            assert_int_equal(text_base64_decode(data, sizeof(data), TEXT_BASE64, text, cut - 1),
                             cut == 1 ? 0 : -EINVAL);
    }
}

static void writes_url_base64_without_padding(void **state)
{
    const uint8_t bytes[] = {0xfb, 0xff, 0xbf, 0x3e};
    char text[16];
    uint8_t data[8];
    (void)state;

    assert_int_equal(text_base64(text, TEXT_BASE64_URL, bytes, 4), 6);
    assert_string_equal(text, "-_-_Pg");
    assert_int_equal(text_base64_decode(data, 4, TEXT_BASE64_URL, text, 6), 4);
    assert_memory_equal(data, bytes, 4);
    assert_int_equal(text_base64_decode(data, 3, TEXT_BASE64_URL, text, 6), -EINVAL);
    assert_int_equal(text_base64_decode(data, 8, TEXT_BASE64_URL, "-_-_Pg==", 8), -EINVAL);
    assert_int_equal(text_base64_decode(data, 8, TEXT_BASE64_URL, "+/+/Pg", 6), -EINVAL);
}

static void refuses_base64_that_is_not_canonical(void **state)
{
    static const char *const bad[] = {"Zh==",  "Zm9=", "Z===",     "====", "Zm=v",
                                      "Zm9v=", "Zg=",  "Zg==Zg==", "Zm 9", "Zm9v\n"};
    uint8_t data[8];
    (void)state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(text_base64_decode(data, 8, TEXT_BASE64, bad[i], strlen(bad[i])), -EINVAL);
}

static void names_a_key_as_other_pkarr_programs_do(void **state)
{
    uint8_t key[32], again[32];
    char text[TEXT_Z32_LEN(32) + 1];
    (void)state;

    assert_int_equal(text_hex_decode(key, 32, KEY_HEX, 64), 0);
    assert_string_equal(text_z32(text, key, 32), KEY_Z32);
    assert_int_equal(text_z32_decode(again, 32, KEY_Z32, 52), 0);
    assert_memory_equal(again, key, 32);
    for (char *c = text; *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    assert_int_equal(text_z32_decode(again, 32, text, 52), 0);
    assert_memory_equal(again, key, 32);
}

static void gives_a_key_one_name_only(void **state)
{
    uint8_t key[32];
    char text[53];
    unsigned good = 0;
    (void)state;

    strcpy(text, KEY_Z32);
    for (int c = 1; c < 256; c++) {
        text[51] = (char)c;
        if (text_z32_decode(key, 32, text, 52) == 0)
            good++;
    }
    assert_int_equal(good, 4); /* y, o, Y and O */
    for (size_t len = 0; len < 52; len++)
        assert_int_equal(text_z32_decode(key, 32, KEY_Z32, len), -EINVAL);
    assert_int_equal(
        text_z32_decode(key, 32, "yg4gxe7z1r7mr6orids9fh95y7gxhdsxjqi6nngsxxtakqaxr5nov", 53),
        -EINVAL);
}

static void repeats_every_length_of_z_base_32(void **state)
{
    uint8_t data[40], again[40];
    char text[TEXT_Z32_LEN(40) + 1];
    (void)state;

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 37 + 11);
    for (size_t len = 0; len <= sizeof(data); len++) {
        (void)text_z32(text, data, len);
        assert_int_equal(strlen(text), TEXT_Z32_LEN(len));
        assert_int_equal(text_z32_decode(again, len, text, strlen(text)), 0);
        assert_memory_equal(again, data, len);
    }
}

static void reads_decimal_numbers_up_to_their_limit(void **state)
{
    uint16_t port = 7;
    uint64_t n;
    (void)state;

    assert_int_equal(text_parse_u16(&port, "65535x", 5), 0);
    assert_int_equal(port, 65535);
    assert_int_equal(text_parse_u16(&port, "0", 1), 0);
    assert_int_equal(port, 0);
    static const char *const bad[] = {"",   "65536", "-1", "+1",  " 1",
                                      "1 ", "01",    "00", "1e3", "0x1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(text_parse_u16(&port, bad[i], strlen(bad[i])), -EINVAL);
    assert_int_equal(text_parse_u64(&n, "18446744073709551615", 20, UINT64_MAX), 0);
    assert_true(n == UINT64_MAX);
    assert_int_equal(text_parse_u64(&n, "18446744073709551616", 20, UINT64_MAX), -EINVAL);
    assert_int_equal(text_parse_u64(&n, "99999999999999999999", 20, UINT64_MAX), -EINVAL);
    assert_int_equal(text_parse_u64(&n, "9", 1, 8), -EINVAL);
}

static void words_of_a_line_are_counted_from_its_start(void **state)
{
    (void)state;
    char word[8];

    assert_string_equal(text_word("  one two\tthree\nfour", 0, word, sizeof(word)), "one");
    assert_string_equal(text_word("one two\tthree\nfour", 2, word, sizeof(word)), "three");
    assert_string_equal(text_word("one two\tthree\nfour", 3, word, sizeof(word)), "");
    assert_string_equal(text_word("", 5, word, sizeof(word)), "");
    assert_string_equal(text_word("a longer-than-that", 1, word, sizeof(word)), "longer-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads_hexadecimal),
        cmocka_unit_test(writes_and_reads_the_vectors_of_rfc_4648),
        cmocka_unit_test(writes_url_base64_without_padding),
        cmocka_unit_test(refuses_base64_that_is_not_canonical),
        cmocka_unit_test(names_a_key_as_other_pkarr_programs_do),
        cmocka_unit_test(gives_a_key_one_name_only),
        cmocka_unit_test(repeats_every_length_of_z_base_32),
        cmocka_unit_test(reads_decimal_numbers_up_to_their_limit),
        cmocka_unit_test(words_of_a_line_are_counted_from_its_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
