/* From a machine to its steps, for each kind of machine. */
#include "config/setup/plan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/setup/nsswitch.h"

static char why[SETUP_WHY_MAX], hint[SETUP_WHY_MAX];
static struct setup_plan plan;

static struct setup_facts machine(void)
{
    struct setup_facts f = {
        .user = "alice",
        .home = "/home/alice/.local/state/overlay",
        .program = "/usr/bin/overlay",
        .redirect_port = 7790,
        .suffix = "overlay",
        .dns = addr_loopback(false, 5354),
        .dummy = true,
        .nft = true,
    };
    assert_int_equal(addr_prefix_parse(&f.pool, "198.19.0.0/16"), 0);
    return f;
}

static int make(const struct setup_facts *f)
{
    plan_deinit(&plan);
    why[0] = hint[0] = '\0';
    return plan_make(&plan, f, why, hint);
}

static int end(void **state)
{
    (void)state;
    plan_deinit(&plan);
    return 0;
}

static const struct setup_step *step(enum trace_kind kind, const char *name)
{
    for (size_t i = 0; i < plan.count; i++)
        if (plan.steps[i].trace.kind == kind && strcmp(plan.steps[i].trace.name, name) == 0)
            return &plan.steps[i];
    return NULL;
}

static bool runs(const char *line)
{
    for (size_t i = 0; i < plan.count; i++)
        for (size_t k = 0; k < plan.steps[i].command_count; k++)
            if (strcmp(plan.steps[i].commands[k], line) == 0)
                return true;
    return false;
}

static bool names_by(enum trace_kind kind, const char *name)
{
    static const struct {
        enum trace_kind kind;
        const char *name;
    } WAYS[] = {{TRACE_RESOLVED, SETUP_LINK},   {TRACE_FILE, SETUP_DELEGATE},
                {TRACE_FILE, SETUP_NM_DNSMASQ}, {TRACE_FILE, SETUP_DNSMASQ},
                {TRACE_WORD, NSSWITCH_PATH},    {TRACE_LINE, NSSWITCH_PATH}};
    bool wanted = false;

    for (size_t i = 0; i < sizeof(WAYS) / sizeof(WAYS[0]); i++) {
        if (WAYS[i].kind == kind && strcmp(WAYS[i].name, name) == 0)
            wanted = step(kind, name) != NULL;
        else if (step(WAYS[i].kind, WAYS[i].name))
            return false;
    }
    return wanted;
}

static void systemd_resolved_is_told_of_the_link(void **state)
{
    (void)state;
    struct setup_facts f = machine();

    f.systemd = f.resolved = f.nss = f.dnsmasq = true;
    f.nm = NM_DNSMASQ;
    f.systemd_version = 252;
    assert_int_equal(make(&f), 0);
    assert_true(names_by(TRACE_RESOLVED, SETUP_LINK));
    assert_true(runs("resolvectl dns overlay0 127.0.0.1:5354"));
    assert_true(runs("resolvectl domain overlay0 ~overlay"));
    assert_true(runs("resolvectl default-route overlay0 false"));
    assert_true(runs("resolvectl nta overlay0 overlay"));
}

static void since_258_it_is_told_by_a_file(void **state)
{
    (void)state;
    struct setup_facts f = machine();

    f.systemd = f.resolved = true;
    f.systemd_version = 258;
    assert_int_equal(make(&f), 0);
    assert_true(names_by(TRACE_FILE, SETUP_DELEGATE));
    const char *text = step(TRACE_FILE, SETUP_DELEGATE)->text;
    assert_non_null(strstr(text, "[Delegate]\nDNS=127.0.0.1:5354\nDomains=overlay\n"));
}

static void dnsmasq_is_told_by_a_file_and_keeps_our_answers(void **state)
{
    (void)state;
    struct setup_facts f = machine();

    f.nm = NM_DNSMASQ;
    f.nss = f.dnsmasq = true;
    assert_int_equal(make(&f), 0);
    assert_true(names_by(TRACE_FILE, SETUP_NM_DNSMASQ));
    const char *text = step(TRACE_FILE, SETUP_NM_DNSMASQ)->text;
    assert_non_null(strstr(text, "server=/overlay/127.0.0.1#5354\nrebind-domain-ok=/overlay/\n"));
    f.nm = NM_OTHER;
    f.systemd = true;
    assert_int_equal(make(&f), 0);
    assert_true(names_by(TRACE_FILE, SETUP_DNSMASQ));
}

static void elsewhere_the_module_is_asked(void **state)
{
    (void)state;
    struct setup_facts f = machine();
    char text[] = "hosts: files dns\n", none[] = "passwd: files\n", there[] = "hosts: overlay\n";

    f.nss = true;
    f.nsswitch = text;
    assert_int_equal(make(&f), 0);
    assert_true(names_by(TRACE_WORD, NSSWITCH_PATH));
    f.nsswitch = none;
    assert_int_equal(make(&f), 0);
    assert_true(names_by(TRACE_LINE, NSSWITCH_PATH));
    f.nsswitch = NULL;
    assert_int_equal(make(&f), 0);
    assert_true(names_by(TRACE_LINE, NSSWITCH_PATH));
    f.nsswitch = there; /* a package did that: it stays when unsetup runs */
    assert_int_equal(make(&f), 0);
    assert_null(step(TRACE_WORD, NSSWITCH_PATH));
    assert_null(step(TRACE_LINE, NSSWITCH_PATH));
}

