/**
 * Asks a STUN server, once, which address it sees us at (RFC 8489 Binding), by datagrams with their
 * repetitions or over a stream with one request.
 *
 * Several may run on one socket: each takes only the answer with its transaction id, and only from
 * the address that the answer must come from. It owns no memory.
 */
#pragma once

#include "gateway/base/addr.h"
#include "gateway/base/exchange.h"
#include "gateway/wire/stun.h"

/** Waits: `first`, twice that, ..., and after the last request `last`. */
struct stun_schedule {
    instant first, last;
    unsigned requests;
};

/** For gathering: 100, 200, 400, 800 ms, and UDP counts as blocked 3 s after the first request. */
extern const struct stun_schedule STUN_GATHER;
/** RFC 8489 §6.2.1: seven requests from 500 ms on, silent after 39.5 s. */
extern const struct stun_schedule STUN_STANDARD;
/** RFC 8489 §6.2.2: one request over a stream that repeats by itself, silent after 39.5 s. */
extern const struct stun_schedule STUN_STREAM;

enum stun_query_state {
    STUN_ASKING,
    STUN_ANSWERED, /* `mapped` is valid */
    STUN_REFUSED,  /* `code` and `reason` say why; 300: `alternate` may have the server to ask */
    STUN_SILENT,
};

/** Read the fields freely. */
struct stun_query {
    enum stun_query_state state;
    struct stun_schedule schedule;
    struct addr server; /* requests go there */
    struct addr origin; /* answers count from there only; the server unless changed after init */
    unsigned change;    /* enum stun_change bits to ask for; 0 unless changed after init */
    uint8_t id[STUN_ID_LEN];
    unsigned sent;                        /* requests so far */
    instant due;                          /* of the next one, INSTANT_NEVER once settled */
    instant asked_at;                     /* of the last one */
    struct addr mapped, other, alternate; /* OTHER-ADDRESS and ALTERNATE-SERVER: none if absent */
    instant rtt;                          /* from the last request to the answer */
    unsigned code;
    char reason[64];
};

/** Starts one whose first request is due at `now`. `id` must be unguessable and fresh. */
void stun_query_init(struct stun_query *q, const struct addr *server,
                     const struct stun_schedule *schedule, const uint8_t id[static STUN_ID_LEN],
                     instant now);
/** Writes the request due at `now`, if any. Returns its length or 0. */
size_t stun_query_output(struct stun_query *q, instant now,
                         uint8_t out[static EXCHANGE_MAX_DATAGRAM]);
/** Takes a message from an address. Returns 0, or -EBADMSG if it is none of ours, which changes
 *  nothing. */
MUST_USE int stun_query_input(struct stun_query *q, instant now, const struct addr *from,
                              const uint8_t *pkt, size_t len);

/** For a driver that hears that one server alone (gateway/base/exchange.h). */
extern const struct exchange_ops stun_query_ops;
