/* What doctor makes of names on one machine after another; and how it finds out. */
#include "config/control/doctor_names.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/control/doctor.h"
#include "config/control/fields.h"
#include "config/setup/nsswitch.h"
#include "tests/support/fake_machine.h"

static const uint8_t POOL_ADDRESS[4] = {198, 19, 1, 2};

static struct surroundings {
    struct name_facts facts;
    json_t *report, *findings;
    char text[8192];
} s;

static struct name_answer answering(const uint8_t address[static 4])
{
    struct name_answer a = {.asked = true, .reply = {.answers = 1, .has_address = true}};
    memcpy(a.reply.address, address, 4);
    return a;
}

static json_t *report_of(bool active)
{
    return json_pack(
        "{s:s, s:s, s:{s:s, s:[s]}, s:{s:[s]}, s:{s:b, s:b, s:b, s:s, s:[], s:[]}, s:[]}", "id",
        "theid", "home", "/home/alice/o", "dns", "suffix", "overlay", "listen", "127.0.0.1:5354",
        "proxy", "listen", "127.0.0.1:7777", "setup", "active", active, "http", active,
        "redirected", active, "pool", "198.19.0.0/16", "conflicts", "udp_conflicts", "peers");
}

/** A machine that is set up, and where everything works. */
static int build(void **state)
{
    (void)state;
    s = (struct surroundings){.report = report_of(true), .findings = json_array()};
    struct name_facts *f = &s.facts;
    (void)snprintf(f->suffix, sizeof(f->suffix), "overlay");
    (void)snprintf(f->name, sizeof(f->name), "alice.overlay");
    (void)snprintf(f->proxy, sizeof(f->proxy), "127.0.0.1:7777");
    f->gateway = f->stub = answering(POOL_ADDRESS);
    f->system = addr_v4(POOL_ADDRESS, 0);
    f->has_journal = f->folder = f->link = f->has_proxy = true;
    f->pac = 200;
    f->journal.complete = true;
    (void)snprintf(f->journal.home, sizeof(f->journal.home), "/home/alice/o");
    (void)snprintf(f->journal.pool, sizeof(f->journal.pool), "198.19.0.0/16");
    return 0;
}

static int end(void **state)
{
    (void)state;
    json_decref(s.report);
    json_decref(s.findings);
    return 0;
}

static void add(const char *text)
{
    (void)snprintf(s.text + strlen(s.text), sizeof(s.text) - strlen(s.text), "%s | ", text);
}

/** Everything that is said, as "level what | why | advice | ..". */
static const char *said(void)
{
    size_t i;
    json_t *f;

    json_array_clear(s.findings);
    doctor_names(s.findings, &s.facts, s.report);
    s.text[0] = '\0';
    json_array_foreach(s.findings, i, f)
    {
        add(field_text(f, "level"));
        add(field_text(f, "what"));
        add(field_text(f, "why"));
        add(field_text(f, "advice"));
    }
    return s.text;
}

static void expect(const char *worst, const char *what)
{
    const char *text = said();

    if (!strstr(text, what))
        print_error("%s\n", text);
    assert_non_null(strstr(text, what));
    assert_string_equal(doctor_worst(s.findings), worst);
}

static void where_everything_works_it_says_so(void **state)
{
    (void)state;
    expect("ok", "names in .overlay resolve in every program: alice.overlay is 198.19.1.2");
    expect("ok", "systemd-resolved at 127.0.0.53 asks the gateway");
    expect("ok", "198.19.0.0/16 counts as public");
    expect("ok", "your browser shows at http://localhost-check.overlay/ |");
    (void)json_object_set_new(json_object_get(s.report, "setup"), "http", json_false());
    expect("ok", "your browser shows at http://localhost-check.overlay.localhost:7777/ |");
    expect("ok", "http://127.0.0.1:7777/proxy.pac");
}