static void the_module_is_told_of_another_suffix_or_pool(void **state)
{
    (void)state;
    struct setup_facts f = machine();

    f.nss = true;
    assert_int_equal(make(&f), 0);
    assert_null(step(TRACE_FILE, SETUP_MODULE));
    (void)snprintf(f.suffix, sizeof(f.suffix), "home.arpa");
    assert_int_equal(make(&f), 0);
    assert_string_equal(step(TRACE_FILE, SETUP_MODULE)->text,
                        "home.arpa 198.19.0.0/16\n" SETUP_MARK);
}

static void with_nobody_to_tell_nothing_is_begun(void **state)
{
    (void)state;
    struct setup_facts f = machine();

    assert_int_equal(make(&f), -ENOENT);
    assert_non_null(strstr(why, "libnss_overlay"));
    assert_true(*hint);
}

static void the_pool_is_local_and_its_ports_are_led_to_the_gateway(void **state)
{
    (void)state;
    struct setup_facts f = machine();

    f.nss = true;
    assert_int_equal(make(&f), 0);
    assert_true(runs("ip link add overlay0 type dummy"));
    assert_true(runs("ip address replace 198.19.0.1/32 dev overlay0"));
    assert_true(runs("ip route replace local 198.19.0.0/16 dev lo proto 79"));
    const char *rules = step(TRACE_TABLE, SETUP_TABLE)->text;
    assert_non_null(strstr(rules, "ip daddr 198.19.0.0/16 meta l4proto tcp redirect to :7790\n"));
    assert_non_null(strstr(rules, "iifname != \"lo\" ip daddr 198.19.0.0/16 drop"));
    f.dummy = false;
    assert_int_equal(make(&f), 0);
    assert_true(runs("ip link add overlay0 type bridge"));
}

static void without_systemd_there_are_no_units_and_it_is_said(void **state)
{
    (void)state;
    struct setup_facts f = machine();

    f.nss = true;
    assert_int_equal(make(&f), 0);
    for (size_t i = 0; i < plan.count; i++)
        assert_int_not_equal(plan.steps[i].trace.kind, TRACE_UNIT);
    assert_string_equal(step(TRACE_FOLDER, SETUP_RUN_FOLDER)->owner, "alice");
    assert_true(plan.note_count > 0 && strstr(plan.notes[0], "do not survive a restart"));
}

static void with_systemd_the_gateway_is_its_users_service(void **state)
{
    (void)state;
    struct setup_facts f = machine();

    f.systemd = f.resolved = true;
    (void)snprintf(f.home, sizeof(f.home), "/home/a \"b\" 100%%$/overlay");
    assert_int_equal(make(&f), 0);
    const char *text = step(TRACE_FILE, SETUP_UNITS "/overlay-gateway.service")->text;
    assert_non_null(strstr(text, "\nUser=alice\n"));
    assert_non_null(strstr(text, "\nStartLimitIntervalSec=0\n\n[Service]\n"));
    assert_non_null(strstr(text, "ExecStart=\"/usr/bin/overlay\" --home "
                                 "\"/home/a \\\"b\\\" 100%%$$/overlay\" daemon\n"));
    assert_non_null(strstr(text, "ReadWritePaths=\"/home/a \\\"b\\\" 100%%$/overlay\"\n"));
    assert_non_null(strstr(text, "\nCapabilityBoundingSet=\n"));
    text = step(TRACE_FILE, SETUP_UNITS "/overlay-dns.socket")->text;
    assert_non_null(strstr(text, "ListenDatagram=127.0.0.1:5354\nListenStream=127.0.0.1:5354\n"));
    text = step(TRACE_FILE, SETUP_UNITS "/overlay-names.socket")->text;
    assert_non_null(strstr(text, "ListenStream=/run/overlay/names.sock\nSocketMode=0666\n"));
    assert_non_null(strstr(text, "FileDescriptorName=names\n"));
    text = step(TRACE_FILE, SETUP_UNITS "/overlay-pool.socket")->text;
    assert_non_null(strstr(text, "ListenStream=0.0.0.0:7790\nBindToDevice=lo\n"));
    assert_null(step(TRACE_FILE, SETUP_UNITS "/overlay-http.socket"));
}

