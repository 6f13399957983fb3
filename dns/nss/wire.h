/**
 * What libnss_overlay asks the gateway on its names socket, and what it is told: bytes in, struct
 * out, and back. Shared by both, so it needs nothing but the C library.
 *
 *     question: 'n' or 'a'   length   a host name, or the 4 bytes of an address
 *     answer:   'y' or 'n'   time to live in seconds   number of addresses
 *               for each: 4 or 16, and its bytes       length   a host name
 * 'n' is answered by the addresses of the name, 'a' by the name of the address. Any number of
 * questions may be asked, one after another; nothing else is ever said.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NSS_NAME_MAX      253 /* characters of a host name */
#define NSS_ADDRESSES_MAX 2   /* in an answer */
#define NSS_QUESTION_MAX  (2 + NSS_NAME_MAX)
#define NSS_ANSWER_MAX    (3 + NSS_ADDRESSES_MAX * 17 + 1 + NSS_NAME_MAX)

struct nss_question {
    bool by_address;
    char name[NSS_NAME_MAX + 1]; /* as asked, any bytes but NUL */
    uint8_t ip[4];               /* by_address */
};

struct nss_answer {
    bool found;
    uint8_t ttl;
    struct nss_address {
        uint8_t len; /* 4 or 16 */
        uint8_t ip[16];
    } address[NSS_ADDRESSES_MAX];
    size_t count;
    char name[NSS_NAME_MAX + 1]; /* empty: none */
};

/* Reading returns how many bytes the message has, 0 if there is not all of it yet, or -EBADMSG.
 * Writing returns the length. */

int nss_question_read(struct nss_question *out, const uint8_t *data, size_t len);
size_t nss_question_write(const struct nss_question *q, uint8_t out[static NSS_QUESTION_MAX]);
int nss_answer_read(struct nss_answer *out, const uint8_t *data, size_t len);
size_t nss_answer_write(const struct nss_answer *a, uint8_t out[static NSS_ANSWER_MAX]);
