/* A setup on a whole machine, killed before any of its changes, and what unsetup leaves. */
#include "config/setup/carry.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/setup/nsswitch.h"
#include "tests/support/fake_machine.h"

static const char NSSWITCH[] = "passwd: files\nhosts: files dns # mine\n";

static unsigned failures, undone, there;
static char last_failure[2 * SETUP_WHY_MAX];

static void on_step(void *arg, const struct setup_step *s, bool done)
{
    (void)arg;
    (void)s;
    there += done;
}

static void on_undo(void *arg, const struct trace *t)
{
    (void)arg;
    (void)t;
    undone++;
}

static void on_failure(void *arg, const char *reason)
{
    (void)arg;
    failures++;
    (void)snprintf(last_failure, sizeof(last_failure), "%s", reason);
}

static const struct carry_listener LISTENER = {
    .doing = on_step, .undoing = on_undo, .failed = on_failure};

enum kind { NSS, RESOLVED, NETWORK_MANAGER, KINDS };

static void build(struct fake_machine *m, enum kind kind)
{
    fake_machine_init(m);
    failures = undone = there = 0;
    fake_machine_put(m, NSSWITCH_PATH, NSSWITCH);
    fake_machine_put(m, "/etc/resolv.conf", "nameserver 127.0.0.53\n");
    fake_machine_put(m, "/usr/lib/libnss_overlay.so.2", "");
    if (kind == RESOLVED) {
        m->systemctl_version = "systemd 252\n";
        fake_machine_put(m, "/run/systemd/system", NULL);
        fake_machine_put(m, "/run/systemd/resolve/io.systemd.Resolve", "");
    } else if (kind == NETWORK_MANAGER) {
        m->nm_config = "[main]\ndns=dnsmasq\n";
        fake_machine_put(m, "/run/NetworkManager", NULL);
        fake_machine_put(m, "/run/systemd/system", NULL);
        m->no_nft = true;
    }
}

static struct setup_facts facts_of_alice(void)
{
    struct setup_facts f = {.user = "alice",
                            .home = "/home/alice/o",
                            .program = "/usr/bin/overlay",
                            .redirect_port = 7790,
                            .suffix = "mesh", /* so that the module must be told, too */
                            .dns = addr_loopback(false, 5354)};

    assert_int_equal(addr_prefix_parse(&f.pool, "198.19.0.0/16"), 0);
    return f;
}

static int set_up(struct fake_machine *m)
{
    char why[SETUP_WHY_MAX], hint[SETUP_WHY_MAX];
    struct setup_plan plan;
    struct setup_facts f = facts_of_alice();

    facts_gather(&f, &m->host);
    int err = plan_make(&plan, &f, why, hint);
    if (err == 0)
        err = carry_out(&plan, &f, &m->host, &LISTENER);
    plan_deinit(&plan);
    facts_deinit(&f);
    return err;
}

static int take_back(struct fake_machine *m)
{
    return carry_back(&m->host, &LISTENER, false);
}

static void a_setup_does_what_it_says_and_unsetup_leaves_no_trace(void **state)
{
    (void)state;
    struct fake_machine m;

    for (enum kind kind = 0; kind < KINDS; kind++) {
        build(&m, kind);
        auto_free char *before = fake_machine_print(&m);
        assert_int_equal(set_up(&m), 0);
        assert_true(fake_machine_has(&m, "link overlay0"));
        assert_true(fake_machine_has(&m, "route 198.19.0.0/16"));
        assert_int_equal(fake_machine_has(&m, "table ip overlay"), kind != NETWORK_MANAGER);
        assert_int_equal(fake_machine_has(&m, "active overlay-gateway.service"), kind != NSS);
        assert_int_equal(nsswitch_has(fake_machine_file(&m, NSSWITCH_PATH), "overlay"),
                         kind == NSS);
        assert_int_equal(fake_machine_ran(&m, "resolvectl domain overlay0 ~mesh"),
                         kind == RESOLVED);
        assert_int_equal(fake_machine_file(&m, SETUP_NM_DNSMASQ) != NULL, kind == NETWORK_MANAGER);
        assert_true(take_back(&m) > 0);
        auto_free char *after = fake_machine_print(&m);
        assert_string_equal(after, before);
        assert_int_equal(failures, 0);
        assert_int_equal(take_back(&m), 0);
        fake_machine_deinit(&m);
    }
}

