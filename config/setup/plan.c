#include "config/setup/plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/setup/nsswitch.h"
#include "config/setup/rules.h"
#include "config/setup/units.h"

#define DELEGATE_SINCE 258 /* systemd.dns-delegate(5) */

/* ---- building ---- */

struct builder {
    struct setup_plan *plan;
    const struct setup_facts *f;
    bool no_memory;
};

static struct setup_step *step(struct builder *b, enum trace_kind kind, const char *name,
                               const char *what)
{
    struct setup_step *s = &b->plan->steps[b->plan->count++];

    *s = (struct setup_step){.trace = {.kind = kind}, .mode = 0644};
    (void)snprintf(s->trace.name, sizeof(s->trace.name), "%s", name);
    (void)snprintf(s->what, sizeof(s->what), "%s", what);
    return s;
}

static void command(struct setup_step *s, const char *format, ...) PRINTF_LIKE(2, 3);
static void command(struct setup_step *s, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(s->commands[s->command_count++], PLAN_LINE_MAX, format, args);
    va_end(args);
}

static void note(struct builder *b, const char *format, ...) PRINTF_LIKE(2, 3);
static void note(struct builder *b, const char *format, ...)
{
    va_list args;

    if (b->plan->note_count == PLAN_NOTES_MAX)
        return;
    va_start(args, format);
    (void)vsnprintf(b->plan->notes[b->plan->note_count++], PLAN_NOTE_MAX, format, args);
    va_end(args);
}

static void own_text(struct builder *b, struct setup_step *s, char *text)
{
    s->text = text;
    b->no_memory = b->no_memory || !text;
}

static struct setup_step *file(struct builder *b, const char *path, const char *what, char *text)
{
    struct setup_step *s = step(b, TRACE_FILE, path, what);

    own_text(b, s, text);
    s->always = true; /* what is in it may be another now */
    return s;
}

/* ---- addresses ---- */

static void make_link(struct builder *b, const char *own)
{
    struct setup_step *s =
        step(b, TRACE_LINK, SETUP_LINK, "a device of its own, with the gateway's address");

    command(s, "ip link add " SETUP_LINK " type %s", b->f->dummy ? "dummy" : "bridge");
    command(s, "ip address replace %s/32 dev " SETUP_LINK, own);
    command(s, "ip link set " SETUP_LINK " up");
    s->at_boot = true;
}

static void make_route(struct builder *b)
{
    char pool[ADDR_PREFIX_TEXT_MAX];
    struct setup_step *s = step(b, TRACE_ROUTE, addr_prefix_print(&b->f->pool, pool),
                                "all addresses of the pool are this machine's");

    command(s, "ip route replace local %s dev lo proto " SETUP_PROTOCOL, pool);
    s->at_boot = true;
}

static void make_rules(struct builder *b)
{
    char what[PLAN_LINE_MAX];

    if (!b->f->nft) {
        note(b,
             "without nft the peers' ports below 1024 are out of reach, and those that programs "
             "of this machine hold%s",
             b->f->systemd ? "; 80 and 443 work where they are free" : "");
        return;
    }
    (void)snprintf(what, sizeof(what),
                   "every TCP port of the pool leads to port %u, where the gateway listens",
                   (unsigned)b->f->redirect_port);
    struct setup_step *s = step(b, TRACE_TABLE, SETUP_TABLE, what);
    own_text(b, s, rules_print(b->f));
    command(s, "nft -f -");
    s->at_boot = s->always = true;
}

static struct addr own_address(const struct addr_prefix *pool)
{
    struct addr own = pool->addr;

    own.v4.sin_addr.s_addr |= htonl(1);
    return own;
}

/* ---- names ---- */

