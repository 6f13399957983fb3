/**
 * KRPC, the messages of the Mainline DHT: queries, replies and errors of BEP 5, 32 (IPv6), 42 (ip),
 * 43 (ro), 44 (get, put) and 51 (sample_infohashes), as one struct that is read and written.
 *
 * Views are borrowed: from the message when read, from the caller when written; `at` NULL means
 * absent. Written as the networks's programs need it: a query's `put` names its target though
 * BEP 44 has none, `ro` goes only into queries, `ip` only where the caller gives it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"

enum {
    KRPC_ID_LEN = 20,
    KRPC_KEY_LEN = 32,
    KRPC_SIG_LEN = 64,
    KRPC_NODE4_LEN = 26, /* of `nodes`: id, address, port */
    KRPC_NODE6_LEN = 38, /* of `nodes6` */
    KRPC_T_MAX = 64,
    KRPC_VALUE_MAX = 1000, /* of `v`, bencoded (BEP 44) */
    KRPC_SALT_MAX = 64,
    KRPC_TOKEN_MAX = 64, /* longer ones are taken for no token */
    KRPC_PACKET_MAX = 1400,
};

enum krpc_kind { KRPC_QUERY, KRPC_REPLY, KRPC_ERROR };

enum krpc_method {
    KRPC_UNKNOWN,
    KRPC_PING,
    KRPC_FIND_NODE,
    KRPC_GET_PEERS,
    KRPC_ANNOUNCE_PEER,
    KRPC_GET,
    KRPC_PUT,
    KRPC_SAMPLE_INFOHASHES,
};

/** What an error says. */
enum krpc_code {
    KRPC_GENERIC = 201,
    KRPC_SERVER = 202,
    KRPC_PROTOCOL = 203, /* bad arguments, bad token */
    KRPC_NO_METHOD = 204,
    KRPC_TOO_BIG = 205,
    KRPC_BAD_SIGNATURE = 206,
    KRPC_BIG_SALT = 207,
    KRPC_CAS_MISMATCH = 301,
    KRPC_OLD_SEQ = 302,
};

enum krpc_want { KRPC_WANT_V4 = 1, KRPC_WANT_V6 = 2 };

struct krpc_bytes {
    const uint8_t *at;
    size_t len;
};

/** Zeroed but for `kind` and `t` it is a message without anything. */
struct krpc {
    enum krpc_kind kind;
    enum krpc_method method; /* of a query */
    struct krpc_bytes t, version;
    const uint8_t *id; /* KRPC_ID_LEN bytes; NULL only in errors */
    bool read_only;
    struct addr seen; /* `ip`: the address that the sender sees us at, or none */

    /* queries */
    const uint8_t *target; /* KRPC_ID_LEN bytes: `target` or `info_hash`; may be NULL in a put */
    unsigned want;         /* enum krpc_want bits; 0 when not said */
    bool implied_port;
    uint16_t port;
    bool has_cas;
    int64_t cas;
    struct krpc_bytes salt;

    /* queries and replies */
    struct krpc_bytes token;
    struct krpc_bytes value; /* `v`, as it is encoded */
    const uint8_t *key;      /* `k`, KRPC_KEY_LEN bytes */
    const uint8_t *sig;      /* KRPC_SIG_LEN bytes */
    bool has_seq;
    int64_t seq;

    /* replies */
    struct krpc_bytes nodes, nodes6; /* whole entries only */
    struct krpc_bytes values;        /* what is in the list, for krpc_next_peer() */
    struct krpc_bytes samples;       /* whole infohashes only */
    bool has_samples;                /* a reply to sample_infohashes; also with none */
    int64_t interval, num;

    /* errors */
    int64_t code;
    struct krpc_bytes text;
};

/**
 * Reads a datagram. Returns 0; -EBADMSG: not a message, no answer is due; or -EPROTO: a query whose
 * arguments are wrong: `t`, and `code` to answer with (203, 204), are valid.
 */
MUST_USE int krpc_read(struct krpc *out, const uint8_t *data, size_t len);
/** Writes a message. Returns its length, or 0 if it needs more room. */
size_t krpc_write(const struct krpc *m, uint8_t *out, size_t room);

/** The next entry of `nodes` (or, with `v6`, of `nodes6`); false at its end. */
MUST_USE bool krpc_next_node(struct krpc_bytes *in, bool v6, const uint8_t **id, struct addr *addr);
/** Writes an entry of `nodes` or `nodes6`, by the address's family. Returns its length. */
size_t krpc_put_node(uint8_t out[static KRPC_NODE6_LEN], const uint8_t id[static KRPC_ID_LEN],
                     const struct addr *addr);
/** The next peer of `values`; what is none is passed over. */
MUST_USE bool krpc_next_peer(struct krpc_bytes *in, struct addr *addr);
/** Writes an entry of `values` of at most 21 bytes. Returns its length. */
size_t krpc_put_peer(uint8_t out[static 21], const struct addr *addr);
/** 6 or 18 bytes as the address that they are; none for another length. */
struct addr krpc_compact_addr(const uint8_t *at, size_t len);
