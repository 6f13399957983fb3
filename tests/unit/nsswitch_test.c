/* Our word goes in and comes out, and nothing else changes. */
#include "config/setup/nsswitch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/attr.h"

static void expect_add(const char *before, const char *after)
{
    auto_free char *added = nsswitch_add(before);
    assert_string_equal(added, after);
    auto_free char *removed = nsswitch_remove(added);
    assert_string_equal(removed, before);
}

static void the_word_goes_behind_files_and_comes_out_again(void **state)
{
    (void)state;
    expect_add("hosts: files dns\n", "hosts: files overlay [NOTFOUND=return] dns\n");
    expect_add(
        "passwd: files\nhosts:\t\tfiles\tdns # x\nnetworks: files\n",
        "passwd: files\nhosts:\t\tfiles overlay [NOTFOUND=return]\tdns # x\nnetworks: files\n");
    expect_add("hosts: files", "hosts: files overlay [NOTFOUND=return]");
    expect_add(
        "hosts:          files mdns4_minimal [NOTFOUND=return] dns\n",
        "hosts:          files overlay [NOTFOUND=return] mdns4_minimal [NOTFOUND=return] dns\n");
}

static void what_is_to_be_done_after_files_stays_with_it(void **state)
{
    (void)state;
    expect_add("hosts: files [!UNAVAIL=continue] dns\n",
               "hosts: files [!UNAVAIL=continue] overlay [NOTFOUND=return] dns\n");
    expect_add("hosts: files[NOTFOUND=continue] dns\n",
               "hosts: files[NOTFOUND=continue] overlay [NOTFOUND=return] dns\n");
    expect_add("hosts: files [NOTFOUND=continue]dns\n",
               "hosts: files [NOTFOUND=continue]overlay [NOTFOUND=return] dns\n");
}

static void a_bracket_that_nobody_closes_swallows_nothing(void **state)
{
    (void)state;
    auto_free char *added = nsswitch_add("hosts: files [NOTFOUND=cont # x\n");
    assert_true(nsswitch_has(added, "overlay"));
    auto_free char *removed = nsswitch_remove(added);
    assert_false(nsswitch_has(removed, "overlay"));
    expect_add("hosts: [NOTFOUND files dns\n",
               "hosts: [NOTFOUND files overlay [NOTFOUND=return] dns\n");
}

static void without_files_it_is_the_first(void **state)
{
    (void)state;
    expect_add("hosts: dns\n", "hosts: overlay [NOTFOUND=return] dns\n");
    expect_add("hosts:\tmymachines\tdns\n", "hosts:\toverlay [NOTFOUND=return] mymachines\tdns\n");
    expect_add("hosts:\n", "hosts:overlay [NOTFOUND=return]\n");
}

static void it_is_never_there_twice(void **state)
{
    (void)state;
    auto_free char *same = nsswitch_add("hosts: overlay files dns\n");
    assert_string_equal(same, "hosts: overlay files dns\n");
}

static void words_that_look_like_it_stay(void **state)
{
    (void)state;
    expect_add("hosts: files myoverlay overlays dns # overlay\n",
               "hosts: files overlay [NOTFOUND=return] myoverlay overlays dns # overlay\n");
    auto_free char *other = nsswitch_remove("passwd: overlay\n#hosts: overlay\nhosts: files\n");
    assert_string_equal(other, "passwd: overlay\n#hosts: overlay\nhosts: files\n");
}

static void what_was_written_meanwhile_stays(void **state)
{
    (void)state;
    auto_free char *edited = nsswitch_remove("hosts: mine files overlay [NOTFOUND=continue] dns\n"
                                             "new: line\n");
    assert_string_equal(edited, "hosts: mine files dns\nnew: line\n");
}

static void a_missing_line_is_made_and_taken_out_whole(void **state)
{
    (void)state;
    const char *const texts[] = {"", "passwd: files\n", "passwd: files"};

    for (size_t i = 0; i < 3; i++) {
        auto_free char *added = nsswitch_add(texts[i]);
        assert_true(nsswitch_has(added, "overlay") && nsswitch_has(added, "dns"));
        auto_free char *removed = nsswitch_remove_line(added);
        assert_string_equal(removed, texts[i]);
    }
    auto_free char *edited = nsswitch_remove_line("hosts: files overlay nis\n");
    assert_string_equal(edited, "hosts: files nis\n");
}

static void knows_which_modules_are_asked(void **state)
{
    (void)state;
    assert_true(nsswitch_has("hosts: files resolve [!UNAVAIL=return] dns\n", "resolve"));
    assert_false(nsswitch_has("hosts: files # resolve\n", "resolve"));
    assert_false(nsswitch_has("passwd: files resolve\n", "resolve"));
    assert_false(nsswitch_has_hosts("# hosts: files\n"));
    assert_true(nsswitch_has_hosts("  hosts: files\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_word_goes_behind_files_and_comes_out_again),
        cmocka_unit_test(what_is_to_be_done_after_files_stays_with_it),
        cmocka_unit_test(a_bracket_that_nobody_closes_swallows_nothing),
        cmocka_unit_test(without_files_it_is_the_first),
        cmocka_unit_test(it_is_never_there_twice),
        cmocka_unit_test(words_that_look_like_it_stay),
        cmocka_unit_test(what_was_written_meanwhile_stays),
        cmocka_unit_test(a_missing_line_is_made_and_taken_out_whole),
        cmocka_unit_test(knows_which_modules_are_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
