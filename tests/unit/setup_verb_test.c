/* `overlay setup` and `unsetup` as command lines, on a machine in memory. */
#include "config/control/cli.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_machine.h"

enum { OUTPUT_MAX = 1 << 16 };

static struct surroundings {
    struct fake_machine machine;
    struct cli_host host;
    char out[OUTPUT_MAX], err[OUTPUT_MAX];
    const char *sudo_user, *config, *home; /* home: where the gateway's was looked for */
    bool root;
} s;

static const char *host_getenv(void *arg, const char *name)
{
    (void)arg;
    if (strcmp(name, "SUDO_USER") == 0)
        return s.sudo_user;
    return strcmp(name, "HOME") == 0 ? "/root" : NULL;
}

static char *host_absolute(void *arg, const char *path)
{
    (void)arg;
    return strdup(path);
}

static int host_write(void *arg, int fd, const char *text, size_t len)
{
    char *to = fd == 1 ? s.out : s.err;
    (void)arg;

    assert_true(strlen(to) + len < OUTPUT_MAX);
    strncat(to, text, len);
    return 0;
}

static bool host_is_terminal(void *arg, int fd)
{
    (void)arg;
    (void)fd;
    return false;
}

static int host_read_text(void *arg, const char *path, char **text, size_t *len)
{
    (void)arg;
    (void)path;
    if (!s.config)
        return -ENOENT;
    *text = strdup(s.config);
    *len = strlen(s.config);
    return 0;
}

static int host_open_home(void *arg, const char *home, bool create, struct env **env)
{
    static char kept[256];
    (void)arg;
    (void)env;

    assert_false(create);
    (void)snprintf(kept, sizeof(kept), "%s", home);
    s.home = kept;
    return -ENOENT;
}

static bool host_is_root(void *arg)
{
    (void)arg;
    return s.root;
}

static char *host_user_home(void *arg, const char *name)
{
    char *home = NULL;
    (void)arg;

    if (strcmp(name, "nobody-here") == 0)
        return NULL;
    return asprintf(&home, "/home/%s", name) < 0 ? NULL : home;
}

static char *host_program(void *arg)
{
    (void)arg;
    return strdup("/usr/bin/overlay");
}

static int build(void **state)
{
    (void)state;
    s = (struct surroundings){.sudo_user = "alice", .root = true};
    fake_machine_init(&s.machine);
    fake_machine_put(&s.machine, "/etc/nsswitch.conf", "hosts: files dns\n");
    fake_machine_put(&s.machine, "/usr/lib/libnss_overlay.so.2", "");
    s.host = (struct cli_host){.version = "1",
                               .getenv = host_getenv,
                               .absolute = host_absolute,
                               .write = host_write,
                               .is_terminal = host_is_terminal,
                               .read_text = host_read_text,
                               .open_home = host_open_home,
                               .setup = &s.machine.host,
                               .is_root = host_is_root,
                               .user_home = host_user_home,
                               .program = host_program};
    return 0;
}

static int end(void **state)
{
    (void)state;
    fake_machine_deinit(&s.machine);
    return 0;
}

static int run(char *first, char *second, char *third)
{
    char name[] = "overlay";
    char *argv[] = {name, first, second, third, NULL};

    s.out[0] = s.err[0] = '\0';
    return cli_run(2 + (second != NULL) + (third != NULL), argv, &s.host);
}

static char setup[] = "setup", unsetup[] = "unsetup", dry[] = "--dry-run", json[] = "--json";

static void without_root_it_says_how(void **state)
{
    (void)state;
    s.root = false;
    assert_int_equal(run(setup, NULL, NULL), 4);
    assert_non_null(strstr(s.err, "sudo overlay setup"));
    assert_int_equal(run(unsetup, NULL, NULL), 4);
    assert_non_null(strstr(s.err, "sudo overlay unsetup"));
    assert_int_equal(s.machine.changes, 0);
}

static void a_dry_run_prints_every_step_with_its_undo_and_does_none(void **state)
{
    (void)state;
    s.root = false;
    assert_int_equal(run(setup, dry, NULL), 0);
    assert_non_null(strstr(s.out, "ip route replace local 198.19.0.0/16 dev lo proto 79\n"));
    assert_non_null(strstr(s.out, "undone by: ip link delete overlay0\n"));
    assert_non_null(strstr(s.out, "| table ip overlay {\n"));
    assert_int_equal(s.machine.changes, 0);
    assert_int_equal(run(setup, dry, json), 0);
    assert_true(s.out[0] == '[' && strstr(s.out, "\"undo\":\"ip link delete overlay0\""));
    assert_int_equal(s.machine.changes, 0);
}

