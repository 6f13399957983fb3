#include "config/control/name_facts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/fields.h"
#include "config/setup/facts.h"
#include "config/setup/nsswitch.h"
#include "gateway/base/attr.h"
#include "gateway/base/text.h"

#define QUESTION_ID 0x4f56 /* of a connected socket on this machine, asked once */

/* ---- who says what of a name ---- */

static struct name_answer ask(const struct names_host *names, const struct addr *server,
                              const char *name, uint16_t type)
{
    uint8_t query[DNS_QUESTION_MAX], answer[DNS_REPLY_MAX];
    struct name_answer a = {.asked = true, .err = -EINVAL};
    size_t len = dns_question_write(query, QUESTION_ID, name, type);

    if (len == 0)
        return a;
    a.err = names->ask(names->arg, server, query, len, answer, sizeof(answer));
    if (a.err >= 0)
        a.err = dns_reply_read(&a.reply, answer, (size_t)a.err, QUESTION_ID);
    return a;
}

static bool first_listen(const json_t *report, const char *section, struct addr *out)
{
    const json_t *list = json_object_get(json_object_get(report, section), "listen");
    const char *text = json_string_value(json_array_get(list, 0));
    return text && addr_parse(out, text) == 0;
}

/** A contact's name, or else our own id: both always answer. */
static void choose_name(struct name_facts *f, const json_t *report)
{
    const char *label = json_string_value(json_object_get(report, "id"));
    size_t i;
    json_t *peer;

    json_array_foreach(json_object_get(report, "peers"), i, peer)
    {
        const char *alias = json_string_value(json_object_get(peer, "alias"));
        if (alias) {
            label = alias;
            break;
        }
    }
    (void)snprintf(f->name, sizeof(f->name), "%.63s.%s", label ? label : "", f->suffix);
}

static void gather_answers(struct name_facts *f, const json_t *report,
                           const struct names_host *names)
{
    static const uint8_t STUB[4] = {127, 0, 0, 53};
    const struct addr stub = addr_v4(STUB, 53);
    struct names_holder holder[NAMES_HOLDERS_MAX];
    struct addr dns;

    if (first_listen(report, "dns", &dns))
        f->gateway = ask(names, &dns, f->name, DNS_TYPE_A);
    f->system_err = names->lookup(names->arg, f->name, &f->system);
    size_t count = names->holders(names->arg, 53, true, holder, NAMES_HOLDERS_MAX);
    for (size_t i = 0; i < count && !f->stub.asked; i++)
        if (addr_equal(&holder[i].at, &stub))
            f->stub = ask(names, &stub, f->name, DNS_TYPE_A);
}

