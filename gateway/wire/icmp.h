/**
 * Two messages of ICMP (RFC 792, IPv4): Echo Request, and Time Exceeded, which quotes the packet
 * that it is about.
 *
 * Both without the IP header in front, as a raw socket takes them. Of what is quoted only an Echo
 * Request is read and written: its IP header, its ICMP header and what follows.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"

#define ICMP_DATA_MAX      256 /* bytes behind an Echo Request's header that are read or written */
#define ICMP_ECHO_LEN      8   /* bytes of an Echo Request without data */
#define ICMP_EXCEEDED_LEN  36  /* of a Time Exceeded that quotes one */
#define ICMP_MESSAGE_MAX   (ICMP_EXCEEDED_LEN + ICMP_DATA_MAX)
#define ICMP_TIME_EXCEEDED 11 /* RFC 792: the type */

struct icmp_echo {
    uint16_t id, sequence;
    const uint8_t *data; /* borrowed; read: from the message */
    size_t len;          /* at most ICMP_DATA_MAX */
};

/** A Time Exceeded in transit (code 0), and the Echo Request that was on its way. */
struct icmp_exceeded {
    struct addr from, to; /* IPv4, of the quoted packet; ports do not count */
    struct icmp_echo echo;
};

/** Writes an Echo Request. Returns its length. */
size_t icmp_echo_write(uint8_t out[static ICMP_MESSAGE_MAX], const struct icmp_echo *echo);
/** Writes a Time Exceeded. Returns its length. */
size_t icmp_exceeded_write(uint8_t out[static ICMP_MESSAGE_MAX], const struct icmp_exceeded *e);
/**
 * Reads a Time Exceeded about an Echo Request. Returns 0; -EBADMSG: something else, damaged, or cut
 * short before the data; -EMSGSIZE: more data than ICMP_DATA_MAX. Of the quoted packet's data there
 * is what was quoted; its sums are not looked at, for routers and NATs need not correct them.
 */
MUST_USE int icmp_exceeded_read(struct icmp_exceeded *out, const uint8_t *data, size_t len);
/** The Internet checksum (RFC 1071); of a message with its sum in place: 0. */
uint16_t icmp_sum(const uint8_t *data, size_t len);
