/* The log of a gateway in the background, on a real file system. */
#include "gateway/io/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include <cmocka.h>

static char home[64], path[96], old[104];

static int build(void **state)
{
    (void)state;
    strcpy(home, "/tmp/overlay-log-XXXXXX"); /* NOLINT: fits */
    assert_non_null(mkdtemp(home));
    (void)snprintf(path, sizeof(path), "%s/" LOGFILE_NAME, home);
    (void)snprintf(old, sizeof(old), "%s.old", path);
    return 0;
}

static int end(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)unlink(old);
    return rmdir(home);
}

static off_t length_of(const char *file)
{
    struct stat s;
    return stat(file, &s) < 0 ? -errno : s.st_size;
}

/* Writes until LOGFILE_MAX is just passed. */
static void write_much(struct logfile *l, int fd)
{
    static const char line[1024] = "line";
    for (int i = 0; i <= LOGFILE_MAX / (int)sizeof(line); i++) {
        assert_int_equal(write(fd, line, sizeof(line)), sizeof(line));
        logfile_wrote(l, sizeof(line));
    }
}

static void never_takes_more_than_twice_its_length(void **state)
{
    struct logfile l;
    (void)state;
    int fd = logfile_open(path);
    assert_true(fd >= 0);
    logfile_init(&l, fd, home);
    write_much(&l, fd);
    assert_int_equal(length_of(path), 0);
    assert_int_equal(length_of(old), LOGFILE_MAX + 1024);
    for (int i = 0; i < 3; i++) {
        write_much(&l, fd);
        assert_in_range(length_of(path), 0, LOGFILE_MAX);
        assert_int_equal(length_of(old), LOGFILE_MAX + 1024);
    }
    logfile_deinit(&l);
    (void)close(fd);
}

static void counts_what_was_there_before(void **state)
{
    struct logfile l;
    (void)state;
    int fd = logfile_open(path);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, LOGFILE_MAX), 0);
    logfile_init(&l, fd, home);
    assert_int_equal(write(fd, "!", 1), 1);
    logfile_wrote(&l, 1);
    assert_int_equal(length_of(path), 0);
    logfile_deinit(&l);
    (void)close(fd);
}

static void leaves_other_files_alone(void **state)
{
    struct logfile l;
    (void)state;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(rename(path, old), 0);
    logfile_init(&l, fd, home); /* is open on another name */
    write_much(&l, fd);
    assert_int_equal(length_of(path), -ENOENT);
    assert_true(length_of(old) > LOGFILE_MAX);
    logfile_deinit(&l);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(never_takes_more_than_twice_its_length, build, end),
        cmocka_unit_test_setup_teardown(counts_what_was_there_before, build, end),
        cmocka_unit_test_setup_teardown(leaves_other_files_alone, build, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
