/**
 * A DNS record put together with ldns, one piece of data after the other. NULL stands for a want
 * of memory and goes through every call, so that a chain of them needs one look at its end.
 */
#pragma once

/* <stdbool.h> stays in front: without it ldns makes bool a signed char. */
#include <stdbool.h>
#include <stdint.h>

#include <ldns/ldns.h>

/** A record of class IN without data yet, the caller's. Takes `owner`; `ttl` in seconds. */
ldns_rr *dns_record_new(ldns_rdf *owner, ldns_rr_type type, uint32_t ttl);
/** Adds `data`, which it takes, and returns the record; if it cannot, frees both and returns NULL.
 */
ldns_rr *dns_record_with(ldns_rr *rr, ldns_rdf *data);
