/**
 * What a caller tells a gateway behind a NAT in the data of a quoted Echo Request
 * (gateway/punch/pwnat.h): that it calls, and where it can be met.
 *
 *     12 nonce, 18 sealed note, 16 tag
 *
 * The note says: be64 Unix time in milliseconds, 4 address (zeros: not known), be16 port of the
 * caller's main socket, be16 port of a fresh one, 2 zeros. Note and tag are made with a key that
 * only the two gateways have; to others the notice is random bytes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"

#define ICMP_NOTICE_KEY_LEN   32
#define ICMP_NOTICE_NONCE_LEN 12
#define ICMP_NOTICE_LEN       46

struct icmp_notice {
    uint64_t time_ms;    /* Unix time */
    struct addr at;      /* the caller's public address, IPv4, and its main socket's port there;
                            0.0.0.0: it does not know the address */
    uint16_t fresh_port; /* of a socket from which nothing was sent yet, 0: there is none */
};

/** Writes a notice; its first ICMP_NOTICE_NONCE_LEN bytes are random ones of the caller's. */
void icmp_notice_write(uint8_t out[static ICMP_NOTICE_LEN], const struct icmp_notice *notice,
                       const uint8_t key[static ICMP_NOTICE_KEY_LEN]);
/** Opens a notice. Returns 0 or -EBADMSG: none, or not of this key. */
MUST_USE int icmp_notice_read(struct icmp_notice *out, const uint8_t *data, size_t len,
                              const uint8_t key[static ICMP_NOTICE_KEY_LEN]);