static void what_a_start_of_the_machine_loses_is_made_again(void **state)
{
    (void)state;
    struct setup_facts f = machine();

    f.systemd = f.resolved = true;
    assert_int_equal(make(&f), 0);
    const char *text = step(TRACE_FILE, SETUP_UNITS "/overlay-setup.service")->text;
    assert_non_null(strstr(text, "ExecStart=-ip link add overlay0 type dummy\n"
                                 "ExecStart=ip address replace 198.19.0.1/32 dev overlay0\n"));
    assert_non_null(strstr(text,
                           "ExecStart=nft -f /var/lib/overlay-setup/overlay.nft\n"
                           "ExecStart=ip route replace local 198.19.0.0/16 dev lo proto 79\n"));
    assert_non_null(strstr(text, "ExecStart=resolvectl dns overlay0 127.0.0.1:5354\n"));
    assert_null(strstr(text, "systemctl"));
    assert_string_equal(step(TRACE_FILE, SETUP_RULES)->text, step(TRACE_TABLE, SETUP_TABLE)->text);
}

static void without_nft_the_free_ones_of_80_and_443_are_sockets(void **state)
{
    (void)state;
    struct setup_facts f = machine();

    f.nft = false;
    f.systemd = f.resolved = f.http_free = true;
    assert_int_equal(make(&f), 0);
    assert_null(step(TRACE_TABLE, SETUP_TABLE));
    const char *text = step(TRACE_FILE, SETUP_UNITS "/overlay-http.socket")->text;
    assert_non_null(strstr(text, "ListenStream=0.0.0.0:80\nBindToDevice=lo\n"
                                 "FileDescriptorName=pool-http\n"));
    assert_null(step(TRACE_FILE, SETUP_UNITS "/overlay-https.socket"));
    text = step(TRACE_FILE, SETUP_UNITS "/overlay-gateway.service")->text;
    assert_non_null(strstr(text, "overlay-names.socket overlay-http.socket\n"));
}

static void names_change_after_everything_that_they_need(void **state)
{
    (void)state;
    struct setup_facts f = machine();

    f.systemd = f.resolved = true;
    assert_int_equal(make(&f), 0);
    assert_true(step(TRACE_RESOLVED, SETUP_LINK) > step(TRACE_UNIT, "overlay-gateway.service"));
    assert_true(step(TRACE_UNIT, "overlay-gateway.service") > step(TRACE_ROUTE, "198.19.0.0/16"));
    assert_true(plan.count < PLAN_STEPS_MAX);
}

static void a_pool_that_is_in_use_or_none_is_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {"127.0.0.0/16", "198.19.0.1/16", "198.19.0.0/25",
                                      "0.0.0.0/8",    "224.0.0.0/8",   "fd00::/16"};
    struct setup_facts f = machine();
    char routes[] = "198.19.0.0/17 dev tun0 scope link\n";

    f.nss = true;
    f.routes = routes;
    assert_int_equal(make(&f), -EADDRINUSE);
    assert_non_null(strstr(why, "the route 198.19.0.0/17 dev tun0"));
    assert_non_null(strstr(hint, "[setup] pool"));
    f.routes = NULL;
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        assert_int_equal(addr_prefix_parse(&f.pool, BAD[i]), 0);
        assert_int_equal(make(&f), -EINVAL);
    }
}

static void another_gateways_machine_is_left_alone(void **state)
{
    (void)state;
    struct setup_facts f = machine();

    f.nss = f.link = true;
    assert_int_equal(make(&f), -EEXIST); /* somebody's overlay0 */
    f.set_up = true;
    f.journal = (struct journal){.user = "bob",
                                 .home = "/home/alice/.local/state/overlay",
                                 .pool = "198.19.0.0/16",
                                 .suffix = "overlay",
                                 .complete = true};
    assert_int_equal(make(&f), -EEXIST);
    assert_non_null(strstr(why, "user bob"));
    (void)snprintf(f.journal.user, sizeof(f.journal.user), "alice");
    assert_int_equal(make(&f), 0);
    f.journal.complete = false;
    assert_int_equal(make(&f), -EEXIST);
    assert_string_equal(hint, "sudo overlay unsetup");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(systemd_resolved_is_told_of_the_link),
        cmocka_unit_test(since_258_it_is_told_by_a_file),
        cmocka_unit_test(dnsmasq_is_told_by_a_file_and_keeps_our_answers),
        cmocka_unit_test(elsewhere_the_module_is_asked),
        cmocka_unit_test(the_module_is_told_of_another_suffix_or_pool),
        cmocka_unit_test(with_nobody_to_tell_nothing_is_begun),
        cmocka_unit_test(the_pool_is_local_and_its_ports_are_led_to_the_gateway),
        cmocka_unit_test(without_systemd_there_are_no_units_and_it_is_said),
        cmocka_unit_test(with_systemd_the_gateway_is_its_users_service),
        cmocka_unit_test(what_a_start_of_the_machine_loses_is_made_again),
        cmocka_unit_test(without_nft_the_free_ones_of_80_and_443_are_sockets),
        cmocka_unit_test(names_change_after_everything_that_they_need),
        cmocka_unit_test(a_pool_that_is_in_use_or_none_is_refused),
        cmocka_unit_test(another_gateways_machine_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