static void without_a_setup_it_tells_of_it_and_finds_nothing_wrong(void **state)
{
    (void)state;
    json_decref(s.report);
    s.report = report_of(false);
    s.facts.system_err = -ENOENT;
    s.facts.has_journal = s.facts.folder = s.facts.link = false;
    s.facts.stub = (struct name_answer){0};
    expect("ok", "sudo overlay setup, once, for http://alice.overlay/ everywhere");
    expect("ok", "your browser shows at http://localhost-check.overlay.localhost:7777/ |");
}

static void why_names_do_not_resolve_decides_what_to_do(void **state)
{
    (void)state;
    static const uint8_t OTHER[4] = {203, 0, 113, 1};

    s.facts.system_err = -ENOENT;
    expect("problem", "programs do not ask it");
    s.facts.stub = (struct name_answer){.asked = true, .reply = {.rcode = DNS_SERVFAIL}};
    expect("problem", "sudo resolvectl nta overlay0 overlay");
    s.facts.stub = (struct name_answer){.asked = true, .reply = {.rcode = 3}};
    expect("problem", "does not ask the gateway | sudo overlay setup");
    s.facts.system_err = -ETIMEDOUT;
    expect("problem", "had not come to an end");
    s.facts.system_err = 0;
    s.facts.system = addr_v4(OTHER, 0);
    expect("problem", "alice.overlay is 203.0.113.1 for programs, and 198.19.1.2 for the gateway");
    s.facts.gateway = (struct name_answer){.asked = true, .err = -ETIMEDOUT};
    expect("problem", "the gateway's own DNS server does not answer");
}

static void a_resolver_that_only_some_ask_is_a_note(void **state)
{
    (void)state;
    s.facts.stub = (struct name_answer){.asked = true, .reply = {.rcode = DNS_SERVFAIL}};
    expect("note", "it demands signatures");
    s.facts.stub = (struct name_answer){.asked = true, .reply = {.rcode = 3}};
    expect("note", "nobody told it");
}

static void a_suffix_that_the_internet_has_is_told(void **state)
{
    (void)state;
    s.facts.domain = (struct name_answer){.asked = true, .reply = {.rcode = 3, .answers = 0}};
    expect("ok", "every program");
    s.facts.domain.reply = (struct dns_reply){.answers = 1};
    (void)snprintf(s.facts.upstream, sizeof(s.facts.upstream), "192.0.2.53");
    expect("note", "the internet has a domain .overlay too | the name server 192.0.2.53 knows it");
}

static void what_a_setup_left_behind_is_found(void **state)
{
    (void)state;
    s.facts.journal.complete = false;
    expect("problem", "a setup was interrupted half-way | - | sudo overlay unsetup");
    s.facts.has_journal = false;
    expect("problem", "something of a setup was left: the device overlay0");
    s.facts.link = false;
    expect("problem", "something of a setup was left: /var/lib/overlay-setup");
    s.facts.folder = false;
    s.facts.word = true;
    expect("note", "asks the module overlay, which is not installed");
    s.facts.module = true;
    expect("note", "which finds no gateway to ask");
    s.facts.names_socket = true;
    expect("ok", "every program");
}

static void a_pool_that_has_gone_or_is_anothers_is_told(void **state)
{
    (void)state;
    json_decref(s.report);
    s.report = report_of(false);
    expect("problem", "the addresses of the pool have gone");
    (void)snprintf(s.facts.journal.home, sizeof(s.facts.journal.home), "/home/bob/o");
    (void)snprintf(s.facts.journal.user, sizeof(s.facts.journal.user), "bob");
    expect("note", "set up for another gateway: /home/bob/o of bob");
}