static void tell_resolved(struct builder *b, const char *dns)
{
    struct setup_step *s =
        step(b, TRACE_RESOLVED, SETUP_LINK,
             "systemd-resolved asks the gateway for its names, and for no others");

    command(s, "resolvectl dns " SETUP_LINK " %s", dns);
    command(s, "resolvectl domain " SETUP_LINK " ~%s", b->f->suffix);
    command(s, "resolvectl default-route " SETUP_LINK " false");
    command(s, "resolvectl llmnr " SETUP_LINK " no");
    command(s, "resolvectl mdns " SETUP_LINK " no");
    /* The suffix is signed by nobody. */
    command(s, "resolvectl nta " SETUP_LINK " %s", b->f->suffix);
    s->at_boot = s->always = true;
}

static void delegate(struct builder *b, const char *dns)
{
    char *text = NULL;

    (void)step(b, TRACE_FOLDER, SETUP_DELEGATES, "");
    if (asprintf(&text, SETUP_MARK "[Delegate]\nDNS=%s\nDomains=%s\n", dns, b->f->suffix) < 0)
        text = NULL;
    command(file(b, SETUP_DELEGATE, "systemd-resolved asks the gateway for its names", text),
            "systemctl reload-or-restart systemd-resolved.service");
    if (b->f->dnssec)
        note(b,
             "DNSSEC is on: if names fail, write %s into "
             "/etc/dnssec-trust-anchors.d/overlay.negative",
             b->f->suffix);
}

static void tell_dnsmasq(struct builder *b, const char *path, const char *what, const char *reload)
{
    char dns[ADDR_TEXT_MAX], *text = NULL;

    /* Some have stop-dns-rebind, which drops answers with addresses of this machine. */
    if (asprintf(&text, SETUP_MARK "server=/%s/%s#%u\nrebind-domain-ok=/%s/\n", b->f->suffix,
                 addr_print_ip(&b->f->dns, dns), (unsigned)addr_port(&b->f->dns), b->f->suffix) < 0)
        text = NULL;
    command(file(b, path, what, text), "%s", reload);
}

static void add_word(struct builder *b)
{
    const char *text = b->f->nsswitch ? b->f->nsswitch : "";
    const struct trace mine = {TRACE_WORD, NSSWITCH_PATH};
    bool line = nsswitch_has_hosts(text);

    if (nsswitch_has(text, "overlay") && !(b->f->set_up && journal_has(&b->f->journal, &mine))) {
        note(b, "%s asks the module overlay already", NSSWITCH_PATH);
        return;
    }
    own_text(b,
             step(b, line ? TRACE_WORD : TRACE_LINE, NSSWITCH_PATH,
                  "look-ups ask the module overlay, behind the hosts file"),
             nsswitch_add(text));
}

/** The module asks about no other suffix and pool than these unless root says so: here, whoever is
 *  asked now, for programs that come with the module. Its line is the first. */
static void tell_module(struct builder *b)
{
    char pool[ADDR_PREFIX_TEXT_MAX], *text = NULL;

    (void)addr_prefix_print(&b->f->pool, pool);
    if (strcmp(b->f->suffix, "overlay") == 0 && strcmp(pool, "198.19.0.0/16") == 0)
        return;
    if (asprintf(&text, "%s %s\n" SETUP_MARK, b->f->suffix, pool) < 0)
        text = NULL;
    (void)file(b, SETUP_MODULE, "the suffix and the pool that the module overlay asks about", text);
}