static void killed_before_any_change_it_is_cleaned_whole(void **state)
{
    (void)state;
    struct fake_machine m;

    for (enum kind kind = 0; kind < KINDS; kind++) {
        unsigned kills = 0;
        for (int err = -1; err < 0; kills++) {
            build(&m, kind);
            auto_free char *before = fake_machine_print(&m);
            m.dies_at = kills + 1;
            err = set_up(&m);
            m.dies_at = 0;
            assert_true(take_back(&m) >= 0);
            auto_free char *after = fake_machine_print(&m);
            assert_string_equal(after, before);
            fake_machine_deinit(&m);
        }
        assert_true(kills > 15);
    }
}

static void without_the_journal_it_is_cleaned_whole_as_well(void **state)
{
    (void)state;
    struct fake_machine m;

    for (enum kind kind = 0; kind < KINDS; kind++) {
        build(&m, kind);
        auto_free char *before = fake_machine_print(&m);
        assert_int_equal(set_up(&m), 0);
        assert_int_equal(m.host.unlink(&m, JOURNAL_PATH), 0);
        assert_true(take_back(&m) > 0);
        auto_free char *after = fake_machine_print(&m);
        assert_string_equal(after, before);
        fake_machine_deinit(&m);
    }
}

static void an_unsetup_that_was_killed_goes_on_where_it_was(void **state)
{
    (void)state;
    struct fake_machine m;
    unsigned kills = 0;

    for (int count = -1; count < 0; kills++) {
        build(&m, RESOLVED);
        auto_free char *before = fake_machine_print(&m);
        assert_int_equal(set_up(&m), 0);
        m.dies_at = m.changes + kills + 1;
        count = take_back(&m);
        m.dies_at = 0;
        assert_true(take_back(&m) >= 0);
        auto_free char *after = fake_machine_print(&m);
        assert_string_equal(after, before);
        fake_machine_deinit(&m);
    }
    assert_true(kills > 10);
}

static void what_fails_is_told_and_everything_before_it_is_undone(void **state)
{
    (void)state;
    static const char *const COMMANDS[] = {"ip link set", "ip route", "nft", "resolvectl nta",
                                           "systemctl --no-ask-password restart overlay-gateway"};
    struct fake_machine m;

    for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++) {
        build(&m, RESOLVED);
        auto_free char *before = fake_machine_print(&m);
        m.failing = COMMANDS[i];
        assert_int_equal(set_up(&m), -EIO);
        assert_int_equal(failures, 1);
        assert_non_null(strstr(last_failure, COMMANDS[i]));
        assert_non_null(strstr(last_failure, "it cannot be"));
        assert_true(undone > 0);
        auto_free char *after = fake_machine_print(&m);
        assert_string_equal(after, before);
        fake_machine_deinit(&m);
    }
}

static void whoever_interrupts_it_finds_nothing_of_it(void **state)
{
    (void)state;
    struct fake_machine m;

    build(&m, RESOLVED);
    auto_free char *before = fake_machine_print(&m);
    m.interrupt_at = 5;
    assert_int_equal(set_up(&m), -EINTR);
    auto_free char *after = fake_machine_print(&m);
    assert_string_equal(after, before);
    fake_machine_deinit(&m);
}

static void a_second_setup_finds_everything_done(void **state)
{
    (void)state;
    struct fake_machine m;

    build(&m, NSS);
    assert_int_equal(set_up(&m), 0);
    auto_free char *before = fake_machine_print(&m);
    there = 0;
    assert_int_equal(set_up(&m), 0);
    assert_true(there >= 4);
    auto_free char *after = fake_machine_print(&m);
    assert_string_equal(after, before);
    fake_machine_deinit(&m);
}

static void a_second_setup_that_fails_leaves_the_first(void **state)
{
    (void)state;
    struct fake_machine m;

    build(&m, RESOLVED);
    assert_int_equal(set_up(&m), 0);
    auto_free char *before = fake_machine_print(&m);
    m.failing = "resolvectl nta";
    assert_int_equal(set_up(&m), -EIO);
    auto_free char *after = fake_machine_print(&m);
    assert_string_equal(after, before);
    fake_machine_deinit(&m);
}

