/* Tickets as pictures. */
#include "config/control/qr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct qr code;

static int tear_down(void **state)
{
    (void)state;
    qr_deinit(&code);
    return 0;
}

static void has_the_three_eyes_of_a_code(void **state)
{
    (void)state;
    assert_int_equal(qr_draw(&code, "overlay:yrgodabr"), 0);
    assert_int_equal(code.width, 21);
    const int corner[][2] = {{0, 0}, {code.width - 7, 0}, {0, code.width - 7}};
    for (size_t i = 0; i < 3; i++) {
        int x = corner[i][0], y = corner[i][1];
        for (int k = 0; k < 7; k++)
            assert_true(qr_is_dark(&code, x + k, y) && qr_is_dark(&code, x, y + k));
        assert_false(qr_is_dark(&code, x + 1, y + 1));
        assert_true(qr_is_dark(&code, x + 3, y + 3));
    }
}

static void is_light_beyond_its_edges(void **state)
{
    (void)state;
    assert_int_equal(qr_draw(&code, "overlay:yrgodabr"), 0);
    assert_false(qr_is_dark(&code, -1, 0));
    assert_false(qr_is_dark(&code, 0, -1));
    assert_false(qr_is_dark(&code, code.width, 0));
    assert_false(qr_is_dark(&code, 0, code.width));
}

static void letters_count_once_in_either_case(void **state)
{
    (void)state;
    struct qr other;
    assert_int_equal(qr_draw(&code, "overlay:abc"), 0);
    assert_int_equal(qr_draw(&other, "OVERLAY:ABC"), 0);
    assert_memory_equal(code.modules, other.modules, (size_t)(code.width * code.width));
    qr_deinit(&other);
}

/* Draws the path again, from its text. */
static void the_path_covers_what_is_dark_and_nothing_else(void **state)
{
    (void)state;
    static bool dark[QR_WIDTH_MAX][QR_WIDTH_MAX];
    assert_int_equal(qr_draw(&code, "overlay:yrgodabrkkpfi54ma6yzswqsu35j1yqwbxz699cft98nmwx"), 0);
    char *path = qr_path(&code);
    assert_non_null(path);
    memset(dark, 0, sizeof(dark));
    for (const char *at = path; *at;) {
        int x, y, n, back, used = 0;
        assert_int_equal(sscanf(at, "M%d %dh%dv1h-%dz%n", &x, &y, &n, &back, &used), 4);
        assert_true(used > 0 && n == back && x >= 0 && x + n <= code.width && y < code.width);
        for (int k = 0; k < n; k++) {
            assert_false(dark[y][x + k]);
            dark[y][x + k] = true;
        }
        at += used;
    }
    for (int y = 0; y < code.width; y++) {
        for (int x = 0; x < code.width; x++)
            assert_int_equal(dark[y][x], qr_is_dark(&code, x, y));
    }
    free(path);
}

static void a_text_that_no_code_holds_is_refused(void **state)
{
    (void)state;
    static char text[5000];
    memset(text, 'x', sizeof(text) - 1);
    assert_int_equal(qr_draw(&code, text), -EMSGSIZE);
    assert_null(code.modules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(has_the_three_eyes_of_a_code, tear_down),
        cmocka_unit_test_teardown(is_light_beyond_its_edges, tear_down),
        cmocka_unit_test_teardown(letters_count_once_in_either_case, tear_down),
        cmocka_unit_test_teardown(the_path_covers_what_is_dark_and_nothing_else, tear_down),
        cmocka_unit_test_teardown(a_text_that_no_code_holds_is_refused, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
