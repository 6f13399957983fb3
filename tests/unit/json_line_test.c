/* Lines of elements in JSON texts of any layout. */
#include "gateway/node/json_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned line_of(const char *text, const char *key, size_t index)
{
    return json_line_of(text, strlen(text), key, index);
}

static void finds_elements_one_a_line(void **state)
{
    static const char text[] =
        "{\"version\": 1,\n\"a\": [\n{\"x\": 1},\n{\"x\": 2}],\n\"b\": [\n7,\n8]}";
    (void)state;
    assert_int_equal(line_of(text, "version", 0), 1);
    assert_int_equal(line_of(text, "a", 0), 3);
    assert_int_equal(line_of(text, "a", 1), 4);
    assert_int_equal(line_of(text, "b", 0), 6);
    assert_int_equal(line_of(text, "b", 1), 7);
}

static void counts_lines_inside_of_elements(void **state)
{
    static const char text[] =
        "{\n \"a\": [\n  {\n   \"x\": [1,\n    2]\n  },\n  \"s\",\n  {}\n ]\n}";
    (void)state;
    assert_int_equal(line_of(text, "a", 0), 3);
    assert_int_equal(line_of(text, "a", 1), 7);
    assert_int_equal(line_of(text, "a", 2), 8);
}

static void is_not_led_astray_by_strings(void **state)
{
    static const char text[] = "{\"x\": \"\\\"a\\\": [\", \"y\": {\"a\": [1]},\n\"z\": "
                               "\"]}\\\\\",\n\"a\": [\"]\",\n\"[\"]}";
    (void)state;
    assert_int_equal(line_of(text, "a", 0), 3);
    assert_int_equal(line_of(text, "a", 1), 4);
}

static void stays_inside_of_texts_without_such_an_element(void **state)
{
    (void)state;
    assert_int_equal(line_of("", "a", 0), 1);
    assert_int_equal(line_of("[]", "a", 0), 1);
    assert_int_equal(line_of("{}", "a", 3), 1);
    assert_int_equal(line_of("{\n\"a\": 5}", "a", 0), 2);
    assert_int_equal(line_of("{\n\"a\": []}", "a", 9), 2);
    assert_int_equal(line_of("{\n\"a\": [1,\n2]}", "a", 9), 3);
}

static void never_reads_past_a_cut(void **state)
{
    static const char text[] = "{\"k\\\\\": \"v\\\"\", \"a\": [\n{\"x\": [1, \"]\"]},\n2]}";
    (void)state;
    for (size_t len = 0; len <= strlen(text); len++) {
        char *cut = strndup(text, len); /* of the exact size, for the sanitizer */
        assert_non_null(cut);
        assert_in_range(json_line_of(cut, len, "a", 1), 1, 3);
        free(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_elements_one_a_line),
        cmocka_unit_test(counts_lines_inside_of_elements),
        cmocka_unit_test(is_not_led_astray_by_strings),
        cmocka_unit_test(stays_inside_of_texts_without_such_an_element),
        cmocka_unit_test(never_reads_past_a_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
