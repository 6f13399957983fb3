/**
 * The DNS server: the gateway's names for every program of this machine, over UDP and TCP.
 *
 * Answers clients on loopback only, whatever address it listens on. What it says is dns/answer's
 * and dns/zone's business; queries about other names are refused, or forwarded where upstream
 * servers are configured.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/node/names.h"
#include "gateway/node/node.h"
#include "gateway/node/pool.h"

#define DNS_LISTEN_MAX   4
#define DNS_UPSTREAM_MAX 4

struct dns_server_options {
    struct addr listen[DNS_LISTEN_MAX]; /* none from the end on; each for UDP and TCP */
    bool listen_configured;             /* a taken port is an error, else the next one is tried */
    char suffix[NAMES_SUFFIX_MAX + 1];  /* lower case, names_suffix_ok() */
    struct addr upstream[DNS_UPSTREAM_MAX]; /* forward to these; none: refuse */
    bool loopback_v6;                       /* services listen on ::1 too: AAAA says so */
    struct pool *pool;                      /* addresses of peers, borrowed, or NULL */
    /** Is https served at port 443 of the peer's own address? NULL: nowhere. */
    bool (*https)(void *arg, const struct peer_id *peer);
    void *https_arg;
    const char *names_socket; /* dns/names_server.h; NULL or "": none */
};

struct dns_server;

/**
 * Opens the addresses and answers from then on. Keeps `n`, which must outlive it. On error
 * (-EINVAL, -EADDRINUSE, -EACCES, ...) writes a line for people to `why` and leaves nothing open.
 */
MUST_USE int dns_server_new(struct dns_server **out, struct node *n,
                            const struct dns_server_options *options, char *why, size_t why_len);
/** Writes the addresses that are bound, at most `max`. Returns how many. */
size_t dns_server_addresses(const struct dns_server *s, struct addr *out, size_t max);
/** The machine has changed: is there a folder for the socket of look-ups now? */
void dns_server_look(struct dns_server *s);
void dns_server_free(struct dns_server *s);
