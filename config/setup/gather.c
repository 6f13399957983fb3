/* Asking the machine for what the plan of a setup depends on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/setup/facts.h"
#include "config/setup/nsswitch.h"
#include "config/setup/rules.h"

static bool is_there(const struct setup_host *host, const char *path)
{
    return host->exists(host->arg, path);
}

/** NULL where there is none. */
static char *text_of(const struct setup_host *host, const char *path)
{
    char *text = NULL;
    return host->read(host->arg, path, &text) < 0 ? NULL : text;
}

/** What a tool prints; NULL where there is no such tool, or it fails. */
static char *output_of(const struct setup_host *host, const char *line)
{
    char why[SETUP_WHY_MAX], *out = NULL;
    return setup_run(host, line, NULL, &out, why) < 0 ? NULL : out;
}

bool facts_has_module(const struct setup_host *host)
{
    static const char *const FOLDERS[] = {"/usr/lib/x86_64-linux-gnu/",
                                          "/lib/x86_64-linux-gnu/",
                                          "/usr/lib/aarch64-linux-gnu/",
                                          "/lib/aarch64-linux-gnu/",
                                          "/usr/lib/riscv64-linux-gnu/",
                                          "/usr/lib64/",
                                          "/lib64/",
                                          "/usr/lib/",
                                          "/lib/",
                                          "/usr/lib/arm-linux-gnueabihf/"};
    char path[FACTS_TEXT];

    for (size_t i = 0; i < sizeof(FOLDERS) / sizeof(FOLDERS[0]); i++) {
        (void)snprintf(path, sizeof(path), "%slibnss_overlay.so.2", FOLDERS[i]);
        if (is_there(host, path))
            return true;
    }
    /* Elsewhere, where the loader looks: /usr/local/lib */
    auto_free char *cache = output_of(host, "ldconfig -p");
    return cache && strstr(cache, "libnss_overlay.so.2");
}

/** systemd-resolved counts when programs really ask it: it answers at the stub's address, which is
 *  all that resolv.conf has, or by its own NSS module. */
static void gather_resolver(struct setup_facts *f, const struct setup_host *host)
{
    auto_free char *resolv_conf = text_of(host, "/etc/resolv.conf");
    const char *servers = resolv_conf ? resolv_conf : "";
    bool asked = facts_is_stub(servers) || (f->nsswitch && nsswitch_has(f->nsswitch, "resolve"));

    f->resolved = asked && is_there(host, "/run/systemd/resolve/io.systemd.Resolve") &&
                  setup_succeeds(host, "resolvectl --no-pager status", NULL);
    if (f->resolved) {
        auto_free char *dnssec = output_of(host, "resolvectl --no-pager dnssec");
        f->dnssec = dnssec && (strstr(dnssec, ": yes") || strstr(dnssec, ": allow-downgrade"));
    }
    f->dnsmasq = facts_is_local(servers) && is_there(host, "/etc/dnsmasq.d") &&
                 (is_there(host, "/run/dnsmasq/dnsmasq.pid") || is_there(host, "/run/dnsmasq.pid"));
    f->resolvconf = is_there(host, "/sbin/resolvconf") || is_there(host, "/usr/sbin/resolvconf");
    f->nm = NM_ABSENT;
    if (is_there(host, "/run/NetworkManager")) {
        auto_free char *config = output_of(host, "NetworkManager --print-config");
        f->nm = config ? facts_nm_mode(config) : NM_OTHER;
    }
}

/** Tried where it leaves nothing behind. */
static void gather_kernel(struct setup_facts *f, const struct setup_host *host)
{
    auto_free char *rules = rules_print(f);

    f->dummy = setup_succeeds(host, "unshare -n ip link add overlay0 type dummy", NULL);
    f->nft = rules && setup_succeeds(host, "unshare -n nft -f -", rules);
    f->link = setup_succeeds(host, "ip -o link show dev " SETUP_LINK, NULL);
}

static bool port_free(const struct setup_host *host, uint16_t port)
{
    auto_free char *tcp = text_of(host, "/proc/net/tcp"), *tcp6 = text_of(host, "/proc/net/tcp6");
    return facts_port_free(tcp ? tcp : "", port) && facts_port_free(tcp6 ? tcp6 : "", port);
}

void facts_gather(struct setup_facts *f, const struct setup_host *host)
{
    f->systemd = is_there(host, "/run/systemd/system");
    auto_free char *version = output_of(host, "systemctl --version");
    f->systemd_version = version ? facts_version(version) : 0;
    f->nsswitch = text_of(host, NSSWITCH_PATH);
    gather_resolver(f, host);
    gather_kernel(f, host);
    f->nss = facts_has_module(host);
    f->http_free = port_free(host, 80);
    f->https_free = port_free(host, 443);
    f->addresses = output_of(host, "ip -o -4 address show");
    f->routes = output_of(host, "ip -o -4 route show table all");
    f->set_up = journal_load(&f->journal, host) == 0;
}

void facts_deinit(struct setup_facts *f)
{
    free(f->nsswitch);
    free(f->addresses);
    free(f->routes);
    f->nsswitch = f->addresses = f->routes = NULL;
}