/** The first name server of the network: not ourselves, and not who asks us. */
static bool find_upstream(const char *resolv_conf, struct addr *out)
{
    char word[64];

    for (const char *line = resolv_conf; *line;) {
        if (strcmp(text_word(line, 0, word, sizeof(word)), "nameserver") == 0 &&
            addr_parse_ip(out, text_word(line, 1, word, sizeof(word)), 53) == 0 &&
            !addr_is_loopback(out))
            return true;
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return false;
}

static void gather_domain(struct name_facts *f, const struct names_host *names,
                          const struct setup_host *files)
{
    auto_free char *conf = NULL;
    char text[ADDR_TEXT_MAX];
    struct addr upstream;

    if (files->read(files->arg, "/run/systemd/resolve/resolv.conf", &conf) < 0 &&
        files->read(files->arg, "/etc/resolv.conf", &conf) < 0)
        return;
    if (!find_upstream(conf, &upstream))
        return;
    (void)snprintf(f->upstream, sizeof(f->upstream), "%.63s", addr_print_ip(&upstream, text));
    f->domain = ask(names, &upstream, f->suffix, DNS_TYPE_SOA);
}

/* ---- what is in the way ---- */

static void gather_ports(struct name_facts *f, const struct names_host *names)
{
    static const struct {
        uint16_t port;
        bool udp;
    } PORTS[] = {{53, true}, {53, false}, {80, false}, {443, false}};

    for (size_t i = 0; i < sizeof(PORTS) / sizeof(PORTS[0]); i++) {
        struct name_port *p = &f->ports[f->port_count++];
        p->port = PORTS[i].port;
        p->udp = PORTS[i].udp;
        p->count = names->holders(names->arg, p->port, p->udp, p->holders, NAMES_HOLDERS_MAX);
    }
}

static void add_policy(struct name_facts *f, const struct setup_host *files, bool firefox,
                       const char *folder, const char *name, size_t len)
{
    struct name_policy *p = &f->policies[f->policy_count];

    if (f->policy_count == NAME_POLICIES_MAX)
        return;
    int n = snprintf(p->path, sizeof(p->path), "%s/%.*s", folder, (int)len, name);
    p->firefox = firefox;
    if (n < (int)sizeof(p->path) && files->read(files->arg, p->path, &p->text) == 0)
        f->policy_count++;
}

static void gather_policies(struct name_facts *f, const struct names_host *names,
                            const struct setup_host *files)
{
    static const char *const CHROMIUM[] = {"/etc/chromium/policies/managed",
                                           "/etc/opt/chrome/policies/managed",
                                           "/etc/brave/policies/managed"};
    static const char *const FIREFOX[] = {"/etc/firefox/policies", "/usr/lib/firefox/distribution",
                                          "/usr/lib/firefox-esr/distribution",
                                          "/usr/lib64/firefox/distribution",
                                          "/opt/firefox/distribution"};

    for (size_t i = 0; i < sizeof(CHROMIUM) / sizeof(CHROMIUM[0]); i++) {
        auto_free char *list = names->list(names->arg, CHROMIUM[i]);
        for (const char *at = list; at && *at;) {
            size_t len = strcspn(at, "\n");
            if (len > 5 && memcmp(at + len - 5, ".json", 5) == 0)
                add_policy(f, files, false, CHROMIUM[i], at, len);
            at += len + (at[len] == '\n');
        }
    }
    for (size_t i = 0; i < sizeof(FIREFOX) / sizeof(FIREFOX[0]); i++)
        add_policy(f, files, true, FIREFOX[i], "policies.json", strlen("policies.json"));
}

/* ---- what setup has left ---- */

static void gather_traces(struct name_facts *f, const struct setup_host *files)
{
    auto_free char *nsswitch = NULL;

    f->has_journal = journal_load(&f->journal, files) == 0;
    f->folder = files->exists(files->arg, SETUP_FOLDER);
    f->link = files->exists(files->arg, "/sys/class/net/" SETUP_LINK);
    f->names_socket = files->exists(files->arg, SETUP_NAMES);
    f->word =
        files->read(files->arg, NSSWITCH_PATH, &nsswitch) == 0 && nsswitch_has(nsswitch, "overlay");
    f->module = facts_has_module(files);
}

void name_facts_gather(struct name_facts *f, const json_t *report, const struct names_host *names,
                       const struct setup_host *files)
{
    struct addr proxy;

    *f = (struct name_facts){0};
    (void)snprintf(f->suffix, sizeof(f->suffix), "%.253s",
                   field_text(json_object_get(report, "dns"), "suffix"));
    choose_name(f, report);
    gather_answers(f, report, names);
    gather_domain(f, names, files);
    gather_ports(f, names);
    gather_policies(f, names, files);
    gather_traces(f, files);
    f->has_proxy = first_listen(report, "proxy", &proxy);
    if (f->has_proxy) {
        (void)addr_print(&proxy, f->proxy);
        f->pac = names->http_get(names->arg, &proxy, "/proxy.pac");
    }
}

void name_facts_deinit(struct name_facts *f)
{
    for (size_t i = 0; i < f->policy_count; i++)
        free(f->policies[i].text);
}
