/**
 * What is known about the address translation (NAT, RFC 4787) between us and the internet.
 *
 * gateway/nat/classify.h measures it; it orders the strategies of connecting and never forbids one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/addr.h"

/** Chooses strategies, never forbids one. */
enum nat_class {
    NAT_UNKNOWN,
    NAT_PUBLIC,     /* P: no translation, or one that lets everybody in */
    NAT_CONE,       /* E: one port for all destinations, with filtering; or a firewall alone */
    NAT_SEQUENTIAL, /* S: a port per destination, in steps of at most four */
    NAT_BLOCK,      /* B: a port per destination, all near to one another */
    NAT_RANDOM,     /* R: a port per destination, anywhere */
    NAT_BLOCKED,    /* U: no UDP passes */
    NAT_CLASSES,
};

/** What mapping or filtering depends on (RFC 4787 §4.1 and §5). */
enum nat_rule {
    NAT_RULE_UNKNOWN,
    NAT_RULE_EI,  /* nothing: endpoint independent */
    NAT_RULE_AD,  /* the other side's address */
    NAT_RULE_APD, /* its address and port */
};

enum nat_answer { NAT_NOT_KNOWN, NAT_YES, NAT_NO };

#define NAT_SERVERS_MAX 8 /* STUN servers that are asked */

struct nat_report {
    enum nat_class class;
    enum nat_rule mapping, filtering;
    enum nat_answer hairpin;    /* does our public address work from our own network? */
    enum nat_answer preserving; /* are ports kept, inside as outside? */
    int delta;                  /* between the ports of consecutive mappings; 0: not constant */
    unsigned span;              /* from the lowest to the highest of the ports seen; 0: not known */
    uint8_t opener_ttl;         /* hops that take a packet out of our NAT, not to the other side */
    bool opener_measured;       /* else that is a guess */
    struct addr public;         /* of socket 0, as the majority of servers saw it; or none */
    uint16_t port_min, port_max; /* of the mappings that were seen, 0: none */
    uint16_t last_port;          /* of the newest of them, 0: none */
    /* Bits by the order in which the servers were given. */
    unsigned answered, refused;
    unsigned disagreeing; /* those that saw another address than the majority; all, without one */
    struct addr seen[NAT_SERVERS_MAX]; /* what each said; none for the others */
};

/** "EI", "AD", "APD" or "unknown". */
static inline const char *nat_rule_name(enum nat_rule rule)
{
    switch (rule) {
    case NAT_RULE_UNKNOWN:
        return "unknown";
    case NAT_RULE_EI:
        return "EI";
    case NAT_RULE_AD:
        return "AD";
    case NAT_RULE_APD:
        return "APD";
    }
    return "unknown";
}
