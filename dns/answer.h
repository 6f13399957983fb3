/**
 * Answers a DNS query about our suffix: bytes in, bytes out, no socket and no clock.
 *
 * Authoritative for one zone (RFC 1034, 1035, negative answers RFC 2308, EDNS0 RFC 6891, minimal
 * ANY RFC 8482, SRV RFC 2782). What the names mean comes from an answer_source. Queries are looked
 * over by dns/precheck first; ldns reads the question and writes the records.
 *
 *     NAME                 A, AAAA, TXT        a peer or a service, as the source says
 *     NAME                 HTTPS               where https is served at its address
 *     _ssh._tcp.NAME       SRV                 with the local port, if there is one
 *     the suffix itself    SOA, NS
 *     7.23.19.198.in-addr.arpa     PTR    an address of a peer, if peers have any
 * Every other type of an existing name is "no data" with the SOA, never silence: browsers ask for
 * A, AAAA and HTTPS at the same time and wait for all three.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/precheck.h"
#include "gateway/base/addr.h"
#include "gateway/base/attr.h"

#define ANSWER_UDP_MAX 1232 /* bytes; more is likely to be fragmented (DNS flag day 2020) */
#define ANSWER_TCP_MAX 65535

#define ANSWER_HOST_MAX 253 /* characters */
#define ANSWER_TEXT_MAX 4   /* strings of a TXT */

/** What a name stands for. */
struct answer_host {
    bool has_v4, has_v6;
    bool https; /* it is served at port 443 of these addresses */
    uint8_t v4[4], v6[16];
};

/** Strings of a TXT, empty from the end on. */
struct answer_text {
    char string[ANSWER_TEXT_MAX][96];
};

/** Where the host's service listens. */
struct answer_port {
    uint16_t port;
    char label[64]; /* to be put before the host's name to get the target's, or empty */
};

/** The meaning of names. `host` is lower case, with the suffix, without a final dot. */
struct answer_source {
    /** Returns 0, or -ENOENT: there is no such name. */
    int (*find_host)(void *arg, const char *host, struct answer_host *out);
    /** For an existing host. */
    void (*describe)(void *arg, const char *host, struct answer_text *out);
    /** `service` is without its underscore, for an existing host. 0 or -ENOENT: nothing there. */
    int (*find_port)(void *arg, const char *host, const char *service, bool udp,
                     struct answer_port *out);
    /** The range of addresses that we name. NULL, or returns false: none. */
    bool (*named_range)(void *arg, struct addr_prefix *out);
    /** The name of an address of that range, with the suffix. 0 or -ENOENT: it is nobody's. */
    int (*find_name)(void *arg, const uint8_t ip[static 4], char name[static ANSWER_HOST_MAX + 1]);
};

struct answer_zone {
    uint8_t apex[DNS_NAME_MAX]; /* the suffix on the wire */
    size_t apex_len;
    const struct answer_source *source;
    void *arg;      /* the source's */
    bool recursion; /* queries about other names are forwarded: sets RA */
};

/** Fills a zone for a suffix (names_suffix_ok()), lower case. `source` and `arg` are borrowed. */
void answer_zone_init(struct answer_zone *zone, const char *suffix,
                      const struct answer_source *source, void *arg);

enum answer_outcome {
    ANSWER_SILENCE, /* nothing is to be sent */
    ANSWER_READY,   /* `out` holds the answer */
    ANSWER_OUTSIDE, /* as READY (REFUSED), but it is a good query about somebody else's name */
};

/**
 * Answers `query` into `out`. `max` is how much the transport takes: ANSWER_UDP_MAX or
 * ANSWER_TCP_MAX; with `tcp` false the asker's own limit counts too and a longer answer is cut with
 * TC set. Sets `*out_len`, never above `max`, which is at least DNS_HEADER_LEN.
 */
MUST_USE enum answer_outcome answer_query(const struct answer_zone *zone, const uint8_t *query,
                                          size_t len, bool tcp, uint8_t *out, size_t max,
                                          size_t *out_len);

/** Writes an answer without records, as in SERVFAIL; returns its length. `query` passed the
 *  pre-check that `p` is from, as far as `p` says, and may be `out` itself. */
size_t answer_write_plain(const struct precheck *p, const uint8_t *query, uint16_t flags,
                          unsigned rcode, uint8_t *out, size_t max);
