/**
 * What commands need besides the node, as functions: local ports, the configuration, the end of the
 * program. main.c fills them in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/env.h"
#include "gateway/base/log_ring.h"
#include "gateway/base/pipe.h"
#include "gateway/crypto/local_ca.h"
#include "gateway/identity/peer_id.h"
#include "gateway/node/registry.h"
#include "gateway/wire/preamble.h"

/** A local port that leads to a service of a peer. */
struct control_port {
    struct peer_id peer;
    char service[PREAMBLE_NAME_MAX + 1]; /* a name, or "pNNN" for one opened by its port */
    uint16_t remote_port;                /* for one opened by its port, else 0 */
    enum service_proto proto;
    bool listening;
    struct addr listen[2]; /* where it listens; none from the end on */
    char url[256];         /* for browsers, empty: none */
};

/** A request for one. */
struct control_open {
    struct peer_id peer;
    const char *service; /* a name, or "pNNN" when opened by port */
    uint16_t remote_port;
    enum service_proto proto; /* what to listen for: TCP, UDP or both */
    bool raw;                 /* the peer says: no HTTP guard */
    const struct addr *at;    /* local address wanted, or NULL: the kept loopback port */
};

#define CONTROL_CONFLICTS_MAX 64

/** Addresses that peers have on this machine (gateway/node/pool.h). */
struct control_pool {
    struct addr_prefix range;
    bool active;     /* the range is local */
    bool http;       /* port 80 is served */
    bool redirected; /* the packet filter leads every port there to us */
    uint16_t tcp[CONTROL_CONFLICTS_MAX], udp[CONTROL_CONFLICTS_MAX]; /* that others hold */
    size_t tcp_count, udp_count;
};

struct control_services {
    struct log_ring *log; /* the last lines, for who follows them; NULL: none are kept */
    void *arg;            /* of every function below */

    /** Opens a local port and remembers it as open; doing it again changes nothing. On error
     *  (-EADDRINUSE, -EACCES, -ENOSPC, ...) nothing stays bound and `why` has a line. */
    int (*open_port)(void *arg, const struct control_open *what, struct control_port *out,
                     char *why, size_t why_len);
    /** Closes it and remembers that. -ENOENT: none is open for this service. */
    int (*close_port)(void *arg, const struct peer_id *peer, const char *service);
    /** Fills in up to `max` open ports; returns how many there are. */
    size_t (*list_ports)(void *arg, struct control_port *out, size_t max);
    /** Carries bytes both ways between a socket and a stream until both have ended; `early` are
     *  bytes read from the socket already, `id` is not 0. Takes both, also on error. */
    int (*join)(void *arg, struct sock *sock, const uint8_t *early, size_t len, struct pipe *pipe,
                uint64_t id);
    /** Whether the far side's data broke off in the join of that id, if that is still known. */
    bool (*join_broke_off)(void *arg, uint64_t id);

    /** Reads the configuration again and applies it. On error nothing changed and `why` says
     *  FILE:LINE. */
    int (*reload)(void *arg, char *why, size_t why_len);
    /** Ends the program in the ordinary way, soon. */
    void (*stop)(void *arg);

    /** Whether a service's target is one of our own doors: control socket, proxy, DNS server. NULL:
     *  there are none. */
    bool (*is_own_door)(void *arg, const struct service *s);
    /** The name of a well-known port (getservbyport), or NULL. Borrowed until the next call. */
    const char *(*port_name)(void *arg, uint16_t port, bool udp);

    /** The addresses that peers have on this machine, for status; NULL: there can be none. */
    void (*pool)(void *arg, struct control_pool *out);
    /** The address of a contact there, its port 0. False: it has none. NULL as above. */
    bool (*pool_address)(void *arg, const struct peer_id *peer, struct addr *out);

    /** Where DNS server and proxy listen, for status. Return how many, at most `max`. */
    size_t (*dns_listens)(void *arg, struct addr *out, size_t max);
    size_t (*proxy_listens)(void *arg, struct addr *out, size_t max);
    /** Writes a link to the status page by which its owner may change things there, as often as it
     *  is asked for. NULL: there is no page. */
    void (*page_link)(void *arg, char *out, size_t max);

    /** The files of the local authority have changed: https with what they are now, or no more. On
     *  error (`why` begins with the file's name) it goes on as before. */
    int (*trust_changed)(void *arg, char *why, size_t why_len);
    /** The authority in use. False: there is none, and no https. */
    bool (*trust)(void *arg, struct local_ca_facts *out);
};