static void who_holds_a_port_is_named_and_matters_without_rules(void **state)
{
    (void)state;
    json_t *setup = json_object_get(s.report, "setup");
    struct name_port *p = &s.facts.ports[s.facts.port_count++];

    *p = (struct name_port){.port = 80, .count = 1};
    p->holders[0] = (struct names_holder){.at = addr_v4((const uint8_t[4]){0}, 80), .pid = 7};
    (void)snprintf(p->holders[0].program, sizeof(p->holders[0].program), "nginx");
    expect("ok", "TCP port 80 is held by nginx (process 7), on 0.0.0.0:80");
    (void)json_object_set_new(setup, "redirected", json_false());
    expect("note", "install nftables");
    p->holders[0].pid = 0;
    expect("note", "held by a program of another user");
    (void)json_array_append_new(json_object_get(setup, "conflicts"), json_integer(8080));
    expect("note", "TCP port 8080 of the peers is held by another program");
}

static void policies_of_browsers_count_if_they_ask_elsewhere(void **state)
{
    (void)state;
    static char secure[] = "{\"DnsOverHttpsMode\": \"secure\"}",
                automatic[] = "{\"DnsOverHttpsMode\": \"automatic\"}", broken[] = "{",
                strict[] = "{\"policies\": {\"DNSOverHTTPS\": {\"Enabled\": true, \"Fallback\": "
                           "false}}}",
                fallback[] = "{\"policies\": {\"DNSOverHTTPS\": {\"Enabled\": true}}}",
                excluded[] = "{\"policies\": {\"DNSOverHTTPS\": {\"Enabled\": true, \"Fallback\": "
                             "false, \"ExcludedDomains\": [\"overlay\"]}}}";
    struct name_policy *p = &s.facts.policies[0];

    s.facts.policy_count = 1;
    *p = (struct name_policy){.path = "/etc/p.json", .text = secure};
    expect("note", "/etc/p.json has DnsOverHttpsMode \"secure\"");
    p->text = automatic;
    expect("ok", "every program");
    p->text = broken;
    expect("note", "is not JSON");
    p->firefox = true;
    p->text = strict;
    expect("note", "add \"ExcludedDomains\": [\"overlay\"]");
    p->text = fallback;
    expect("ok", "every program");
    p->text = excluded;
    expect("ok", "every program");
}

static void a_pool_that_browsers_take_for_local_protects_nobody(void **state)
{
    (void)state;
    static const char *const LOCAL[] = {"10.9.0.0/16", "100.64.0.0/16", "127.77.0.0/16"};
    static const char *const PUBLIC[] = {"198.18.0.0/16", "240.5.0.0/16", "198.18.0.0/15"};
    json_t *setup = json_object_get(s.report, "setup");

    for (size_t i = 0; i < 3; i++) {
        (void)json_object_set_new(setup, "pool", json_string(LOCAL[i]));
        expect("note", "browsers take");
        (void)json_object_set_new(setup, "pool", json_string(PUBLIC[i]));
        expect("ok", "counts as public");
    }
}

static void a_proxy_that_is_not_reached_is_a_problem(void **state)
{
    (void)state;
    s.facts.pac = -ECONNREFUSED;
    expect("problem", "Connection refused");
    s.facts.pac = 403;
    expect("problem", "it answers 403");
    s.facts.has_proxy = false;
    expect("note", "there is no proxy");
}

/* ---- finding out ---- */

static const char *const FOLDER = "/etc/chromium/policies/managed";

static int names_lookup(void *arg, const char *name, struct addr *out)
{
    (void)arg;
    assert_string_equal(name, "alice.overlay");
    *out = addr_v4(POOL_ADDRESS, 0);
    return 0;
}

/** Our own server and the stub know the address; the network's server knows the suffix. */
static int names_ask(void *arg, const struct addr *server, const uint8_t *query, size_t len,
                     uint8_t *answer, size_t max)
{
    static const uint8_t RECORD[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4};
    char at[ADDR_TEXT_MAX];
    (void)arg;

    (void)addr_print(server, at);
    assert_true(strcmp(at, "127.0.0.1:5354") == 0 || strcmp(at, "127.0.0.53:53") == 0 ||
                strcmp(at, "192.0.2.53:53") == 0);
    assert_true(len + sizeof(RECORD) + 4 <= max);
    memcpy(answer, query, len);
    answer[2] |= 0x80;
    answer[7] = 1;
    memcpy(answer + len, RECORD, sizeof(RECORD));
    memcpy(answer + len + sizeof(RECORD), POOL_ADDRESS, 4);
    return (int)(len + sizeof(RECORD) + 4);
}

