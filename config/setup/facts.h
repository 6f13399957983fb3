/**
 * What the plan of a setup depends on: whom it is for, and what this machine has.
 *
 * facts_gather() asks the machine and changes nothing: what can only be found out by trying is
 * tried in a network namespace that ends with the try. The readers beneath are pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/setup/host.h"
#include "config/setup/journal.h"
#include "gateway/base/addr.h"

#define FACTS_TEXT 256

enum facts_nm { NM_ABSENT, NM_OTHER, NM_DNSMASQ }; /* NetworkManager, and its dns= mode */

struct setup_facts {
    /* whom it is for: filled in by the caller */
    char user[FACTS_TEXT];    /* who runs the gateway */
    char home[FACTS_TEXT];    /* of the gateway */
    char program[FACTS_TEXT]; /* this one, a path */
    struct addr_prefix pool;
    uint16_t redirect_port;
    char suffix[FACTS_TEXT];
    struct addr dns; /* where the gateway's DNS server listens */

    /* the machine */
    bool systemd;             /* it is this machine's service manager */
    unsigned systemd_version; /* 0: not known */
    bool resolved;            /* systemd-resolved is really asked */
    bool dnssec;              /* and verifies */
    enum facts_nm nm;
    bool dnsmasq;    /* one of the machine's own is asked, and reads /etc/dnsmasq.d */
    bool resolvconf; /* resolv.conf is made by resolvconf or openresolv */
    bool dummy;      /* there are dummy devices */
    bool nft;        /* with what our table needs */
    bool nss;        /* libnss_overlay.so.2 is installed */
    bool http_free, https_free;
    char *nsswitch;           /* its text, or NULL */
    char *addresses, *routes; /* as ip(8) prints them */
    bool link;                /* there is a device named as ours */
    bool set_up;              /* `journal` is that of an earlier setup */
    struct journal journal;
};

void facts_gather(struct setup_facts *f, const struct setup_host *host);
void facts_deinit(struct setup_facts *f);
/** Is libnss_overlay.so.2 where programs find it? */
bool facts_has_module(const struct setup_host *host);

/* ---- readers ---- */

/** Are these name servers systemd-resolved's stub, and nothing else? resolv.conf(5). */
bool facts_is_stub(const char *resolv_conf);
/** Are they a server on this machine, as dnsmasq? */
bool facts_is_local(const char *resolv_conf);
/** The number in "systemd 252 (252.39-1~deb12u1)"; 0: there is none. */
unsigned facts_version(const char *text);
/** The dns= of `NetworkManager --print-config`. */
enum facts_nm facts_nm_mode(const char *config);
/** Is a TCP port free of others' listeners at any address? /proc/net/tcp or tcp6. */
bool facts_port_free(const char *table, uint16_t port);
/**
 * What of this machine lies in the pool, by `ip -o -4 address` and `ip -o -4 route show table all`:
 * writes "10.0.0.2/24 of eth0" or "the route 10.0.0.0/8 dev tun0" and returns true. What setup made
 * itself does not count.
 */
bool facts_overlap(const struct addr_prefix *pool, const char *addresses, const char *routes,
                   char what[static FACTS_TEXT]);
