/* What is written comes back; what is cut off is none. */
#include "config/setup/journal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_machine.h"

static const struct trace LINK = {TRACE_LINK, "overlay0"};
static const struct trace TABLE = {TRACE_TABLE, "ip overlay"};

static struct journal filled(void)
{
    struct journal j = {.user = "alice",
                        .home = "/home/a b/.local/state/overlay",
                        .pool = "198.19.0.0/16",
                        .suffix = "overlay",
                        .complete = true};
    assert_int_equal(journal_add(&j, &LINK), 0);
    assert_int_equal(journal_add(&j, &TABLE), 0);
    assert_int_equal(journal_add(&j, &LINK), 0);
    return j;
}

static void expect_same(const struct journal *a, const struct journal *b)
{
    auto_free char *one = journal_print(a), *other = journal_print(b);
    assert_string_equal(one, other);
}

static void what_was_written_comes_back(void **state)
{
    (void)state;
    const struct journal j = filled();
    struct journal again;
    auto_free char *text = journal_print(&j);

    assert_int_equal(journal_parse(&again, text), 0);
    assert_int_equal(again.count, 2);
    expect_same(&again, &j);
    assert_true(journal_has(&again, &TABLE));
}

static void a_text_that_was_cut_off_is_no_journal_or_one_that_is_not_complete(void **state)
{
    (void)state;
    const struct journal j = filled();
    struct journal again;
    auto_free char *text = journal_print(&j);

    for (size_t len = strlen(text); len > 0; len--) {
        text[len - 1] = '\0';
        if (journal_parse(&again, text) == 0)
            assert_false(again.complete);
    }
    assert_int_equal(journal_parse(&again, "something else\n"), -EINVAL);
    assert_int_equal(journal_parse(&again, "overlay-setup 1\nbegun dance all night\n"), -EINVAL);
    assert_int_equal(journal_parse(&again, "overlay-setup 1\nbegun file overlay.nft\n"), -EINVAL);
    assert_int_equal(journal_parse(&again, "overlay-setup 1\nbegun link /etc\n"), -EINVAL);
}

static void it_is_bounded(void **state)
{
    (void)state;
    struct journal j = {0};
    struct trace t = {.kind = TRACE_FILE};

    for (int i = 0; i < JOURNAL_MAX; i++) {
        (void)snprintf(t.name, sizeof(t.name), "/file%d", i);
        assert_int_equal(journal_add(&j, &t), 0);
    }
    (void)snprintf(t.name, sizeof(t.name), "/one/more");
    assert_int_equal(journal_add(&j, &t), -ENOSPC);
}

static void it_is_kept_in_a_folder_that_goes_with_it(void **state)
{
    (void)state;
    const struct journal j = filled();
    struct journal again;
    struct fake_machine m;

    fake_machine_init(&m);
    assert_int_equal(journal_load(&again, &m.host), -ENOENT);
    assert_int_equal(journal_save(&j, &m.host), 0);
    assert_int_equal(journal_load(&again, &m.host), 0);
    expect_same(&again, &j);
    assert_int_equal(journal_remove(&m.host), 0);
    assert_int_equal(journal_remove(&m.host), 0);
    assert_int_equal(m.file_count, 0);
    fake_machine_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_comes_back),
        cmocka_unit_test(a_text_that_was_cut_off_is_no_journal_or_one_that_is_not_complete),
        cmocka_unit_test(it_is_bounded),
        cmocka_unit_test(it_is_kept_in_a_folder_that_goes_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
