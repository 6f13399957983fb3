/**
 * Writes the messages of the DNS-SD responder (gateway/discovery/dnssd.h) into its `message`.
 */
#pragma once

#include <stddef.h>

#include "gateway/discovery/dnssd_state.h"

/** Our records, as bits. */
enum dnssd_record {
    DNSSD_LISTING = 1,
    DNSSD_PTR = 2,
    DNSSD_SRV = 4,
    DNSSD_TXT = 8,
    DNSSD_ADDRESS = 16,
    DNSSD_ALL = 31,
};

/** What a message is for: it decides about TTLs and the cache-flush bit. */
enum dnssd_purpose { DNSSD_FOR_LINK, DNSSD_FOR_PROBE, DNSSD_FOR_GOODBYE, DNSSD_FOR_LEGACY };

/** An answer of `records` for an interface, with what its reader will ask for next unless it is a
 *  good-bye. Returns the length. */
size_t dnssd_write_answer(struct dnssd *d, unsigned records, unsigned ifindex,
                          enum dnssd_purpose purpose);
/** A probe for our names (RFC 6762 §8.1). Returns the length. */
size_t dnssd_write_probe(struct dnssd *d, unsigned ifindex);
/** The answer to the question in d->reply, for an asker that knows only plain DNS (§6.7). Returns
 *  the length. */
size_t dnssd_write_legacy(struct dnssd *d);