static void each_step_is_printed_and_all_of_it_taken_back(void **state)
{
    (void)state;
    auto_free char *before = fake_machine_print(&s.machine);
    assert_int_equal(run(setup, NULL, NULL), 0);
    assert_string_equal(s.home, "/home/alice/.local/state/overlay");
    assert_non_null(strstr(s.out, "ip link set overlay0 up\n"));
    assert_non_null(strstr(s.err, "sudo overlay unsetup"));
    assert_non_null(strstr(fake_machine_file(&s.machine, "/etc/nsswitch.conf"), "overlay"));
    assert_int_equal(run(unsetup, dry, NULL), 0);
    assert_non_null(strstr(s.out, "ip link delete overlay0\n"));
    assert_true(fake_machine_has(&s.machine, "link overlay0"));
    assert_int_equal(run(unsetup, NULL, NULL), 0);
    auto_free char *after = fake_machine_print(&s.machine);
    assert_string_equal(after, before);
    assert_int_equal(run(unsetup, NULL, NULL), 0);
    assert_non_null(strstr(s.err, "nothing to remove"));
    assert_string_equal(s.out, "");
}

static void what_fails_is_shown_with_what_it_said(void **state)
{
    (void)state;
    auto_free char *before = fake_machine_print(&s.machine);
    s.machine.failing = "ip link set";
    assert_int_equal(run(setup, NULL, NULL), 1);
    assert_non_null(strstr(s.err, "ip link set overlay0 up: exit code 2: it cannot be"));
    assert_non_null(strstr(s.out, "remove table"));
    auto_free char *after = fake_machine_print(&s.machine);
    assert_string_equal(after, before);
}

static void the_configuration_of_the_user_decides(void **state)
{
    (void)state;
    s.config = "[setup]\npool = 10.9.0.0/16\nredirect_port = 9999\n[dns]\nsuffix = mesh\n"
               "listen = [::1]:5399, 127.0.0.1:5399\n";
    s.machine.nm_config = "[main]\ndns=dnsmasq\n";
    fake_machine_put(&s.machine, "/run/NetworkManager", NULL);
    assert_int_equal(run(setup, dry, NULL), 0);
    assert_non_null(strstr(s.out, "ip address replace 10.9.0.1/32 dev overlay0\n"));
    assert_non_null(strstr(s.out, "tcp redirect to :9999\n"));
    assert_non_null(strstr(s.out, "| server=/mesh/127.0.0.1#5399\n"));
    s.config = "[setup]\npool = 127.0.0.0/8\n";
    assert_int_equal(run(setup, dry, NULL), 1);
    s.config = "[setup]\npool = 10.1.0.0/16, 10.2.0.0/16\n";
    assert_int_equal(run(setup, dry, NULL), 1);
    assert_non_null(strstr(s.err, "one range"));
}

static void a_user_who_is_not_there_or_has_no_gateway_is_told_so(void **state)
{
    (void)state;
    s.sudo_user = "nobody-here";
    assert_int_equal(run(setup, NULL, NULL), 1);
    assert_non_null(strstr(s.err, "there is no user nobody-here"));
    s.sudo_user = "alice";
    fake_machine_put(&s.machine, "/run/systemd/system", NULL);
    assert_int_equal(run(setup, NULL, NULL), 1);
    assert_non_null(strstr(s.err, "overlay id"));
    assert_int_equal(s.machine.changes, 0);
}

static void a_home_of_two_lines_is_refused(void **state)
{
    (void)state;
    char option[] = "--home", home[] = "/home/alice\nExecStartPre=+/bin/x";
    assert_int_equal(run(option, home, setup), 1);
    assert_non_null(strstr(s.err, "not of one line"));
    assert_int_equal(s.machine.changes, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, build, end)
    const struct CMUnitTest tests[] = {
        TEST(without_root_it_says_how),
        TEST(a_dry_run_prints_every_step_with_its_undo_and_does_none),
        TEST(each_step_is_printed_and_all_of_it_taken_back),
        TEST(what_fails_is_shown_with_what_it_said),
        TEST(the_configuration_of_the_user_decides),
        TEST(a_home_of_two_lines_is_refused),
        TEST(a_user_who_is_not_there_or_has_no_gateway_is_told_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
