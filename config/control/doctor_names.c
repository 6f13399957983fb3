#include "config/control/doctor_names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/control/doctor.h"
#include "config/control/fields.h"

#define ADVICE_SETUP "sudo overlay setup"

static const json_t *setup_of(const json_t *report)
{
    return json_object_get(report, "setup");
}

static bool is_active(const json_t *report)
{
    return field_flag(setup_of(report), "active");
}

/* ---- do names resolve? ---- */

static struct addr address_of(const struct name_answer *a)
{
    return a->asked && a->err == 0 && a->reply.has_address ? addr_v4(a->reply.address, 0)
                                                           : (struct addr){0};
}

static bool same(const struct addr *a, const struct addr *b)
{
    return !addr_is_none(a) && !addr_is_none(b) && addr_same_ip(a, b);
}

static bool wants_signatures(const struct name_facts *f)
{
    return f->stub.asked && f->stub.err == 0 && f->stub.reply.rcode == DNS_SERVFAIL;
}

/** There is an answer by us, and programs do not get it. */
static void find_unresolved(json_t *list, const struct name_facts *f)
{
    const struct addr stub = address_of(&f->stub);

    doctor_add(list, "problem", "names", "names in .%s do not resolve in programs", f->suffix);
    if (f->system_err == -ETIMEDOUT) {
        doctor_why(list, "the look-up of %s had not come to an end after some seconds", f->name);
        doctor_advise(list, "look which name server does not answer: cat /etc/resolv.conf");
    } else if (wants_signatures(f)) {
        doctor_why(list,
                   "systemd-resolved answers SERVFAIL: it demands signatures (DNSSEC), and "
                   "nobody signs .%s",
                   f->suffix);
        doctor_advise(list, "sudo resolvectl nta overlay0 %s, which " ADVICE_SETUP " does too",
                      f->suffix);
    } else if (!addr_is_none(&stub)) {
        doctor_why(list, "systemd-resolved knows them at 127.0.0.53, but programs do not ask it");
        doctor_advise(list, "have `resolve` or `dns` in the line hosts of /etc/nsswitch.conf, and "
                            "nameserver 127.0.0.53 in /etc/resolv.conf");
    } else {
        doctor_why(list, "whoever answers look-ups here does not ask the gateway");
        doctor_advise(list, ADVICE_SETUP);
    }
}

static void find_resolving(json_t *list, const struct name_facts *f, const json_t *report)
{
    char text[ADDR_TEXT_MAX], other[ADDR_TEXT_MAX];
    const struct addr own = address_of(&f->gateway);

    if (addr_is_none(&own)) {
        doctor_add(list, "problem", "names", "the gateway's own DNS server does not answer");
        doctor_why(list, "it was asked for %s", f->name);
        doctor_advise(list, "look at [dns] listen in overlay.conf, and at overlay log");
    } else if (f->system_err == 0 && same(&own, &f->system)) {
        doctor_add(list, "ok", "names", "names in .%s resolve in every program: %s is %s",
                   f->suffix, f->name, addr_print_ip(&own, text));
    } else if (f->system_err == 0) {
        doctor_add(list, "problem", "names", "%s is %s for programs, and %s for the gateway",
                   f->name, addr_print_ip(&f->system, other), addr_print_ip(&own, text));
        doctor_why(list, "another name server, or /etc/hosts, knows names in .%s too", f->suffix);
        doctor_advise(list, "take it out there, or set another suffix in [dns]");
    } else if (is_active(report) || f->has_journal) {
        find_unresolved(list, f);
    } else {
        doctor_add(list, "ok", "names",
                   "names in .%s work in browsers by the proxy, not yet in every program",
                   f->suffix);
        doctor_advise(list, ADVICE_SETUP ", once, for http://%s/ everywhere", f->name);
    }
}

