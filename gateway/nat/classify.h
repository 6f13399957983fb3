/**
 * Finds out what the NAT in front of us does (RFC 4787), by asking STUN servers from four sockets:
 * mapping by several servers, filtering and the way out's length by a server with two addresses
 * (RFC 5780), hairpinning by our own public address.
 *
 *     classify_init(&c, &options, now);
 *     while (classify_output(&c, now, &datagram)) send it, by that socket, with that TTL;
 *     classify_input() for what those sockets receive; again at classify_deadline(),
 *     until that is INSTANT_NEVER: then c.report is whole.
 *
 * Servers may lie. What a majority says is kept and the rest is named in the report. It owns no
 * memory. It takes at most some six seconds and 150 datagrams, to the servers given, to the other
 * address that one of them names, and to what it says is our own, unless others would be harmed.
 */
#pragma once

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/clock.h"
#include "gateway/base/exchange.h"
#include "gateway/base/nat_report.h"
#include "gateway/nat/stun_query.h"

#define CLASSIFY_SOCKETS      4 /* 0 is the one that carries sessions, the others are new */
#define CLASSIFY_ASKS_MAX     (NAT_SERVERS_MAX + 10)
#define CLASSIFY_SEED_LEN     32
#define CLASSIFY_OBSERVED_MAX 4
#define OPENER_TTL_GUESS      4 /* where it cannot be measured */

struct classify_options {
    struct addr server[NAT_SERVERS_MAX]; /* all of one family, that of the sockets */
    unsigned server_count;
    /** Where the sockets are bound; the IP may be unspecified, but then a public address of our own
     *  is not recognised. */
    struct addr local[CLASSIFY_SOCKETS];
    uint8_t seed[CLASSIFY_SEED_LEN]; /* random: transaction ids come from it */
    /** What others than STUN servers told already about the mappings of socket 0. */
    struct classify_observed {
        struct addr to, mapped;
    } observed[CLASSIFY_OBSERVED_MAX];
    unsigned observed_count;
};

struct classify_datagram {
    unsigned socket;
    struct addr to;
    int ttl; /* 0: the usual */
    size_t len;
    uint8_t data[EXCHANGE_MAX_DATAGRAM];
};

enum classify_kind {
    CLASSIFY_MAPPING,     /* socket 0 to each server */
    CLASSIFY_ALTERNATE,   /* socket 0 to a server's other port and address */
    CLASSIFY_FRESH,       /* the other sockets to one server */
    CLASSIFY_FILTER_BOTH, /* an answer from its other address and port */
    CLASSIFY_FILTER_PORT, /* an answer from its other port */
    CLASSIFY_OPENED,      /* an answer from where an opener went before */
    CLASSIFY_HAIRPIN,     /* to our own public address */
};

struct classify_ask {
    enum classify_kind kind;
    unsigned socket;
    int server;     /* index or -1 */
    unsigned order; /* of its last request among all */
    unsigned phase;
    bool unwilling; /* the server answered from its first address: it does not do such requests */
    struct stun_query query;
};

enum classify_phase { CLASSIFY_SERVERS, CLASSIFY_DETAILS, CLASSIFY_OPENER, CLASSIFY_DONE };

struct classify {
    enum classify_phase phase;
    struct classify_options options;
    instant started;
    struct classify_ask ask[CLASSIFY_ASKS_MAX];
    unsigned ask_count, ids, order;
    int helper;        /* the ask whose server has another address, or -1 */
    struct addr other; /* that address */
    unsigned opener;   /* index into the TTLs that are tried */
    bool opener_due;
    bool judged; /* the report tells class, mapping and ports; the rest may follow */
    struct nat_report report;
};

void classify_init(struct classify *c, const struct classify_options *options, instant now);
/** Socket 0 is bound to any address, and this is the one that its datagrams leave from. */
void classify_learn_local(struct classify *c, const struct addr *ip);
/** The next datagram that is due, if any. */
bool classify_output(struct classify *c, instant now, struct classify_datagram *out);
/** Takes a datagram that one of the sockets received. Returns 0, or -EBADMSG if it is none of ours.
 */
MUST_USE int classify_input(struct classify *c, instant now, unsigned socket,
                            const struct addr *from, const uint8_t *pkt, size_t len);
instant classify_deadline(const struct classify *c);