/** Who is asked decides; resolv.conf is never touched. */
static int plan_names(struct builder *b, char why[static SETUP_WHY_MAX],
                      char hint[static SETUP_WHY_MAX])
{
    const struct setup_facts *f = b->f;
    char dns[ADDR_TEXT_MAX];

    (void)addr_print(&f->dns, dns);
    tell_module(b);
    if (f->resolved && f->systemd_version >= DELEGATE_SINCE)
        delegate(b, dns);
    else if (f->resolved)
        tell_resolved(b, dns);
    else if (f->nm == NM_DNSMASQ)
        tell_dnsmasq(b, SETUP_NM_DNSMASQ, "NetworkManager's dnsmasq asks the gateway for its names",
                     "nmcli general reload dns-full");
    else if (f->dnsmasq && f->systemd)
        tell_dnsmasq(b, SETUP_DNSMASQ, "dnsmasq asks the gateway for its names",
                     "systemctl restart dnsmasq.service");
    else if (f->nss)
        add_word(b);
    else {
        (void)snprintf(why, SETUP_WHY_MAX,
                       "nothing here can be told about .%s: neither systemd-resolved nor dnsmasq "
                       "answers look-ups, and the module libnss_overlay.so.2 is not installed",
                       f->suffix);
        (void)snprintf(hint, SETUP_WHY_MAX,
                       "install libnss_overlay.so.2 (it comes with overlay's own installation)");
        return -ENOENT;
    }
    if (f->resolvconf && !f->resolved)
        note(b, "resolv.conf is resolvconf's here, and stays as it is");
    return 0;
}

/* ---- units ---- */

/** `first`: units that are stopped before it, or NULL. */
static void enable(struct builder *b, const char *unit, const char *first)
{
    struct setup_step *s = step(b, TRACE_UNIT, unit, "from now on, and at each start");

    command(s, "systemctl daemon-reload");
    if (first)
        command(s, "systemctl stop%s", first);
    command(s, "systemctl --no-ask-password enable %s", unit);
    command(s, "systemctl --no-ask-password restart %s", unit);
    s->always = true;
}

struct socket_unit {
    const char *name, *what;
    char *(*print)(const struct setup_facts *f);
    bool wanted;
};

/** Held by systemd also while the gateway does not run, so that nobody else takes them; whoever
 *  connects starts it. */
static void plan_units(struct builder *b)
{
    const struct setup_facts *f = b->f;
    const struct socket_unit sockets[] = {
        {"overlay-dns.socket", "the gateway's DNS server", unit_dns_socket, true},
        {"overlay-names.socket", "what the module overlay asks", unit_names_socket, true},
        {"overlay-pool.socket", "where the rules lead to", unit_pool_socket, f->nft},
        {"overlay-http.socket", "port 80 of the pool", unit_http_socket, !f->nft && f->http_free},
        {"overlay-https.socket", "port 443 of the pool", unit_https_socket,
         !f->nft && f->https_free},
    };
    const size_t count = sizeof(sockets) / sizeof(sockets[0]);
    char path[TRACE_NAME_MAX], all[PLAN_LINE_MAX] = " overlay-gateway.service";
    const char *first = f->set_up ? all : NULL;

    for (size_t i = 0; i < count; i++) {
        (void)snprintf(path, sizeof(path), SETUP_UNITS "/%s", sockets[i].name);
        if (!sockets[i].wanted)
            continue;
        (void)file(b, path, sockets[i].what, sockets[i].print(f));
        (void)snprintf(all + strlen(all), sizeof(all) - strlen(all), " %s", sockets[i].name);
    }
    (void)file(b, SETUP_UNITS "/overlay-gateway.service", "the gateway, as its user",
               unit_gateway(f));
    for (size_t i = 0; i < count; i++) {
        if (!sockets[i].wanted)
            continue;
        /* Sockets cannot be opened again while the gateway has them, and one starts it. */
        enable(b, sockets[i].name, first);
        first = NULL;
    }
    enable(b, "overlay-gateway.service", NULL);
}

/** What is made again at each start. It is written last, when all of that is known to work. */
static void plan_boot(struct builder *b)
{
    const struct setup_facts *f = b->f;

    if (f->nft)
        (void)file(b, SETUP_RULES, "the rules, for each start", rules_print(f));
    char *text = unit_setup(b->plan, f);
    (void)file(b, SETUP_UNITS "/overlay-setup.service", "all of that again at each start", text);
    enable(b, "overlay-setup.service", NULL);
}

/* ---- may it be done? ---- */

