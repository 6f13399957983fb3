/* Files and locks of the home, on a real file system. */
#include "gateway/io/home.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "gateway/base/env.h"
#include "gateway/io/file.h"

struct place {
    char path[64];
    struct home home;
};

static int build(void **state)
{
    static struct place place;
    strcpy(place.path, "/tmp/overlay-file-XXXXXX");
    assert_non_null(mkdtemp(place.path));
    assert_int_equal(home_open(&place.home, place.path), 0);
    *state = &place;
    return 0;
}

static int end(void **state)
{
    struct place *p = *state;
    char command[96];
    home_close(&p->home);
    (void)snprintf(command, sizeof(command), "rm -rf %s", p->path);
    return system(command);
}

static void save_text(struct place *p, const char *name, const char *text)
{
    assert_int_equal(home_save(&p->home, name, (const uint8_t *)text, strlen(text)), 0);
}

static void expect_text(struct place *p, const char *name, const char *text)
{
    uint8_t *data = NULL;
    size_t len = 0;
    assert_int_equal(home_load(&p->home, name, &data, &len), 0);
    assert_int_equal(len, strlen(text));
    assert_string_equal((char *)data, text); /* there is a NUL behind it */
    free(data);
}

static int load_error(struct place *p, const char *name)
{
    uint8_t *data = NULL;
    size_t len = 0;
    int err = home_load(&p->home, name, &data, &len);
    free(data);
    return err;
}

static unsigned count_files(struct place *p)
{
    char command[128];
    unsigned count = 0;
    (void)snprintf(command, sizeof(command), "ls -A %s | wc -l", p->path);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%u", &count), 1);
    (void)pclose(f);
    return count;
}

