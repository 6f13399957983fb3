/* Bencoding: what has one spelling is read, the rest is refused at every length. */
#include "gateway/wire/bencode.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct bencode v;

/* From a copy that ends where the text does, so that ASan sees a step too far. */
static int read_exactly(const char *text, size_t len)
{
    uint8_t *copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, text, len);
    int err = bencode_read(&v, copy, len);
    free(copy);
    return err;
}

static int read_text(const char *text)
{
    return bencode_read(&v, (const uint8_t *)text, strlen(text));
}

static void numbers_of_64_bits_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t number;
    } GOOD[] = {
        {"i0e", 0},
        {"i-1e", -1},
        {"i10e", 10},
        {"i9223372036854775807e", INT64_MAX},
        {"i-9223372036854775808e", INT64_MIN},
    };
    for (size_t i = 0; i < sizeof(GOOD) / sizeof(*GOOD); i++) {
        assert_int_equal(read_text(GOOD[i].text), 0);
        assert_int_equal(v.kind, BENCODE_NUMBER);
        assert_true(v.number == GOOD[i].number);
        assert_int_equal(v.raw_len, strlen(GOOD[i].text));
    }
}

static void what_has_another_spelling_or_no_end_is_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        "x",
        "e",
        "i",
        "ie",
        "i-e",
        "i-0e",
        "i00e",
        "i05e",
        "i-05e",
        "i+1e",
        "i1.5e",
        "i1",
        "i9223372036854775808e",
        "i-9223372036854775809e",
        "i99999999999999999999999999999e",
        "-1:a",
        "00:",
        "01:a",
        "2:a",
        "5:abc",
        "99999999999:e",
        "18446744073709551616:e",
        ":",
        "1",
        "l",
        "li1e",
        "d",
        "d1:ae",
        "d1:a",
        "di1e1:ae",
        "d1:ai1e1:be",
        "d2:ip99999999999:e",
        "dlee",
    };
    for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++)
        if (read_exactly(BAD[i], strlen(BAD[i])) != -EBADMSG)
            fail_msg("\"%s\" was read", BAD[i]);
}

static void a_value_cut_short_is_refused_at_every_length(void **state)
{
    (void)state;
    static const char WHOLE[] = "d1:ad2:id20:abcdefghij01234567896:targetli1ei-2e0:ee1:q4:ping1:t2:"
                                "aae";
    size_t len = strlen(WHOLE);

    assert_int_equal(read_exactly(WHOLE, len), 0);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(read_exactly(WHOLE, cut), -EBADMSG);
}

static void a_dictionary_gives_its_values(void **state)
{
    (void)state;
    struct bencode x;

    assert_int_equal(read_text("d1:ai7e1:bl2:xy1:ze1:c0:1:ai8eerest"), 0);
    assert_int_equal(v.raw_len, strlen("d1:ai7e1:bl2:xy1:ze1:c0:1:ai8ee"));
    const struct bencode dict = v;
    assert_true(bencode_find(&dict, "a", &x));
    assert_int_equal(x.number, 7);
    assert_true(bencode_find(&dict, "c", &x));
    assert_int_equal(x.len, 0);
    assert_false(bencode_find(&dict, "", &x));
    assert_false(bencode_find(&dict, "xy", &x));
    assert_true(bencode_find(&dict, "b", &x));
    assert_false(bencode_find(&x, "2:xy", &x));
    struct reader in = reader_over(x.data, x.len);
    assert_true(bencode_next(&in, &x));
    assert_memory_equal(x.data, "xy", 2);
    assert_true(bencode_next(&in, &x));
    assert_memory_equal(x.raw, "1:z", 3);
    assert_false(bencode_next(&in, &x));
}

static void sixteen_levels_are_read_and_seventeen_are_not(void **state)
{
    (void)state;
    char text[4096];

    for (size_t depth = 1; depth <= 2000; depth *= 2) {
        memset(text, 'l', depth);
        memset(text + depth, 'e', depth);
        assert_int_equal(read_exactly(text, 2 * depth), depth <= BENCODE_DEPTH_MAX ? 0 : -EBADMSG);
    }
    memset(text, 'l', BENCODE_DEPTH_MAX + 1);
    memset(text + BENCODE_DEPTH_MAX + 1, 'e', BENCODE_DEPTH_MAX + 1);
    assert_int_equal(read_exactly(text, 2 * (BENCODE_DEPTH_MAX + 1)), -EBADMSG);
    memset(text, 'l', sizeof(text)); /* and never come to an end */
    assert_int_equal(read_exactly(text, sizeof(text)), -EBADMSG);
}

static void canonical_means_sorted_and_no_key_twice(void **state)
{
    (void)state;
    static const char *const YES[] = {
        "i1e", "1:x", "le", "de", "d0:i1e1:ai1e2:aai1e1:bi1ee", "ld1:ai1e1:bi2eee"};
    static const char *const NO[] = {"d1:bi1e1:ai1ee", "d1:ai1e1:ai1ee", "d2:aai1e1:ai1ee",
                                     "ld1:bi1e1:ai2eee", "d1:ad1:bi1e1:ai1eee"};

    for (size_t i = 0; i < sizeof(YES) / sizeof(*YES); i++) {
        assert_int_equal(read_text(YES[i]), 0);
        assert_true(bencode_is_canonical(&v));
    }
    for (size_t i = 0; i < sizeof(NO) / sizeof(*NO); i++) {
        assert_int_equal(read_text(NO[i]), 0);
        assert_false(bencode_is_canonical(&v));
    }
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    static const char WANT[] = "d1:ali0ei-9223372036854775808ei1234567890ee1:b3:xyze";
    uint8_t out[100];
    struct writer w = writer_over(out, sizeof(out));

    bencode_begin_dict(&w);
    bencode_put_text(&w, "a");
    bencode_begin_list(&w);
    bencode_put_number(&w, 0);
    bencode_put_number(&w, INT64_MIN);
    bencode_put_number(&w, 1234567890);
    bencode_end(&w);
    bencode_put_text(&w, "b");
    bencode_put_bytes(&w, "xyz", 3);
    bencode_end(&w);
    assert_false(w.failed);
    assert_int_equal(writer_len(&w, out), strlen(WANT));
    assert_memory_equal(out, WANT, strlen(WANT));
    assert_int_equal(bencode_read(&v, out, strlen(WANT)), 0);
    assert_true(bencode_is_canonical(&v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_64_bits_are_read),
        cmocka_unit_test(what_has_another_spelling_or_no_end_is_refused),
        cmocka_unit_test(a_value_cut_short_is_refused_at_every_length),
        cmocka_unit_test(a_dictionary_gives_its_values),
        cmocka_unit_test(sixteen_levels_are_read_and_seventeen_are_not),
        cmocka_unit_test(canonical_means_sorted_and_no_key_twice),
        cmocka_unit_test(what_is_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
