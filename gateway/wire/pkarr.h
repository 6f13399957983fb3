/**
 * A gateway's record: what it says of itself to whoever knows its key, as the signed DNS packet
 * that pkarr keeps on the Mainline DHT (BEP 44 mutable item without salt) and on its HTTP relays.
 *
 * The packet is a DNS reply (RFC 1035) with answers only; every owner name ends in the key's
 * z-base-32 label:
 *
 *     _overlay.KEY       TXT   "v=1" "nick=.." "share=1" "relay=PEER_ID@HOST:PORT" ..
 *     _iroh.KEY          TXT   "addr=IP:PORT"       one RR each, only if the owner opted in
 *     SERVICE.KEY        SVCB  1 . port=N           a public TCP service (RFC 9460)
 *     _SERVICE._udp.KEY  SRV   0 0 N KEY            a public UDP service (RFC 2782)
 *
 * A relay's HTTP body is: 64 signature, be64 seq, packet. Everything read is hostile until the
 * signature was checked, and bounded after that.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"

#define PKARR_KEY_LEN      32
#define PKARR_SIG_LEN      64
#define PKARR_PACKET_MAX   996  /* bytes we write: "996:" and they make the 1,000 of BEP 44 */
#define PKARR_READ_MAX     1000 /* bytes others may have written */
#define PKARR_BODY_MAX     (PKARR_SIG_LEN + 8 + PKARR_READ_MAX)
#define PKARR_RELAYS_MAX   2
#define PKARR_ADDRS_MAX    4
#define PKARR_SERVICES_MAX 16
#define PKARR_RELAY_MAX    127 /* characters of PEER_ID@HOST:PORT */
#define PKARR_NICK_MAX     32
#define PKARR_NAME_MAX     63 /* characters of a service's name: a DNS label */

struct pkarr_service {
    char name[PKARR_NAME_MAX + 1];
    uint16_t port;
    bool tcp, udp;
};

/** What one key says. All text is visible ASCII. */
struct pkarr_record {
    uint8_t key[PKARR_KEY_LEN];
    char nick[PKARR_NICK_MAX + 1]; /* empty: none */
    size_t relays, addrs, services;
    char relay[PKARR_RELAYS_MAX][PKARR_RELAY_MAX + 1];
    struct addr addr[PKARR_ADDRS_MAX];
    struct pkarr_service service[PKARR_SERVICES_MAX];
    bool ours;   /* it has an _overlay TXT: its owner runs a gateway */
    bool shares; /* the owner wants its peers to pass it on to theirs */
};

/**
 * Writes the packet. What does not fit is left out from the end: services first, then addresses;
 * `*left_out` tells how many. Returns its length, at most PKARR_PACKET_MAX, or -ENOMEM.
 */
MUST_USE int pkarr_write(const struct pkarr_record *record, uint8_t out[static PKARR_PACKET_MAX],
                         size_t *left_out);

/**
 * Reads the packet of `key`. Records of other owners or types, and more of a kind than there is
 * room for, are skipped. Returns 0; -EBADMSG if it is no DNS reply of at most PKARR_READ_MAX bytes
 * whose parts lie within it.
 */
MUST_USE int pkarr_read(struct pkarr_record *out, const uint8_t key[static PKARR_KEY_LEN],
                        const uint8_t *packet, size_t len);

/** A relay's HTTP body in its parts, borrowed. */
struct pkarr_body {
    const uint8_t *sig; /* PKARR_SIG_LEN bytes, over BEP 44's text of seq and packet */
    uint64_t seq;       /* microseconds of Unix time */
    const uint8_t *packet;
    size_t packet_len;
};

/** Writes a body of 72 + packet_len bytes. Returns its length. */
size_t pkarr_body_write(const struct pkarr_body *body, uint8_t out[static PKARR_BODY_MAX]);
/** Takes a body apart. Returns 0 or -EBADMSG. */
MUST_USE int pkarr_body_read(struct pkarr_body *out, const uint8_t *data, size_t len);

#define PKARR_SALT_LEN 16
/** The salt under which a key's record is kept and signed in a network: none (0) in the common one,
 *  "", whose records any pkarr client reads. Returns its length. */
size_t pkarr_salt(const char *network, const uint8_t key[static PKARR_KEY_LEN],
                  uint8_t out[static PKARR_SALT_LEN]);

#define PKARR_SIGNED_MAX (PKARR_READ_MAX + 40)
/** Writes what the signature is over: BEP 44's "3:seqi..e1:v..:" text, without salt. Returns its
 *  length, or 0 if the packet is longer than PKARR_READ_MAX. */
size_t pkarr_signed_text(uint64_t seq, const uint8_t *packet, size_t len,
                         uint8_t out[static PKARR_SIGNED_MAX]);
