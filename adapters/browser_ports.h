/**
 * Local ports that lead to services of peers: 127.0.0.1:20123 here is `web` of alice there.
 *
 * Every (peer, service) keeps one port number for ever, TCP and UDP, remembered in the registry;
 * what was open is open again after a restart. A connection is checked (adapters/local_users.h),
 * gets a session to the peer if there is none, a stream, and a pump (adapters/browser_conn.h);
 * datagrams get a flow for each sender (adapters/browser_flows.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapters/local_users.h"
#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/node/node.h"
#include "gateway/node/pool.h"

#define PORTS_URL_MAX 256

struct ports;

struct ports_options {
    struct node *node;
    const struct local_users *users; /* borrowed; may change while the gateway runs */
    const char *suffix;              /* borrowed: "overlay" */
};

/** What to open. */
struct ports_request {
    struct peer_id peer;
    const char *service;      /* a name, or "pNNN" when opened by port */
    uint16_t remote_port;     /* for one opened by port, else 0 */
    enum service_proto proto; /* what to listen for; what listens already stays */
    bool raw;                 /* the peer said: no HTTP guard */
    const struct addr *at;    /* a loopback address wanted (port 0: the kept number), or NULL */
};

/** One local port as people see it. */
struct ports_view {
    struct peer_id peer;
    char service[PREAMBLE_NAME_MAX + 1];
    uint16_t remote_port;
    enum service_proto proto;
    bool listening; /* false: somebody else holds the port just now; tried again every 5 s */
    struct addr listen;
    char url[PORTS_URL_MAX]; /* through the proxy, for TCP; empty: none */
    uint64_t connections, to_far, from_far;
};

MUST_USE int ports_new(struct ports **out, const struct ports_options *options);
/** Closes everything with resets; what was open stays remembered as such. */
void ports_free(struct ports *p);
/** Opens again every port that the registry remembers as open. */
void ports_restore(struct ports *p);
/** Where the proxy listens, for the URLs; 0: there is none. */
void ports_set_proxy_port(struct ports *p, uint16_t port);
/** Addresses that peers have besides (borrowed): their URLs are shown instead once there are any.
 */
void ports_set_pool(struct ports *p, const struct pool *pool);
/** Is https served at such an address of a peer? Then the URLs there say so. */
void ports_set_https(struct ports *p, bool (*https)(void *arg, const struct peer_id *peer),
                     void *arg);

/**
 * Opens a local port and remembers it. Opening an open one again changes nothing, other than
 * another `at` or more protocols. On error all is as it was, bound and remembered, and `why`
 * has a line for people: -EADDRINUSE (`at` is taken), -EACCES (a port below 1024), -EPERM (`at` is
 * no loopback address), -ENOSPC, -ENOMEM, or what saving said.
 */
MUST_USE int ports_open(struct ports *p, const struct ports_request *what, struct ports_view *out,
                        char *why, size_t why_len);
/** Closes one, resets its connections, and remembers that it is closed. -ENOENT, or what saving
 *  said: then it stays open. */
MUST_USE int ports_close(struct ports *p, const struct peer_id *peer, const char *service);
/** Fills in up to `max`, in the order of opening; returns how many there are. */
size_t ports_list(struct ports *p, struct ports_view *out, size_t max);
/** Does this loopback address, with its port, lead to a service of `peer`? */
bool ports_belongs_to(const struct ports *p, const struct addr *at, const struct peer_id *peer);