static void loads_what_was_saved(void **state)
{
    struct place *p = *state;
    struct stat st;
    mode_t before = umask(0);
    save_text(p, "registry.json", "{}");
    (void)umask(before);
    expect_text(p, "registry.json", "{}");
    save_text(p, "registry.json", "{\"a\": 1}");
    expect_text(p, "registry.json", "{\"a\": 1}");
    save_text(p, "registry.json", "");
    expect_text(p, "registry.json", "");
    assert_int_equal(fstatat(p->home.folder, "registry.json", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(count_files(p), 1);
}

static void says_when_there_is_none(void **state)
{
    assert_int_equal(load_error(*state, "registry.json"), -ENOENT);
}

static void removes_what_is_there_and_what_is_not(void **state)
{
    struct place *p = *state;
    save_text(p, "ca.key", "secret");
    assert_int_equal(home_remove(&p->home, "ca.key"), 0);
    assert_int_equal(count_files(p), 0);
    assert_int_equal(home_remove(&p->home, "ca.key"), 0);
    assert_int_equal(home_remove(&p->home, "../ca.key"), -EINVAL);
}

static void a_file_counts_only_if_it_is_that_users(void **state)
{
    struct place *p = *state;
    char path[96];
    uint8_t *data = NULL;
    size_t len = 0;
    save_text(p, "ca.crt", "text");
    (void)snprintf(path, sizeof(path), "%s/ca.crt", p->path);
    assert_int_equal(file_load_of(path, geteuid(), &data, &len), 0);
    assert_string_equal((char *)data, "text");
    free(data);
    data = NULL;
    assert_int_equal(file_load_of(path, geteuid() + 1, &data, &len), -EPERM);
    assert_null(data);
    assert_int_equal(symlinkat("ca.crt", p->home.folder, "link.crt"), 0);
    (void)snprintf(path, sizeof(path), "%s/link.crt", p->path);
    assert_int_equal(file_load_of(path, geteuid(), &data, &len), -ELOOP);
}

static void keeps_to_its_folder(void **state)
{
    struct place *p = *state;
    char name[ENV_HOME_NAME_MAX + 2];
    memset(name, 'a', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    const char *const bad[] = {"", ".", "..", "../x", "a/b", "/etc/passwd", ".hidden", name};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(load_error(p, bad[i]), -EINVAL);
        assert_int_equal(home_save(&p->home, bad[i], (const uint8_t *)"x", 1), -EINVAL);
    }
    name[ENV_HOME_NAME_MAX] = '\0';
    save_text(p, name, "longest");
    expect_text(p, name, "longest");
}

static void follows_no_symbolic_link(void **state)
{
    struct place *p = *state;
    save_text(p, "victim", "old");
    assert_int_equal(symlinkat("victim", p->home.folder, "registry.json"), 0);
    assert_int_equal(load_error(p, "registry.json"), -ELOOP);
    assert_int_equal(symlinkat("victim", p->home.folder, ".registry.json.new"), 0);
    save_text(p, "registry.json", "new"); /* replaces the links */
    expect_text(p, "registry.json", "new");
    expect_text(p, "victim", "old");
}

static void takes_only_plain_files(void **state)
{
    struct place *p = *state;
    assert_int_equal(mkfifoat(p->home.folder, "registry.json", 0600), 0);
    assert_int_equal(mkdirat(p->home.folder, "folder", 0700), 0);
    assert_int_equal(load_error(p, "registry.json"), -EINVAL);
    assert_int_equal(load_error(p, "folder"), -EINVAL);
    assert_int_equal(mkfifoat(p->home.folder, ".other.new", 0600), 0);
    save_text(p, "other", "fine");
    expect_text(p, "other", "fine");
}

static void refuses_keys_that_others_can_read(void **state)
{
    struct place *p = *state;
    save_text(p, "identity.key", "secret");
    expect_text(p, "identity.key", "secret");
    for (mode_t bit = 1; bit <= 040; bit <<= 1) {
        assert_int_equal(fchmodat(p->home.folder, "identity.key", 0600 | bit, 0), 0);
        assert_int_equal(load_error(p, "identity.key"), -EACCES);
    }
    save_text(p, "plain", "x");
    assert_int_equal(fchmodat(p->home.folder, "plain", 0644, 0), 0);
    expect_text(p, "plain", "x");
}

static void refuses_what_is_too_large(void **state)
{
    struct place *p = *state;
    int fd = openat(p->home.folder, "big", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, (off_t)FILE_MAX), 0);
    uint8_t *data;
    size_t len;
    assert_int_equal(home_load(&p->home, "big", &data, &len), 0);
    assert_int_equal(len, FILE_MAX);
    free(data);
    assert_int_equal(ftruncate(fd, (off_t)FILE_MAX + 1), 0);
    (void)close(fd);
    assert_int_equal(load_error(p, "big"), -EFBIG);
}

static void reads_a_stream_to_its_end(void **state)
{
    (void)state;
    int fds[2];
    uint8_t *data;
    size_t len;
    assert_int_equal(pipe(fds), 0);
    if (fork() == 0) {
        for (unsigned i = 0; i < 5000; i++)
            if (write(fds[1], "line\n", 5) != 5)
                _exit(1);
        _exit(0);
    }
    (void)close(fds[1]);
    assert_int_equal(file_load_fd(fds[0], &data, &len), 0);
    assert_int_equal(len, 25000);
    free(data);
    (void)close(fds[0]);
    (void)wait(NULL);
    int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    assert_int_equal(file_load_fd(zero, &data, &len), -EFBIG);
    (void)close(zero);
}

/* A file-size limit fails a write in the middle, as a full disk does. */
static void keeps_the_old_file_when_the_new_one_does_not_fit(void **state)
{
    struct place *p = *state;
    struct rlimit before, small;
    static uint8_t big[100000];
    save_text(p, "registry.json", "old");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 50000;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int err = home_save(&p->home, "registry.json", big, sizeof(big));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(err, -EFBIG);
    expect_text(p, "registry.json", "old");
    assert_int_equal(count_files(p), 1); /* the new one is gone */
}

/* Every version is 64 KiB of one letter: a mixture or a short file would show. */
static void write_versions(struct place *p)
{
    static uint8_t text[65536];
    for (unsigned i = 0;; i++) {
        memset(text, 'a' + (int)(i % 26), sizeof(text));
        if (home_save(&p->home, "registry.json", text, sizeof(text)) < 0)
            _exit(1);
    }
}

static void expect_whole(struct place *p)
{
    uint8_t *data;
    size_t len;
    assert_int_equal(home_load(&p->home, "registry.json", &data, &len), 0);
    assert_int_equal(len, 65536);
    for (size_t i = 1; i < len; i++)
        assert_int_equal(data[i], data[0]);
    free(data);
}

static void sleep_us(unsigned us)
{
    const struct timespec t = {.tv_nsec = (long)us * 1000};
    (void)nanosleep(&t, NULL);
}

static void is_whole_whenever_the_writer_is_killed(void **state)
{
    struct place *p = *state;
    static uint8_t first[65536];
    assert_int_equal(home_save(&p->home, "registry.json", first, sizeof(first)), 0);
    for (unsigned round = 0; round < 50; round++) {
        pid_t pid = fork();
        if (pid == 0)
            write_versions(p);
        sleep_us(200 + round * 97 % 1900);
        assert_int_equal(kill(pid, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        expect_whole(p);
    }
    assert_true(count_files(p) <= 2); /* at most one unfinished one is left, and used again */
}

static void is_whole_with_several_writers(void **state)
{
    struct place *p = *state;
    static uint8_t first[65536];
    pid_t pid[3];
    assert_int_equal(home_save(&p->home, "registry.json", first, sizeof(first)), 0);
    for (unsigned i = 0; i < 3; i++)
        if ((pid[i] = fork()) == 0)
            write_versions(p);
    for (unsigned i = 0; i < 100; i++) {
        expect_whole(p);
        sleep_us(500);
    }
    for (unsigned i = 0; i < 3; i++) {
        int status;
        assert_int_equal(kill(pid[i], SIGKILL), 0);
        assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
        assert_true(WIFSIGNALED(status)); /* no save failed */
    }
}

/* ---- the home ---- */

static void makes_the_home_closed_to_others(void **state)
{
    struct place *p = *state;
    struct home h;
    struct stat st;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/state/overlay/", p->path);
    mode_t before = umask(0);
    assert_int_equal(home_open(&h, path), 0);
    (void)umask(before);
    assert_int_equal(fstat(h.folder, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    home_close(&h);
    home_close(&h);
    assert_int_equal(home_open(&h, path), 0); /* there by now */
    home_close(&h);
}

static void says_why_a_home_cannot_be(void **state)
{
    struct place *p = *state;
    struct home h;
    char path[128];
    save_text(p, "file", "x");
    (void)snprintf(path, sizeof(path), "%s/file", p->path);
    assert_int_equal(home_open(&h, path), -ENOTDIR);
    home_close(&h);
    assert_int_equal(home_open(&h, "/proc/overlay"), -ENOENT);
    assert_int_equal(home_open(&h, ""), -ENOENT);
}

static void lets_one_gateway_run_and_names_it(void **state)
{
    struct place *p = *state;
    struct home second;
    pid_t pid = 1;
    assert_int_equal(home_probe(&p->home, &pid), 0);
    assert_int_equal(home_lock(&p->home, &pid), 0);
    assert_int_equal(home_open(&second, p->path), 0);
    assert_int_equal(home_lock(&second, &pid), -EBUSY);
    assert_int_equal(pid, getpid());
    pid = 0;
    assert_int_equal(home_probe(&second, &pid), -EBUSY);
    assert_int_equal(pid, getpid());
    home_close(&p->home);
    assert_int_equal(home_probe(&second, &pid), 0);
    assert_int_equal(home_lock(&second, &pid), 0);
    home_close(&second);
}

static void frees_the_lock_of_a_killed_gateway(void **state)
{
    struct place *p = *state;
    pid_t other, child = fork();
    if (child == 0) {
        struct home h;
        if (home_open(&h, p->path) == 0 && home_lock(&h, &other) == 0)
            for (;;)
                (void)pause();
        _exit(1);
    }
    other = 0; /* the lock comes first, then the number in it */
    for (unsigned i = 0; i < 5000 && other != child; i++) {
        int err = home_probe(&p->home, &other);
        assert_true(err == 0 || err == -EBUSY);
        sleep_us(1000);
    }
    assert_int_equal(home_probe(&p->home, &other), -EBUSY);
    assert_int_equal(other, child);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(home_lock(&p->home, &other), 0);
}

static void lets_one_edit_at_a_time(void **state)
{
    struct place *p = *state;
    int edit = home_edit_begin(&p->home, 0);
    assert_true(edit >= 0);
    assert_int_equal(home_edit_begin(&p->home, 12), -EBUSY);
    home_edit_end(edit);
    edit = home_edit_begin(&p->home, 0);
    assert_true(edit >= 0);
    home_edit_end(edit);
}

static void expect_replaced(const char *path, const char *text, unsigned mode)
{
    uint8_t *data = NULL;
    size_t len;
    struct stat st;

    assert_int_equal(file_load(path, &data, &len), 0);
    assert_string_equal((char *)data, text);
    free(data);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, mode);
}

static void a_file_of_the_system_keeps_its_mode_and_its_links(void **state)
{
    struct place *p = *state;
    char real[96], link[96];
    struct stat st;

    (void)snprintf(real, sizeof(real), "%s/real.conf", p->path);
    (void)snprintf(link, sizeof(link), "%s/link.conf", p->path);
    assert_int_equal(file_replace(real, (const uint8_t *)"new", 3, 0644), 0);
    expect_replaced(real, "new", 0644);
    assert_int_equal(chmod(real, 0640), 0);
    assert_int_equal(symlink("real.conf", link), 0);
    assert_int_equal(file_replace(link, (const uint8_t *)"other", 5, 0644), 0);
    expect_replaced(real, "other", 0640);
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(file_replace("/does/not/exist", (const uint8_t *)"", 0, 0644), -ENOENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, build, end)
    const struct CMUnitTest tests[] = {
        TEST(loads_what_was_saved),
        TEST(says_when_there_is_none),
        TEST(removes_what_is_there_and_what_is_not),
        TEST(a_file_counts_only_if_it_is_that_users),
        TEST(keeps_to_its_folder),
        TEST(follows_no_symbolic_link),
        TEST(takes_only_plain_files),
        TEST(refuses_keys_that_others_can_read),
        TEST(refuses_what_is_too_large),
        TEST(reads_a_stream_to_its_end),
        TEST(keeps_the_old_file_when_the_new_one_does_not_fit),
        TEST(is_whole_whenever_the_writer_is_killed),
        TEST(is_whole_with_several_writers),
        TEST(makes_the_home_closed_to_others),
        TEST(says_why_a_home_cannot_be),
        TEST(lets_one_gateway_run_and_names_it),
        TEST(frees_the_lock_of_a_killed_gateway),
        TEST(lets_one_edit_at_a_time),
        TEST(a_file_of_the_system_keeps_its_mode_and_its_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