static int check_pool(const struct setup_facts *f, char why[static SETUP_WHY_MAX],
                      char hint[static SETUP_WHY_MAX])
{
    char pool[ADDR_PREFIX_TEXT_MAX], what[FACTS_TEXT];

    (void)addr_prefix_print(&f->pool, pool);
    (void)snprintf(hint, SETUP_WHY_MAX, "write another range into overlay.conf: [setup] pool = ..");
    if (addr_is_v6(&f->pool.addr) || f->pool.bits < 8 || f->pool.bits > 24 ||
        !addr_prefix_is_exact(&f->pool) || addr_is_loopback(&f->pool.addr) ||
        addr_is_multicast(&f->pool.addr) || addr_is_unspecified(&f->pool.addr)) {
        (void)snprintf(why, SETUP_WHY_MAX,
                       "the pool %s is not a range of IPv4 addresses from /8 to /24, as "
                       "198.19.0.0/16",
                       pool);
        return -EINVAL;
    }
    if (!facts_overlap(&f->pool, f->addresses ? f->addresses : "", f->routes ? f->routes : "",
                       what))
        return 0;
    (void)snprintf(why, SETUP_WHY_MAX, "the pool %s is in use on this machine: %s", pool, what);
    return -EADDRINUSE;
}

static int check_earlier(const struct setup_facts *f, char why[static SETUP_WHY_MAX],
                         char hint[static SETUP_WHY_MAX])
{
    char pool[ADDR_PREFIX_TEXT_MAX];
    const struct journal *j = &f->journal;

    (void)snprintf(hint, SETUP_WHY_MAX, "sudo overlay unsetup");
    if (!f->set_up && f->link) {
        (void)snprintf(why, SETUP_WHY_MAX, "there is a device " SETUP_LINK " already");
        return -EEXIST;
    }
    if (!f->set_up)
        return 0;
    if (!j->complete) {
        (void)snprintf(why, SETUP_WHY_MAX, "an earlier setup was interrupted half-way");
        return -EEXIST;
    }
    (void)addr_prefix_print(&f->pool, pool);
    if (strcmp(j->user, f->user) == 0 && strcmp(j->home, f->home) == 0 &&
        strcmp(j->pool, pool) == 0 && strcmp(j->suffix, f->suffix) == 0)
        return 0;
    (void)snprintf(why, SETUP_WHY_MAX,
                   "this machine is set up for another gateway: user %s, home %s, pool %s, "
                   "suffix %s",
                   j->user, j->home, j->pool, j->suffix);
    return -EEXIST;
}

static void make_folder(struct builder *b)
{
    struct setup_step *s =
        step(b, TRACE_FOLDER, SETUP_RUN_FOLDER, "for the socket that the module overlay asks");

    (void)snprintf(s->owner, sizeof(s->owner), "%.63s", b->f->user);
    note(b, "systemd does not run here: the device, the route and the rules do not survive a "
            "restart of the machine; run it again then");
}

int plan_make(struct setup_plan *plan, const struct setup_facts *f, char why[static SETUP_WHY_MAX],
              char hint[static SETUP_WHY_MAX])
{
    char own[ADDR_TEXT_MAX];
    struct builder b = {.plan = plan, .f = f};
    int err;

    *plan = (struct setup_plan){0};
    if ((err = check_earlier(f, why, hint)) < 0 || (err = check_pool(f, why, hint)) < 0)
        return err;
    const struct addr address = own_address(&f->pool);
    /* Addresses come last: a gateway that runs looks around when these do. */
    if (!f->systemd)
        make_folder(&b);
    make_rules(&b);
    make_route(&b);
    make_link(&b, addr_print_ip(&address, own));
    if (f->systemd)
        plan_units(&b);
    err = plan_names(&b, why, hint);
    if (err == 0 && f->systemd)
        plan_boot(&b);
    if (err == 0 && b.no_memory) {
        (void)snprintf(why, SETUP_WHY_MAX, "out of memory");
        *hint = '\0';
        return -ENOMEM;
    }
    return err;
}

void plan_deinit(struct setup_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        free(plan->steps[i].text);
    *plan = (struct setup_plan){0};
}