static int names_http_get(void *arg, const struct addr *server, const char *path)
{
    (void)arg;
    assert_int_equal(addr_port(server), 7777);
    assert_string_equal(path, "/proxy.pac");
    return 200;
}

static size_t names_holders(void *arg, uint16_t port, bool udp, struct names_holder *out,
                            size_t max)
{
    static const uint8_t STUB[4] = {127, 0, 0, 53};
    (void)arg;

    if (port != 53 || !udp || max == 0)
        return 0;
    out[0] = (struct names_holder){.at = addr_v4(STUB, 53), .pid = 9, .program = "systemd-resolve"};
    return 1;
}

static char *names_list(void *arg, const char *folder)
{
    (void)arg;
    return strcmp(folder, FOLDER) == 0 ? strdup("readme\ndoh.json\n") : NULL;
}

static void everything_is_asked_of_the_machine(void **state)
{
    (void)state;
    static const struct names_host NAMES = {.lookup = names_lookup,
                                            .ask = names_ask,
                                            .http_get = names_http_get,
                                            .holders = names_holders,
                                            .list = names_list};
    struct name_facts f;
    struct fake_machine m;

    (void)json_array_append_new(json_object_get(s.report, "peers"),
                                json_pack("{s:s}", "alias", "alice"));
    fake_machine_init(&m);
    fake_machine_put(&m, "/etc/chromium/policies/managed/doh.json", "{}");
    fake_machine_put(&m, "/etc/firefox/policies/policies.json", "{}");
    fake_machine_put(&m, "/etc/resolv.conf", "nameserver 127.0.0.53\n");
    fake_machine_put(&m, "/run/systemd/resolve/resolv.conf",
                     "# a\nnameserver 127.0.0.1\nnameserver 192.0.2.53\n");
    fake_machine_put(&m, "/sys/class/net/overlay0", "");
    fake_machine_put(&m, NSSWITCH_PATH, "hosts: files overlay dns\n");
    name_facts_gather(&f, s.report, &NAMES, &m.host);
    assert_string_equal(f.name, "alice.overlay");
    assert_true(f.gateway.reply.has_address && f.stub.reply.has_address && f.system_err == 0);
    assert_string_equal(f.upstream, "192.0.2.53");
    assert_true(f.domain.asked && f.domain.reply.answers == 1);
    assert_int_equal(f.policy_count, 2);
    assert_true(!f.policies[0].firefox && f.policies[1].firefox);
    assert_true(f.link && f.word && !f.has_journal && !f.module && f.pac == 200);
    assert_int_equal(f.ports[0].count, 1);
    name_facts_deinit(&f);
    fake_machine_deinit(&m);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, build, end)
    const struct CMUnitTest tests[] = {
        TEST(where_everything_works_it_says_so),
        TEST(without_a_setup_it_tells_of_it_and_finds_nothing_wrong),
        TEST(why_names_do_not_resolve_decides_what_to_do),
        TEST(a_resolver_that_only_some_ask_is_a_note),
        TEST(a_suffix_that_the_internet_has_is_told),
        TEST(what_a_setup_left_behind_is_found),
        TEST(a_pool_that_has_gone_or_is_anothers_is_told),
        TEST(who_holds_a_port_is_named_and_matters_without_rules),
        TEST(policies_of_browsers_count_if_they_ask_elsewhere),
        TEST(a_pool_that_browsers_take_for_local_protects_nobody),
        TEST(a_proxy_that_is_not_reached_is_a_problem),
        TEST(everything_is_asked_of_the_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
