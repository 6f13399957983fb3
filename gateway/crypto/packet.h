/**
 * Protection of QUIC packets under one key (RFC 9001 §5.3, §5.4): sealing, opening and the mask of
 * the header; made for speed, since every byte of every session passes here.
 *
 * AES-128-GCM comes from Intel's ipsec-mb library where that was there at build time: it uses the
 * vector AES of current processors, at a quarter of what GnuTLS takes for a packet. ChaCha20 comes
 * from libsodium and is for processors without AES. What an engine does not offer is left to the
 * TLS library's own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"

#define PACKET_NONCE_LEN  12
#define PACKET_TAG_LEN    16
#define PACKET_SAMPLE_LEN 16
#define PACKET_MASK_LEN   5

enum packet_cipher {
    PACKET_AES_128_GCM,       /* 16 bytes of key */
    PACKET_CHACHA20_POLY1305, /* 32 */
};

/** What the ciphers of one endpoint share. */
struct packet_engine;
/** A key to seal or to open with; and one for header masks. */
struct packet_key;
struct packet_mask;

/** Returns 0 or -ENOMEM. Costs milliseconds, so make it when it is needed. */
MUST_USE int packet_engine_new(struct packet_engine **out);
void packet_engine_free(struct packet_engine *e);
bool packet_engine_offers(const struct packet_engine *e, enum packet_cipher cipher);

/** Makes a key of a cipher that the engine offers; the engine must outlive it. Returns 0, -ENOMEM.
 */
MUST_USE int packet_key_new(struct packet_key **out, const struct packet_engine *e,
                            enum packet_cipher cipher, const uint8_t *key);
/** Wipes and frees it. */
void packet_key_free(struct packet_key *k);

/** One packet's nonce and header, which is authenticated beside it. */
struct packet_header {
    const uint8_t *nonce; /* PACKET_NONCE_LEN bytes */
    const uint8_t *data;
    size_t len;
};

/** Writes `len` + PACKET_TAG_LEN bytes to `out`, which may be `data`. */
void packet_seal(const struct packet_key *k, const struct packet_header *h, uint8_t *out,
                 const uint8_t *data, size_t len);
/** Opens `len` bytes, the last of which are the tag, to `out`, which may be `data`. Returns 0, or
 *  -EBADMSG: forged, and `out` holds nothing of use. */
MUST_USE int packet_open(const struct packet_key *k, const struct packet_header *h, uint8_t *out,
                         const uint8_t *data, size_t len);

MUST_USE int packet_mask_new(struct packet_mask **out, const struct packet_engine *e,
                             enum packet_cipher cipher, const uint8_t *key);
void packet_mask_free(struct packet_mask *m);
/** Writes PACKET_MASK_LEN bytes of mask for a sample of PACKET_SAMPLE_LEN. */
void packet_mask(const struct packet_mask *m, const uint8_t *sample, uint8_t *out);

/** The processor has instructions for AES. */
bool packet_has_aes(void);
