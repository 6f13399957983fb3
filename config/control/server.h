/**
 * The control server: commands for a running gateway, over a unix socket in its home.
 *
 * One JSON object a line each way (config/control/protocol.h). The socket's mode is 0600: who can
 * open it may do everything. What the commands need besides the node (local ports, configuration,
 * the end of the program) is in struct control_services, which main.c fills in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/base/pipe.h"
#include "gateway/identity/peer_id.h"
#include "gateway/node/node.h"

#define CONTROL_SOCKET "control.sock"

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

struct control_services {
    void *arg; /* of every function below */

    /** Opens a local port and remembers it as open; doing it again changes nothing. On error
     *  (-EADDRINUSE, -EACCES, -ENOSPC, ...) nothing stays bound and `why` has a line. */
    int (*open_port)(void *arg, const struct control_open *what, struct control_port *out,
                     char *why, size_t why_len);
    /** Closes it and remembers that. -ENOENT: none is open for this service. */
    int (*close_port)(void *arg, const struct peer_id *peer, const char *service);
    /** Fills in up to `max` open ports; returns how many there are. */
    size_t (*list_ports)(void *arg, struct control_port *out, size_t max);
    /** Carries bytes both ways between a socket and a stream until both have ended; `early` are
     *  bytes read from the socket already. Takes both, also on error. */
    int (*join)(void *arg, struct sock *sock, const uint8_t *early, size_t len, struct pipe *pipe);

    /** Reads the configuration again and applies it. On error nothing changed and `why` says
     *  FILE:LINE. */
    int (*reload)(void *arg, char *why, size_t why_len);
    /** Ends the program in the ordinary way, soon. */
    void (*stop)(void *arg);

    /** The name of a well-known port (getservbyport), or NULL. Borrowed until the next call. */
    const char *(*port_name)(void *arg, uint16_t port, bool udp);

    /** Where DNS server and proxy listen, for status. Return how many, at most `max`. */
    size_t (*dns_listens)(void *arg, struct addr *out, size_t max);
    size_t (*proxy_listens)(void *arg, struct addr *out, size_t max);
};

struct control_options {
    const char *home;    /* absolute path */
    const char *version; /* of the program */
    const char *suffix;  /* of names: "overlay" */
    int pid;
};

struct control_server;

/**
 * Listens on HOME/control.sock. Everything given is borrowed for its life (the strings are copied).
 * -EADDRINUSE: another gateway answers there.
 */
MUST_USE int control_server_new(struct control_server **out, struct node *node,
                                const struct control_services *services,
                                const struct control_options *options);
/** Drops all callers, takes away services that were shared for the life of their caller. */
void control_server_free(struct control_server *s);
