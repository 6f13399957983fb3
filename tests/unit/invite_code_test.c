/* Words and codes: what is printed can be typed in again, and what was mistyped is named. */
#include "gateway/identity/invite_code.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/identity/words.h"

static void each_word_is_found_under_its_number(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WORDS_COUNT; i++) {
        const char *word = words_at(i);
        assert_int_equal(words_find(word, strlen(word)), (int)i);
        assert_in_range(strlen(word), 4, 8);
        assert_int_equal(strspn(word, "abcdefghijklmnopqrstuvwxyz"), strlen(word));
        if (i > 0)
            assert_true(strcmp(words_at(i - 1), word) < 0);
    }
}

static void what_is_no_word_is_not_found(void **state)
{
    (void)state;
    assert_int_equal(words_find("", 0), -1);
    assert_int_equal(words_find("xylophonist", 11), -1);
    assert_int_equal(words_find("cobal", 5), -1);
    assert_int_equal(words_find("cobalts", 7), -1);
    assert_int_equal(words_find("aaaa", 4), -1);
    assert_int_equal(words_find("zzzz", 4), -1);
    assert_true(words_find("CoBaLt", 6) >= 0);
}

static void a_code_reads_as_it_was_printed(void **state)
{
    uint8_t random[8] = {0};
    struct invite_code code, again;
    const char *word;
    size_t len;
    char text[INVITE_CODE_MAX];
    (void)state;

    for (unsigned i = 0; i < 100000; i += 37) {
        random[2] = (uint8_t)(i >> 8);
        random[3] = (uint8_t)i;
        random[4] = (uint8_t)(i >> 9);
        random[5] = (uint8_t)(i * 7);
        random[6] = (uint8_t)(i >> 5);
        random[7] = (uint8_t)(i * 3);
        invite_code_make(&code, random);
        assert_in_range(code.number, 1, INVITE_NUMBER_MAX);
        assert_int_equal(invite_code_parse(&again, invite_code_print(&code, text), &word, &len), 0);
        assert_memory_equal(&again, &code, sizeof(code));
    }
}

static void people_may_type_it_their_way(void **state)
{
    struct invite_code a, b;
    const char *word;
    size_t len;
    char text[INVITE_CODE_MAX];
    (void)state;

    assert_int_equal(invite_code_parse(&a, "7-cobalt-lemon", &word, &len), 0);
    assert_int_equal(invite_code_parse(&b, " 7 Cobalt  LEMON ", &word, &len), 0);
    assert_memory_equal(&a, &b, sizeof(a));
    assert_string_equal(invite_code_print(&b, text), "7-cobalt-lemon");
    assert_string_equal(invite_code_words(&b, text), "cobalt-lemon");
}

static void a_mistyped_word_is_named(void **state)
{
    struct invite_code code;
    const char *word;
    size_t len;
    (void)state;

    assert_int_equal(invite_code_parse(&code, "7-cobalt-lemonn", &word, &len), -ENOENT);
    assert_int_equal(len, 6);
    assert_memory_equal(word, "lemonn", 6);
}

static void what_has_not_a_codes_form_is_refused(void **state)
{
    static const char *const WRONG[] = {
        "",
        "7",
        "7-cobalt",
        "cobalt-lemon",
        "0-cobalt-lemon",
        "10000-cobalt-lemon",
        "07-cobalt-lemon",
        "-7-cobalt-lemon-x",
        "7-cobalt-lemon-lemon",
        "99999999999999999999999-cobalt-lemon",
        "- - -",
    };
    struct invite_code code;
    const char *word;
    size_t len;
    (void)state;

    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++)
        assert_int_equal(invite_code_parse(&code, WRONG[i], &word, &len), -EINVAL);
}

static void a_fingerprint_is_four_words(void **state)
{
    const uint8_t low[2 * WORDS_IN_TEXT] = {0};
    uint8_t high[2 * WORDS_IN_TEXT];
    char text[WORDS_TEXT_MAX], again[WORDS_TEXT_MAX];
    size_t hyphens = 0;
    (void)state;

    memset(high, 0xff, sizeof(high));
    for (const char *c = words_of(text, low); *c; c++)
        hyphens += *c == '-';
    assert_int_equal(hyphens, WORDS_IN_TEXT - 1);
    assert_string_not_equal(words_of(again, high), text);
    high[0] &= 0x07; /* beyond the 11 bits nothing counts */
    assert_string_equal(words_of(text, high), again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_word_is_found_under_its_number),
        cmocka_unit_test(what_is_no_word_is_not_found),
        cmocka_unit_test(a_code_reads_as_it_was_printed),
        cmocka_unit_test(people_may_type_it_their_way),
        cmocka_unit_test(a_mistyped_word_is_named),
        cmocka_unit_test(what_has_not_a_codes_form_is_refused),
        cmocka_unit_test(a_fingerprint_is_four_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
