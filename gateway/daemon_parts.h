/**
 * The parts of a running gateway, for the files that assemble it (daemon.c, daemon_services.c).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "adapters/browser_ports.h"
#include "adapters/browser_proxy.h"
#include "adapters/joins.h"
#include "adapters/metrics.h"
#include "adapters/pool_doors.h"
#include "adapters/server_adapter.h"
#include "config/control/page_desk.h"
#include "config/control/server.h"
#include "config/settings/settings.h"
#include "dns/server.h"
#include "gateway/daemon.h"
#include "gateway/identity/keys.h"
#include "gateway/io/jump.h"
#include "gateway/io/links.h"
#include "gateway/io/process.h"
#include "gateway/io/resolve.h"
#include "gateway/io/watchdog.h"
#include "gateway/node/names.h"
#include "gateway/node/node.h"
#include "gateway/node/pool.h"
#include "gateway/node/registry.h"

struct daemon {
    struct machine *machine;
    struct env *env;
    const struct cli_daemon *options;
    struct log_ring *log;
    struct keys keys;
    struct registry *registry;
    struct node *node;
    struct server_adapter *server;
    struct serve_resolver lookup;
    struct serve_own own;
    struct resolver *resolver; /* NULL until a name is to be looked up */
    struct local_users users;
    struct settings started; /* what it was started with, once it has read others */
    bool reread;
    struct ports *ports;
    struct joins joins;
    struct proxy *proxy;
    struct pool *pool;
    struct pool_doors *pool_doors;
    struct local_ca *authority; /* NULL: no https */
    struct dns_server *dns;
    struct control_server *control;
    struct control_services services;
    struct page_desk *page;
    struct metrics *metrics; /* NULL: nobody asked for them */
    double started_at;       /* seconds since 1970: one number for all of its life */
    struct web_source web;   /* of the status page: that desk, once it is there */
    char *control_path;
    char suffix[NAMES_SUFFIX_MAX + 1]; /* of the start: a new one needs a restart */
    struct node_watch watch;
    struct timer expire;
    struct process_signals *signals;
    struct links *links;
    struct jump *jump;
    struct watchdog *watchdog;
    bool stopping;
};

/** Who may use the local ports, by the settings. On error nothing changed. */
MUST_USE int daemon_fill_users(struct daemon *d, const struct settings *s, char *why,
                               size_t why_len);
/** Says good-bye and ends the loop, soon. */
void daemon_stop(struct daemon *d);
/** Reads the configuration file again and applies what can change while running. On error nothing
 *  changed and `why` says FILE:LINE. */
MUST_USE int daemon_reload(struct daemon *d, char *why, size_t why_len);
/** Sets the timer for services that were shared for a time. */
void daemon_watch_expiry(struct daemon *d);
/** Fills in d->lookup and d->own: names of targets, and what no service may lead to. */
void daemon_fill_doors(struct daemon *d);
/** The addresses that peers have on this machine (daemon_pool.c): first what they are, then what
 *  listens there. */
MUST_USE int daemon_start_pool(struct daemon *d, char *why, size_t why_len);
MUST_USE int daemon_open_pool(struct daemon *d, char *why, size_t why_len);
/** Does this local address lead to the peer? `arg` is the daemon. */
bool daemon_owns_port(void *arg, const struct addr *at, const struct peer_id *peer);
bool daemon_pool_address(void *arg, const struct peer_id *peer, struct addr *out);
void daemon_show_pool(void *arg, struct control_pool *out);
/** Fills in d->web. */
void daemon_fill_web(struct daemon *d);
/** What stands behind it, and the figures for Prometheus. */
MUST_USE int daemon_start_page(struct daemon *d, char *why, size_t why_len);
MUST_USE int daemon_start_metrics(struct daemon *d, char *why, size_t why_len);
/** Fills in d->services. */
void daemon_fill_services(struct daemon *d);
/** The same, what is about https. */
void daemon_fill_trust(struct daemon *d);
/** https, where the home has an authority; one that cannot be read is said and left out. */
void daemon_start_trust(struct daemon *d);
/** Is https served at port 443 of the peer's own address? `arg` is the daemon. */
bool daemon_has_https(void *arg, const struct peer_id *peer);
/** Once the proxy is gone. */
void daemon_stop_trust(struct daemon *d);
