/* What files and tools of a machine say, as it is read. */
#include "config/setup/facts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_machine.h"

static void the_stub_counts_only_if_nobody_else_is_asked(void **state)
{
    (void)state;
    assert_true(facts_is_stub("# by systemd-resolved\nnameserver 127.0.0.53\noptions edns0\n"));
    assert_false(facts_is_stub("nameserver 127.0.0.53\nnameserver 192.0.2.1\n"));
    assert_false(facts_is_stub("#nameserver 127.0.0.53\nsearch example.org\n"));
    assert_false(facts_is_stub(""));
    assert_true(facts_is_local("nameserver 127.0.0.1"));
    assert_false(facts_is_local("nameserver 127.0.0.53\n"));
}

static void reads_versions_and_modes(void **state)
{
    (void)state;
    assert_int_equal(facts_version("systemd 252 (252.39-1~deb12u1)\n+PAM\n"), 252);
    assert_int_equal(facts_version("upstart 1\n"), 0);
    assert_int_equal(facts_nm_mode("[main]\nplugins=keyfile\ndns=dnsmasq\n"), NM_DNSMASQ);
    assert_int_equal(facts_nm_mode("[main]\ndns=default\n"), NM_OTHER);
    assert_int_equal(facts_nm_mode("[connection]\ndns=dnsmasq\n"), NM_OTHER);
}

static void sees_who_listens(void **state)
{
    (void)state;
    static const char TABLE[] =
        "  sl  local_address rem_address   st tx_queue rx_queue\n"
        "   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
        "   1: 0100007F:01BB 0100007F:D001 01 00000000:00000000 00:00000000 00000000     0\n";

    assert_false(facts_port_free(TABLE, 80));
    assert_true(facts_port_free(TABLE, 443));
    assert_true(facts_port_free("", 80));
}

static const char ADDRESSES[] = "1: lo    inet 127.0.0.1/8 scope host lo\n"
                                "2: eth0    inet 10.1.2.3/24 brd 10.1.2.255 scope global eth0\n"
                                "9: overlay0    inet 198.19.0.1/32 scope global overlay0\n";
static const char ROUTES[] =
    "default via 10.1.2.1 dev eth0\n"
    "198.18.0.0/16 dev tun0 scope link\n"
    "unreachable 192.0.2.0/24 metric 1024\n"
    "local 198.19.0.0/16 dev lo table local proto 79 scope host\n"
    "local 198.19.0.1 dev overlay0 table local proto kernel scope host src 198.19.0.1\n"
    "local 10.1.2.3 dev eth0 table local proto kernel scope host src 10.1.2.3\n";

static bool clashes(const char *text, const char *with)
{
    struct addr_prefix pool;
    char what[FACTS_TEXT] = "";

    assert_int_equal(addr_prefix_parse(&pool, text), 0);
    bool yes = facts_overlap(&pool, ADDRESSES, ROUTES, what);
    if (yes)
        assert_non_null(strstr(what, with));
    return yes;
}

static void a_pool_in_use_is_told_by_its_name_and_our_own_is_none(void **state)
{
    (void)state;
    assert_false(clashes("198.19.0.0/16", ""));
    assert_true(clashes("198.18.0.0/15", "the route 198.18.0.0/16 dev tun0"));
    assert_true(clashes("198.18.7.0/24", "tun0"));
    assert_true(clashes("10.0.0.0/8", "the address 10.1.2.3/24 of eth0"));
    assert_true(clashes("192.0.0.0/16", "unreachable 192.0.2.0/24"));
    assert_false(clashes("240.0.0.0/8", ""));
}

static struct setup_facts gathered(struct fake_machine *m)
{
    struct setup_facts f = {.redirect_port = 7790};

    assert_int_equal(addr_prefix_parse(&f.pool, "198.19.0.0/16"), 0);
    facts_gather(&f, &m->host);
    return f;
}

static void resolved_is_used_where_it_runs_and_is_asked(void **state)
{
    (void)state;
    struct fake_machine m;

    fake_machine_init(&m);
    m.systemctl_version = "systemd 252 (252)\n";
    fake_machine_put(&m, "/etc/resolv.conf", "nameserver 127.0.0.53\n");
    struct setup_facts f = gathered(&m);
    assert_false(f.resolved); /* it does not run */
    facts_deinit(&f);
    fake_machine_put(&m, "/run/systemd/resolve/io.systemd.Resolve", "");
    f = gathered(&m);
    assert_true(f.resolved && !f.systemd && f.systemd_version == 252 && f.dummy && f.nft);
    facts_deinit(&f);
    fake_machine_put(&m, "/etc/resolv.conf", "nameserver 192.0.2.1\n");
    f = gathered(&m);
    assert_false(f.resolved); /* nobody asks it */
    facts_deinit(&f);
    fake_machine_put(&m, "/etc/nsswitch.conf", "hosts: files resolve dns\n");
    f = gathered(&m);
    assert_true(f.resolved);
    facts_deinit(&f);
    assert_int_equal(m.changes, 0);
    fake_machine_deinit(&m);
}

static void what_is_there_is_found_and_nothing_is_changed(void **state)
{
    (void)state;
    struct fake_machine m;

    fake_machine_init(&m);
    m.no_dummy = m.no_nft = true;
    m.nm_config = "[main]\ndns=dnsmasq\n";
    fake_machine_put(&m, "/etc/resolv.conf", "nameserver 127.0.0.1\n");
    fake_machine_put(&m, "/run/NetworkManager", NULL);
    fake_machine_put(&m, "/run/systemd/system", NULL);
    fake_machine_put(&m, "/etc/dnsmasq.d", NULL);
    fake_machine_put(&m, "/run/dnsmasq/dnsmasq.pid", "7\n");
    fake_machine_put(&m, "/lib64/libnss_overlay.so.2", "");
    fake_machine_put(&m, "/usr/sbin/resolvconf", "");
    fake_machine_put(&m, "/proc/net/tcp", "   0: 00000000:0050 00000000:0000 0A\n");
    struct setup_facts f = gathered(&m);
    assert_true(f.systemd && f.dnsmasq && f.nss && f.resolvconf && f.nm == NM_DNSMASQ);
    assert_false(f.dummy || f.nft || f.resolved || f.set_up || f.link);
    assert_true(!f.http_free && f.https_free);
    assert_int_equal(m.changes, 0);
    facts_deinit(&f);
    fake_machine_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stub_counts_only_if_nobody_else_is_asked),
        cmocka_unit_test(reads_versions_and_modes),
        cmocka_unit_test(sees_who_listens),
        cmocka_unit_test(a_pool_in_use_is_told_by_its_name_and_our_own_is_none),
        cmocka_unit_test(resolved_is_used_where_it_runs_and_is_asked),
        cmocka_unit_test(what_is_there_is_found_and_nothing_is_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
