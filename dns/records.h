/**
 * Resource records of our zone, built in memory with ldns; none of its text functions is used.
 *
 * Every function returns a new record that the caller owns (a packet that takes it frees it), or
 * NULL without memory. Names are borrowed and copied. Times to live are in seconds.
 */
#pragma once

/* <stdbool.h> stays in front: without it ldns makes bool a signed char. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ldns/ldns.h>

#define RECORD_TYPE_HTTPS 65 /* RFC 9460 §14.1 */

#define RECORD_TTL          30 /* how long a change of ours may go unseen */
#define RECORD_TTL_VOLATILE 5  /* paths and absences change at any moment */

/** A name from its uncompressed wire form, which has been checked. */
ldns_rdf *record_name(const uint8_t *wire, size_t len);

/** A (4 bytes of `ip`) or AAAA (16 bytes). */
ldns_rr *record_address(const ldns_rdf *owner, const uint8_t *ip, size_t ip_len);
/** SRV (RFC 2782) with priority and weight 0. */
ldns_rr *record_srv(const ldns_rdf *owner, uint16_t port, const ldns_rdf *target);
/** HTTPS (RFC 9460) without parameters: HTTP/1.1 over TLS at port 443 of the owner's own addresses.
 *  Who asks will use http there no more. */
ldns_rr *record_https(const ldns_rdf *owner);
/** TXT with `count` strings of at most 255 bytes, which is also where longer ones are cut. */
ldns_rr *record_txt(const ldns_rdf *owner, const char *const *strings, size_t count);
ldns_rr *record_ptr(const ldns_rdf *owner, const ldns_rdf *target);
/** The zone's SOA; its minimum is how long an absence may be remembered (RFC 2308). */
ldns_rr *record_soa(const ldns_rdf *apex);
ldns_rr *record_ns(const ldns_rdf *apex);
