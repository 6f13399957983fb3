/**
 * What gateways say on a local network: beacons, answers, and signed beacons.
 *
 * A private beacon looks like random bytes to whoever has none of its keys:
 *
 *     32 nonce, n * 14 sealed note, n * 16 tag                   (n = 4, 8, 12 or 16)
 *
 * Each reader has a key of its own. Its tag is a MAC over nonce and all notes, so that nothing in
 * them can be changed, and its note is sealed with the same key. Entries nobody needs are random.
 * An answer to a question of somebody who knows no more than our id is signed, under the same
 * disguise:
 *
 *     32 nonce, 14 + 64 sealed note and Ed25519 signature, 16 tag
 *
 * The note says: be16 port, u8 flags, be32 Unix time, 3 instance, 4 echo. The first byte of each
 * nonce is one that demux() does not know. A signed beacon of a public gateway is in clear:
 *
 *     4 magic, 16 network, 52 id (z-base-32), be64 Unix time, be16 port, 3 instance, u8 flags,
 *     u8 family (4, 6), u8 prefix bits, 16 address, 64 Ed25519 signature
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"

#define BEACON_KEY_LEN      32
#define BEACON_NONCE_LEN    32
#define BEACON_ENTRIES_MAX  16
#define BEACON_MIN          152 /* bytes: 4 entries */
#define BEACON_MAX          512 /* 16 entries */
#define BEACON_SIG_LEN      64
#define BEACON_ANSWER_LEN   126
#define BEACON_SIGNED_LEN   168
#define BEACON_INSTANCE_LEN 3
#define BEACON_ECHO_LEN     4
#define BEACON_NETWORK_LEN  16
#define BEACON_ID_LEN       32

/** What an answer's signature is over, see beacon_answer_text(). */
#define BEACON_ANSWER_TEXT_LEN (20 + 2 * BEACON_NONCE_LEN + 14)
/** What a signed beacon's signature is over, see beacon_signed_text(). */
#define BEACON_SIGNED_TEXT_LEN (20 + BEACON_SIGNED_LEN - BEACON_SIG_LEN)

enum beacon_flags {
    BEACON_WANT = 1,   /* please say where you are */
    BEACON_ANSWER = 2, /* said because somebody asked: not to be answered again */
};

struct beacon_note {
    uint16_t port; /* of the sender's main UDP socket, 0: where the datagram came from */
    uint8_t flags;
    uint32_t time_s;                       /* Unix time, wraps in 2106 */
    uint8_t instance[BEACON_INSTANCE_LEN]; /* drawn at each start */
    uint8_t echo[BEACON_ECHO_LEN];         /* beacon_echo() of what is answered, else zeros */
};

/** The part of a datagram's nonce that an answer repeats. */
const uint8_t *beacon_echo(const uint8_t nonce[static BEACON_NONCE_LEN]);

/** Bytes of a beacon for `count` readers, at most BEACON_ENTRIES_MAX. */
size_t beacon_len(size_t count);
/**
 * Makes a beacon of the random bytes that the caller has filled `out` with, beacon_len(count) of
 * them; the first BEACON_NONCE_LEN become its nonce. Each of `count` readers has a key.
 */
void beacon_write(uint8_t *out, const struct beacon_note *note,
                  const uint8_t (*keys)[BEACON_KEY_LEN], size_t count);

/** A beacon as it came, borrowed from the datagram. */
struct beacon {
    const uint8_t *nonce, *notes, *tags;
    size_t count;
    uint8_t digest[32];
};

/** Returns 0, or -EBADMSG: no beacon has this length. */
MUST_USE int beacon_read(struct beacon *out, const uint8_t *data, size_t len);
/** Opens the entry for whoever has `key`. Returns 0, or -ENOENT: there is none. */
MUST_USE int beacon_open(const struct beacon *b, const uint8_t key[static BEACON_KEY_LEN],
                         struct beacon_note *note);

/** Prepares the nonce of an answer in random bytes. */
void beacon_fix_nonce(uint8_t nonce[static BEACON_NONCE_LEN]);
/** Writes what the sender of an answer signs. */
void beacon_answer_text(uint8_t out[static BEACON_ANSWER_TEXT_LEN], const uint8_t *question_nonce,
                        const uint8_t *answer_nonce, const struct beacon_note *note);
/** Writes an answer behind its nonce, which is already in `out`. */
void beacon_answer_write(uint8_t out[static BEACON_ANSWER_LEN], const struct beacon_note *note,
                         const uint8_t sig[static BEACON_SIG_LEN],
                         const uint8_t key[static BEACON_KEY_LEN]);
/** Opens an answer. Returns 0, or -EBADMSG: none, or not of this key. */
MUST_USE int beacon_answer_read(const uint8_t *data, size_t len,
                                const uint8_t key[static BEACON_KEY_LEN], struct beacon_note *note,
                                uint8_t sig[static BEACON_SIG_LEN]);

struct beacon_signed {
    uint8_t network[BEACON_NETWORK_LEN];
    uint8_t id[BEACON_ID_LEN];
    uint64_t time_s; /* Unix time */
    uint16_t port;
    uint8_t instance[BEACON_INSTANCE_LEN];
    uint8_t flags;
    struct addr_prefix prefix; /* the network it was sent into */
};

/** Writes all but the signature. */
void beacon_signed_write(uint8_t out[static BEACON_SIGNED_LEN], const struct beacon_signed *b);
/** Writes what is signed: a word of its own and the datagram before the signature. */
void beacon_signed_text(uint8_t out[static BEACON_SIGNED_TEXT_LEN],
                        const uint8_t datagram[static BEACON_SIGNED_LEN]);
/** Reads a signed beacon; the signature, its last BEACON_SIG_LEN bytes, is the caller's to check.
 *  Returns 0 or -EBADMSG. */
MUST_USE int beacon_signed_read(struct beacon_signed *out, const uint8_t *data, size_t len);
