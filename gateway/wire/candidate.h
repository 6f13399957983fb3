/**
 * Where a gateway may be reached, and what its NAT does: what two gateways tell one another before
 * they punch. Terms of RFC 8445 (candidates) and RFC 4787 (NAT behaviour).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/bytes.h"
#include "gateway/base/nat_report.h"

#define CANDIDATES_MAX 32 /* of one gateway */

enum candidate_type {
    CANDIDATE_HOST = 1,       /* an address of one of its interfaces */
    CANDIDATE_REFLEXIVE = 2,  /* as a STUN server sees it */
    CANDIDATE_MAPPED = 3,     /* a port that its router forwards: PCP, NAT-PMP, UPnP */
    CANDIDATE_CONFIGURED = 4, /* a person says that this address leads to it */
    CANDIDATE_PEER = 5,       /* as a peer has seen it */
    CANDIDATE_RELAYED = 6,    /* on a TURN server: for the peer plain UDP, and yet not direct */
    CANDIDATE_TCP = 7,        /* where it connects from, to be connected to at the same moment: RFC
                                 6544's tcp-so; of no other use */
    CANDIDATE_TYPES,
};

struct candidate {
    enum candidate_type type;
    struct addr addr;
};

/** What the NAT in front of a gateway does, as far as its peers need to know it. */
struct nat_facts {
    enum nat_class class;
    int16_t delta;      /* NAT_SEQUENTIAL: from one mapping's port to the next one's */
    uint16_t span;      /* NAT_BLOCK: ports that the mappings were seen within */
    uint16_t last_port; /* NAT_SEQUENTIAL, NAT_BLOCK: of the newest mapping; 0: not known */
    uint8_t opener_ttl; /* hops that get a packet out of our NATs, but not to the other's; 0: not
                           measured */
};

static inline bool nat_facts_equal(const struct nat_facts *a, const struct nat_facts *b)
{
    return a->class == b->class && a->delta == b->delta && a->span == b->span &&
           a->last_port == b->last_port && a->opener_ttl == b->opener_ttl;
}

/** "cone", "symmetric", "symmetric_block", ... as `status` shows it. */
const char *nat_class_text(enum nat_class class);

/*
 * On the wire:
 *
 *     facts       u8 class, be16 delta, be16 span, be16 last port, u8 opener TTL
 *     candidates  u8 count, then for each: u8 type, u8 family (4, 6), be16 port, 4 or 16 address
 *
 * Candidates of a type that a reader does not know are skipped, a class that it does not know is
 * NAT_UNKNOWN.
 */
#define NAT_FACTS_LEN  8
#define CANDIDATES_LEN (1 + CANDIDATES_MAX * (2 + 2 + 16)) /* at most */

void nat_facts_write(struct writer *w, const struct nat_facts *f);
void nat_facts_read(struct reader *r, struct nat_facts *f);
/** At most CANDIDATES_MAX, none without an address. */
void candidates_write(struct writer *w, const struct candidate *list, size_t count);
/** Sets `*count`. What is malformed, more than CANDIDATES_MAX among it, fails the reader. */
void candidates_read(struct reader *r, struct candidate out[static CANDIDATES_MAX], size_t *count);
