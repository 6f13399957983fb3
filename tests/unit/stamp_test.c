/* What stands in front of a line of the log. */
#include "gateway/io/stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <sys/stat.h>

#include <cmocka.h>

#define WHEN (INT64_C(1795163881) * 1000000) /* 2026-11-20 08:38:01 UTC */

static int begin(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    unsetenv("JOURNAL_STREAM");
    return 0;
}

static void is_the_time_for_people(void **state)
{
    char out[STAMP_MAX];
    (void)state;
    assert_string_equal(stamp_local(WHEN, out), "2026-11-20 08:38:01");
    assert_string_equal(stamp_line(WHEN, LOG_LEVEL_WARN, out), "2026-11-20 08:38:01 ");
}

static void is_the_weight_for_the_journal(void **state)
{
    char out[STAMP_MAX], stream[64];
    struct stat st;
    (void)state;
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    (void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    assert_string_equal(stamp_line(WHEN, LOG_LEVEL_ERROR, out), "<3>");
    assert_string_equal(stamp_line(WHEN, LOG_LEVEL_WARN, out), "<4>");
    assert_string_equal(stamp_line(WHEN, LOG_LEVEL_INFO, out), "<6>");
    assert_string_equal(stamp_line(WHEN, LOG_LEVEL_DEBUG, out), "<7>");
}

static void is_the_time_where_standard_error_leads_elsewhere(void **state)
{
    char out[STAMP_MAX];
    (void)state;
    setenv("JOURNAL_STREAM", "1:1", 1);
    assert_string_equal(stamp_line(WHEN, LOG_LEVEL_INFO, out), "2026-11-20 08:38:01 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(is_the_time_for_people, begin),
        cmocka_unit_test_setup(is_the_weight_for_the_journal, begin),
        cmocka_unit_test_setup(is_the_time_where_standard_error_leads_elsewhere, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