static void find_stub(json_t *list, const struct name_facts *f, const json_t *report)
{
    const struct addr own = address_of(&f->gateway), stub = address_of(&f->stub);

    if (!f->stub.asked || !is_active(report) || f->system_err != 0)
        return;
    if (same(&own, &stub)) {
        doctor_add(list, "ok", "names", "systemd-resolved at 127.0.0.53 asks the gateway");
        return;
    }
    doctor_add(list, "note", "names", "systemd-resolved at 127.0.0.53 does not know %s", f->name);
    doctor_why(list, "%s",
               wants_signatures(f) ? "it demands signatures (DNSSEC), which nobody makes here"
                                   : "nobody told it: containers and browsers may ask it alone");
    doctor_advise(list, ADVICE_SETUP);
}

static void find_clash(json_t *list, const struct name_facts *f)
{
    if (!f->domain.asked || f->domain.err != 0 || f->domain.reply.rcode != 0 ||
        f->domain.reply.answers == 0)
        return;
    doctor_add(list, "note", "names", "the internet has a domain .%s too", f->suffix);
    doctor_why(list, "the name server %s knows it; its names are not reached from here",
               f->upstream);
    doctor_advise(list, "set another suffix in [dns]: one that nobody registers, as home.arpa");
}

/* ---- setup ---- */

static void find_left_over(json_t *list, const struct name_facts *f)
{
    const char *what = f->link ? "the device " SETUP_LINK : f->folder ? SETUP_FOLDER : NULL;

    if (f->has_journal && !f->journal.complete) {
        doctor_add(list, "problem", "setup", "a setup was interrupted half-way");
        doctor_advise(list, "sudo overlay unsetup, and then " ADVICE_SETUP);
    } else if (!f->has_journal && what) {
        doctor_add(list, "problem", "setup", "something of a setup was left: %s", what);
        doctor_advise(list, "sudo overlay unsetup");
    }
}

static void find_inactive(json_t *list, const struct name_facts *f, const json_t *report)
{
    if (!f->has_journal || !f->journal.complete)
        return;
    if (strcmp(f->journal.home, field_text(report, "home")) != 0) {
        doctor_add(list, "note", "setup", "this machine is set up for another gateway: %s of %s",
                   f->journal.home, f->journal.user);
        doctor_advise(list, "sudo overlay unsetup, and then " ADVICE_SETUP);
    } else if (!is_active(report)) {
        doctor_add(list, "problem", "setup", "the addresses of the pool have gone");
        doctor_why(list,
                   "setup made %s local, and it is no longer: the machine was started again, "
                   "or somebody removed the route",
                   f->journal.pool);
        doctor_advise(list, ADVICE_SETUP);
    }
}

static void find_module(json_t *list, const struct name_facts *f)
{
    if (!f->word || (f->module && f->names_socket))
        return;
    doctor_add(list, "note", "setup", "%s asks the module overlay, %s", "/etc/nsswitch.conf",
               f->module ? "which finds no gateway to ask" : "which is not installed");
    doctor_advise(list, "%s",
                  f->module
                      ? "is the gateway running that setup was for? else: sudo overlay unsetup"
                      : "install libnss_overlay.so.2, or: sudo overlay unsetup");
}

/* ---- ports ---- */

/** Who holds a port on every address stands in the way of listening on those of the pool. */
static void find_port(json_t *list, const struct name_port *p, bool matters)
{
    char at[ADDR_TEXT_MAX], who[96];

    for (size_t i = 0; i < p->count; i++) {
        const struct names_holder *h = &p->holders[i];
        bool wide = addr_is_unspecified(&h->at) && p->port != 53;
        if (h->pid > 0)
            (void)snprintf(who, sizeof(who), "%s (process %d)", h->program, h->pid);
        else
            (void)snprintf(who, sizeof(who), "a program of another user");
        doctor_add(list, matters && wide ? "note" : "ok", "ports",
                   "%s port %u is held by %s, on %s", p->udp ? "UDP" : "TCP", (unsigned)p->port,
                   who, addr_print(&h->at, at));
        if (matters && wide)
            doctor_advise(list, "install nftables, and then " ADVICE_SETUP
                                ": its rules lead the peers' port past it");
    }
}

