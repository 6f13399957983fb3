/* The system's databases, as far as every machine has them. */
#include "gateway/io/accounts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void knows_root_and_no_stranger(void **state)
{
    (void)state;
    uint32_t uid = 99;

    assert_int_equal(accounts_uid("root", &uid), 0);
    assert_int_equal(uid, 0);
    assert_int_equal(accounts_uid("nobody-has-this-name", &uid), -ENOENT);
    assert_int_equal(uid, 0);
}

static void has_no_name_for_a_port_of_nobody(void **state)
{
    (void)state;
    assert_null(accounts_port_name(61234, false));
    assert_null(accounts_port_name(0, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_root_and_no_stranger),
        cmocka_unit_test(has_no_name_for_a_port_of_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
