/* Real tools of the system, and folders of a real file system. */
#include "gateway/io/tool.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include <cmocka.h>

#include "gateway/io/system_folder.h"

static void gives_its_input_and_brings_back_what_it_said(void **state)
{
    (void)state;
    const char *const argv[] = {"cat", "-", "/does/not/exist", NULL};
    struct tool_result r;

    assert_int_equal(tool_run(argv, "from us", SEC(20), &r), 0);
    assert_int_equal(r.status, 1);
    assert_string_equal(r.out, "from us");
    assert_non_null(strstr(r.error, "/does/not/exist"));
    tool_result_deinit(&r);
}

static void hands_nothing_of_our_environment_on(void **state)
{
    (void)state;
    const char *const argv[] = {"env", NULL};
    struct tool_result r;

    assert_int_equal(setenv("LD_OVERLAY_TEST", "1", 1), 0);
    assert_int_equal(tool_run(argv, NULL, SEC(20), &r), 0);
    assert_string_equal(r.out, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C\nSYSTEMD_PAGER=\n");
    tool_result_deinit(&r);
}

static void looks_in_the_systems_folders_alone(void **state)
{
    (void)state;
    const char *const none[] = {"no-such-tool-as-this", NULL};
    struct tool_result r;

    assert_int_equal(tool_run(none, NULL, SEC(20), &r), -ENOENT);
    tool_result_deinit(&r);
}

static void one_that_does_not_end_is_killed(void **state)
{
    (void)state;
    const char *const argv[] = {"sleep", "1000", NULL};
    struct tool_result r;

    assert_int_equal(tool_run(argv, NULL, MSEC(20), &r), -ETIMEDOUT);
    assert_int_equal(r.status, 128 + SIGKILL);
    tool_result_deinit(&r);
}

static void a_folder_is_made_once_and_removed_when_it_is_empty(void **state)
{
    (void)state;
    char base[] = "/tmp/overlay-folder-XXXXXX", path[64], inside[80];
    struct stat st;

    assert_non_null(mkdtemp(base));
    (void)snprintf(path, sizeof(path), "%s/made", base);
    (void)snprintf(inside, sizeof(inside), "%s/inside", path);
    mode_t old = umask(0077);
    assert_int_equal(system_make_folder(path, getuid()), 0);
    (void)umask(old);
    assert_int_equal(system_make_folder(path, getuid()), 0);
    assert_int_equal(system_make_folder(path, getuid() + 1), -EEXIST); /* somebody else's */
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    assert_int_equal(symlink("/does/not/exist", inside), 0);
    assert_true(system_exists(inside));
    assert_int_equal(system_make_folder(inside, getuid()), -EEXIST);
    assert_int_equal(system_remove_folder(path), -ENOTEMPTY);
    assert_int_equal(system_unlink(inside), 0);
    assert_int_equal(system_unlink(inside), 0);
    assert_int_equal(system_remove_folder(path), 0);
    assert_int_equal(system_remove_folder(path), 0);
    assert_false(system_exists(path));
    assert_int_equal(system_remove_folder(base), 0);
}

static void tells_once_that_somebody_asked_to_stop(void **state)
{
    (void)state;

    assert_false(system_interrupted());
    assert_int_equal(raise(SIGTERM), 0); /* waits: the first call has blocked it */
    assert_true(system_interrupted());
    assert_false(system_interrupted());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_its_input_and_brings_back_what_it_said),
        cmocka_unit_test(hands_nothing_of_our_environment_on),
        cmocka_unit_test(looks_in_the_systems_folders_alone),
        cmocka_unit_test(one_that_does_not_end_is_killed),
        cmocka_unit_test(a_folder_is_made_once_and_removed_when_it_is_empty),
        cmocka_unit_test(tells_once_that_somebody_asked_to_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