static void files_of_others_are_not_touched(void **state)
{
    (void)state;
    struct fake_machine m;

    build(&m, NETWORK_MANAGER);
    fake_machine_put(&m, SETUP_NM_DNSMASQ, "server=/overlay/192.0.2.1\n");
    auto_free char *before = fake_machine_print(&m);
    assert_int_equal(set_up(&m), -EEXIST);
    assert_non_null(strstr(last_failure, SETUP_NM_DNSMASQ));
    auto_free char *after = fake_machine_print(&m);
    assert_string_equal(after, before);
    assert_int_equal(take_back(&m), 0);
    fake_machine_deinit(&m);
}

static void what_a_package_wrote_into_nsswitch_stays(void **state)
{
    (void)state;
    struct fake_machine m;

    build(&m, NSS);
    fake_machine_put(&m, NSSWITCH_PATH, "hosts: files overlay dns\n");
    auto_free char *before = fake_machine_print(&m);
    assert_int_equal(set_up(&m), 0);
    assert_true(take_back(&m) > 0);
    auto_free char *after = fake_machine_print(&m);
    assert_string_equal(after, before);
    fake_machine_deinit(&m);
}

static void edits_that_came_later_stay(void **state)
{
    (void)state;
    struct fake_machine m;

    build(&m, NSS);
    assert_int_equal(set_up(&m), 0);
    fake_machine_put(&m, NSSWITCH_PATH, "passwd: ldap\nhosts: files overlay nis dns\n");
    assert_true(take_back(&m) > 0);
    assert_string_equal(fake_machine_file(&m, NSSWITCH_PATH),
                        "passwd: ldap\nhosts: files nis dns\n");
    fake_machine_deinit(&m);
}

static void edits_while_it_runs_stay(void **state)
{
    (void)state;
    char why[SETUP_WHY_MAX], hint[SETUP_WHY_MAX];
    struct fake_machine m;
    struct setup_plan plan;
    struct setup_facts f = facts_of_alice();

    build(&m, NSS);
    facts_gather(&f, &m.host);
    assert_int_equal(plan_make(&plan, &f, why, hint), 0);
    fake_machine_put(&m, NSSWITCH_PATH, "passwd: files ldap\nhosts: files nis dns\n");
    assert_int_equal(carry_out(&plan, &f, &m.host, &LISTENER), 0);
    assert_string_equal(fake_machine_file(&m, NSSWITCH_PATH),
                        "passwd: files ldap\nhosts: files overlay [NOTFOUND=return] nis dns\n");
    plan_deinit(&plan);
    facts_deinit(&f);
    fake_machine_deinit(&m);
}

static void a_dry_unsetup_only_tells(void **state)
{
    (void)state;
    struct fake_machine m;

    build(&m, RESOLVED);
    assert_int_equal(set_up(&m), 0);
    auto_free char *before = fake_machine_print(&m);
    assert_true(carry_back(&m.host, &LISTENER, true) > 0);
    assert_true(undone > 5);
    auto_free char *after = fake_machine_print(&m);
    assert_string_equal(after, before);
    fake_machine_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_setup_does_what_it_says_and_unsetup_leaves_no_trace),
        cmocka_unit_test(killed_before_any_change_it_is_cleaned_whole),
        cmocka_unit_test(without_the_journal_it_is_cleaned_whole_as_well),
        cmocka_unit_test(an_unsetup_that_was_killed_goes_on_where_it_was),
        cmocka_unit_test(what_fails_is_told_and_everything_before_it_is_undone),
        cmocka_unit_test(whoever_interrupts_it_finds_nothing_of_it),
        cmocka_unit_test(a_second_setup_finds_everything_done),
        cmocka_unit_test(a_second_setup_that_fails_leaves_the_first),
        cmocka_unit_test(files_of_others_are_not_touched),
        cmocka_unit_test(what_a_package_wrote_into_nsswitch_stays),
        cmocka_unit_test(edits_that_came_later_stay),
        cmocka_unit_test(edits_while_it_runs_stay),
        cmocka_unit_test(a_dry_unsetup_only_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