static void find_conflicts(json_t *list, const json_t *report)
{
    static const char *const KEYS[] = {"conflicts", "udp_conflicts"};
    const json_t *setup = setup_of(report);
    size_t i;
    json_t *port;

    for (size_t k = 0; k < 2; k++)
        json_array_foreach(json_object_get(setup, KEYS[k]), i, port)
        {
            doctor_add(list, "note", "ports",
                       "%s port %d of the peers is held by another program of this machine",
                       k == 0 ? "TCP" : "UDP", (int)json_integer_value(port));
            doctor_advise(list, k == 0 ? "install nftables, and then " ADVICE_SETUP
                                       : "overlay open reaches it at another port");
        }
}

static void find_ports(json_t *list, const struct name_facts *f, const json_t *report)
{
    bool matters = is_active(report) && !field_flag(setup_of(report), "redirected");

    for (size_t i = 0; i < f->port_count; i++)
        find_port(list, &f->ports[i], matters);
    find_conflicts(list, report);
}

/* ---- browsers ---- */

/** The ranges that Chromium and Firefox count as public: pages from there may not call servers of
 *  this machine. Others they take for local, and let them. */
static bool counts_as_public(const struct addr_prefix *pool)
{
    static const char *const PUBLIC[] = {"198.18.0.0/15", "240.0.0.0/4"};
    struct addr_prefix p;

    for (size_t i = 0; i < sizeof(PUBLIC) / sizeof(PUBLIC[0]); i++)
        if (addr_prefix_parse(&p, PUBLIC[i]) == 0 && p.bits <= pool->bits &&
            addr_prefix_contains(&p, &pool->addr))
            return true;
    return false;
}

static void find_isolation(json_t *list, const json_t *report)
{
    struct addr_prefix pool;
    const char *text = field_text(setup_of(report), "pool");

    if (addr_prefix_parse(&pool, text) < 0)
        return;
    if (!counts_as_public(&pool)) {
        doctor_add(list, "note", "browser",
                   "pages of peers may read servers of this machine: browsers take %s for local",
                   text);
        doctor_advise(list, "[setup] pool = 198.19.0.0/16, and then " ADVICE_SETUP);
    } else if (is_active(report)) {
        doctor_add(list, "ok", "browser",
                   "browsers keep pages of peers away from servers of this machine: %s counts as "
                   "public",
                   text);
    }
}

/** What the ranges promise a page can try, in the user's own browser and by the way in use. */
static void tell_check(json_t *list, const struct name_facts *f, const json_t *report)
{
    const char *port = strrchr(f->proxy, ':');

    if (!f->has_proxy || !port)
        return;
    if (is_active(report) && field_flag(setup_of(report), "http"))
        doctor_add(list, "ok", "browser",
                   "what a peer's page may read on this machine, your browser shows at "
                   "http://localhost-check.%s/",
                   f->suffix);
    else
        doctor_add(list, "ok", "browser",
                   "what a peer's page may read on this machine, your browser shows at "
                   "http://localhost-check.%s.localhost%s/",
                   f->suffix, port);
}

static void find_pac(json_t *list, const struct name_facts *f)
{
    if (!f->has_proxy) {
        doctor_add(list, "note", "proxy", "there is no proxy for browsers");
        doctor_advise(list, "set listen in [proxy]");
    } else if (f->pac == 200) {
        doctor_add(list, "ok", "proxy", "browsers find the proxy: http://%s/proxy.pac", f->proxy);
    } else {
        doctor_add(list, "problem", "proxy", "the proxy at %s does not hand out proxy.pac",
                   f->proxy);
        if (f->pac < 0)
            doctor_why(list, "%s", strerror(-f->pac));
        else
            doctor_why(list, "it answers %d", f->pac);
        doctor_advise(list, "look at overlay log, and at [local] users in overlay.conf");
    }
}

void doctor_names(json_t *list, const struct name_facts *f, const json_t *report)
{
    find_resolving(list, f, report);
    find_stub(list, f, report);
    find_clash(list, f);
    find_left_over(list, f);
    find_inactive(list, f, report);
    find_module(list, f);
    find_ports(list, f, report);
    for (size_t i = 0; i < f->policy_count; i++)
        doctor_policy(list, &f->policies[i], f->suffix);
    find_isolation(list, report);
    tell_check(list, f, report);
    find_pac(list, f);
}
