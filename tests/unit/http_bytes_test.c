/* Bytes that wait in one piece. */
#include "adapters/http_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct http_bytes bytes;

static int empty(void **state)
{
    (void)state;
    free(bytes.data);
    bytes = (struct http_bytes){NULL, 0, 0};
    return 0;
}

static void what_is_added_comes_out_in_order(void **state)
{
    (void)state;
    assert_true(http_bytes_add(&bytes, "hello ", 6));
    assert_true(http_bytes_add(&bytes, "world", 5));
    http_bytes_drop(&bytes, 4);
    assert_int_equal(bytes.len - bytes.at, 7);
    assert_memory_equal(bytes.data + bytes.at, "o world", 7);
}

static void empty_it_costs_nothing(void **state)
{
    (void)state;
    assert_true(http_bytes_add(&bytes, "hello", 5));
    http_bytes_drop(&bytes, 5);
    assert_null(bytes.data);
    assert_int_equal(bytes.at, 0);
    assert_int_equal(bytes.len, 0);
}

static void room_is_made_from_what_has_gone(void **state)
{
    (void)state;
    assert_true(http_bytes_make_room(&bytes, 8));
    memcpy(bytes.data, "12345678", 8);
    bytes.len = 8;
    assert_false(http_bytes_make_room(&bytes, 8)); /* full */
    http_bytes_drop(&bytes, 3);
    assert_true(http_bytes_make_room(&bytes, 8));
    assert_int_equal(bytes.at, 0);
    assert_int_equal(bytes.len, 5);
    assert_memory_equal(bytes.data, "45678", 5);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, empty, empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_added_comes_out_in_order),
        TEST(empty_it_costs_nothing),
        TEST(room_is_made_from_what_has_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
