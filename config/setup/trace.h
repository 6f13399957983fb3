/**
 * What setup leaves on a machine: each thing by its kind and its name, how to see whether it is
 * there, and how to take it away.
 *
 * Taking away is safe to repeat and touches nothing of others: files bear a mark, the route has a
 * protocol number of its own (see ip-route(8)), link, table and units have names that nobody else
 * uses.
 */
#pragma once

#include <stddef.h>

#include "config/setup/host.h"
#include "gateway/base/attr.h"

#define SETUP_LINK     "overlay0"
#define SETUP_PROTOCOL "79" /* of our route; 4 to 15 and 186 to 192 are taken by others */
#define SETUP_TABLE    "ip overlay"
#define SETUP_MARK     "# Made by `overlay setup`; `sudo overlay unsetup` removes it.\n"

#define SETUP_FOLDER     "/var/lib/overlay-setup"
#define SETUP_RUN_FOLDER "/run/overlay"
#define SETUP_NAMES      SETUP_RUN_FOLDER "/names.sock"
#define SETUP_RULES      SETUP_FOLDER "/overlay.nft"
#define SETUP_MODULE     "/etc/libnss_overlay.conf" /* see dns/nss/ask.h */
#define SETUP_UNITS      "/etc/systemd/system"
#define SETUP_DELEGATES  "/etc/systemd/dns-delegate.d"
#define SETUP_DELEGATE   SETUP_DELEGATES "/overlay.dns-delegate"
#define SETUP_NM_DNSMASQ "/etc/NetworkManager/dnsmasq.d/overlay.conf"
#define SETUP_DNSMASQ    "/etc/dnsmasq.d/overlay.conf"

enum trace_kind {
    TRACE_FOLDER,   /* a folder; it goes when it is empty */
    TRACE_LINK,     /* a device, with its addresses and what systemd-resolved was told of it */
    TRACE_ROUTE,    /* a range of addresses that are local; the name is a prefix */
    TRACE_TABLE,    /* of nft, family and name */
    TRACE_FILE,     /* a file with our mark */
    TRACE_UNIT,     /* of systemd: started, and enabled for the next start */
    TRACE_RESOLVED, /* what systemd-resolved was told of a device */
    TRACE_WORD,     /* ours in nsswitch.conf */
    TRACE_LINE,     /* NSSWITCH_LINE, where there was none */
};

#define TRACE_NAME_MAX 96

struct trace {
    enum trace_kind kind;
    char name[TRACE_NAME_MAX];
};

/** "link", "file", ... */
const char *trace_word(enum trace_kind kind);
/** Reads "link overlay0". 0 or -EINVAL. */
MUST_USE int trace_read(struct trace *out, const char *line, size_t len);

/** Is it there? What cannot be seen (no nft, no systemd) is not. */
bool trace_is_there(const struct setup_host *host, const struct trace *t);
/** Takes it away. 0 also where it was gone; else an errno and the reason. */
MUST_USE int trace_remove(const struct setup_host *host, const struct trace *t,
                          char why[static SETUP_WHY_MAX]);
/** How, in words: a command, or what is done to a file. Returns `out`. */
const char *trace_removal(const struct trace *t, char out[static 2 * TRACE_NAME_MAX]);

/** Everything that setup may have left, whoever remembers it: at most `max`, in the order in
 *  which it is taken away. Prefixes of routes are asked of the kernel. Returns how many. */
size_t trace_search(const struct setup_host *host, struct trace *out, size_t max);
