/**
 * Looks a DNS query over before any library does: is it one plain question, and nothing else?
 *
 * Bounded by its own constants whatever the packet claims, and it follows no compression pointer: a
 * query has nothing before its question that a pointer could mean, and beside the question only an
 * OPT record is let through (RFC 6891). What passes is therefore a header, one uncompressed name of
 * at most 255 bytes, type, class, and at most one OPT whose options tile it exactly. Signed queries
 * (TSIG, SIG(0)) do not pass; ldns leaks on some of them and we have nobody to trust by them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"

#define DNS_HEADER_LEN 12
#define DNS_NAME_MAX   255  /* bytes on the wire (RFC 1035 §2.3.4) */
#define DNS_QUERY_MAX  4096 /* bytes; a longer query is malformed for us */

/** Letter case does not count in names (RFC 4343), and only that of ASCII letters exists. */
static inline uint8_t dns_lower(uint8_t c)
{
    return (uint8_t)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/** Bits of the second 16-bit word of the header (RFC 1035 §4.1.1). */
enum dns_flag {
    DNS_QR = 0x8000,
    DNS_OPCODE = 0x7800,
    DNS_AA = 0x0400,
    DNS_TC = 0x0200,
    DNS_RD = 0x0100,
    DNS_RA = 0x0080,
    DNS_RCODE = 0x000f,
};

enum precheck_verdict {
    PRECHECK_OK,
    PRECHECK_DROP,    /* too short for an answer, or an answer itself: say nothing */
    PRECHECK_FORMERR, /* answer with this code ... */
    PRECHECK_NOTIMP,
    PRECHECK_BADVERS, /* ... an EDNS version that nobody has written yet */
};

/** What is known of a query. Whatever the verdict, only what has been checked is set. */
struct precheck {
    uint16_t id, flags;
    size_t name_len;     /* of the question's name, on the wire, behind the header; 0: none */
    size_t question_len; /* name, type and class */
    uint16_t type, class;
    bool edns;
    bool dnssec_ok;
    uint16_t udp_size; /* that the asker can take; 512 without EDNS, never less */
};

/** Checks `len` bytes of query (any number, any bytes). */
MUST_USE enum precheck_verdict precheck_query(struct precheck *out, const uint8_t *query,
                                              size_t len);
