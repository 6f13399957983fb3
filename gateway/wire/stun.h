/**
 * STUN messages (RFC 8489, with the attributes of RFC 5780, RFC 8445 and RFC 8656): reading and
 * writing, without allocating.
 *
 *     struct stun_message m;
 *     if (stun_read(&m, pkt, len) == 0 && m.class == STUN_SUCCESS)
 *         err = stun_get_address(&m, STUN_XOR_MAPPED_ADDRESS, &mapped);
 *
 *     struct stun_writer w;
 *     stun_begin(&w, out, sizeof(out), STUN_REQUEST, STUN_BINDING, id);
 *     stun_put_address(&w, STUN_XOR_MAPPED_ADDRESS, &from);
 *     stun_put_fingerprint(&w);
 *     size_t len = stun_end(&w);
 *
 * Of attributes that come more than once the first counts (RFC 8489 §14). What follows
 * MESSAGE-INTEGRITY is not listed, for nobody vouches for it, but for MESSAGE-INTEGRITY-SHA256 and
 * FINGERPRINT; a FINGERPRINT that is there must be right and last.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/bytes.h"

#define STUN_HEADER_LEN 20 /* bytes */
#define STUN_ID_LEN     12
#define STUN_MAX        4096 /* bytes of a message; longer ones are not ours */
#define STUN_ATTRS_MAX  32   /* attributes of a message; with more it is refused */
#define STUN_TEXT_MAX   763  /* bytes of SOFTWARE, REALM, NONCE, reasons: 127 characters */
#define STUN_KEY_MAX    32   /* bytes of a long-term key */

enum stun_class { STUN_REQUEST, STUN_INDICATION, STUN_SUCCESS, STUN_ERROR };

enum stun_method {
    STUN_BINDING = 1,
    STUN_ALLOCATE = 3,
    STUN_REFRESH = 4,
    STUN_SEND = 6,
    STUN_DATA_INDICATION = 7,
    STUN_CREATE_PERMISSION = 8,
    STUN_CHANNEL_BIND = 9,
};

/* Below 0x8000: who does not know one must not go on (RFC 8489 §14). */
enum stun_attr {
    STUN_MAPPED_ADDRESS = 0x0001,
    STUN_CHANGE_REQUEST = 0x0003,
    STUN_USERNAME = 0x0006,
    STUN_MESSAGE_INTEGRITY = 0x0008,
    STUN_ERROR_CODE = 0x0009,
    STUN_UNKNOWN_ATTRIBUTES = 0x000a,
    STUN_CHANNEL_NUMBER = 0x000c,
    STUN_LIFETIME = 0x000d,
    STUN_XOR_PEER_ADDRESS = 0x0012,
    STUN_DATA = 0x0013,
    STUN_REALM = 0x0014,
    STUN_NONCE = 0x0015,
    STUN_XOR_RELAYED_ADDRESS = 0x0016,
    STUN_REQUESTED_ADDRESS_FAMILY = 0x0017,
    STUN_EVEN_PORT = 0x0018,
    STUN_REQUESTED_TRANSPORT = 0x0019,
    STUN_DONT_FRAGMENT = 0x001a,
    STUN_MESSAGE_INTEGRITY_SHA256 = 0x001c,
    STUN_PASSWORD_ALGORITHM = 0x001d,
    STUN_USERHASH = 0x001e,
    STUN_XOR_MAPPED_ADDRESS = 0x0020,
    STUN_RESERVATION_TOKEN = 0x0022,
    STUN_PRIORITY = 0x0024,
    STUN_USE_CANDIDATE = 0x0025,
    STUN_PADDING = 0x0026,
    STUN_RESPONSE_PORT = 0x0027,
    STUN_ADDITIONAL_ADDRESS_FAMILY = 0x8000,
    STUN_ADDRESS_ERROR_CODE = 0x8001,
    STUN_PASSWORD_ALGORITHMS = 0x8002,
    STUN_ALTERNATE_DOMAIN = 0x8003,
    STUN_ICMP = 0x8004,
    STUN_SOFTWARE = 0x8022,
    STUN_ALTERNATE_SERVER = 0x8023,
    STUN_FINGERPRINT = 0x8028,
    STUN_ICE_CONTROLLED = 0x8029,
    STUN_ICE_CONTROLLING = 0x802a,
    STUN_RESPONSE_ORIGIN = 0x802b,
    STUN_OTHER_ADDRESS = 0x802c,
};

enum stun_change { STUN_CHANGE_PORT = 2, STUN_CHANGE_IP = 4 };             /* RFC 5780 §7.2 */
enum stun_algorithm { STUN_ALGORITHM_MD5 = 1, STUN_ALGORITHM_SHA256 = 2 }; /* RFC 8489 §18.5 */
enum stun_integrity { STUN_INTEGRITY_SHA1, STUN_INTEGRITY_SHA256 };

/* ---- reading ---- */

struct stun_attribute {
    uint16_t type;
    uint16_t len;        /* without padding */
    const uint8_t *data; /* in the message */
};

/** A message that was read; it borrows the bytes. */
struct stun_message {
    const uint8_t *bytes;
    size_t len;
    enum stun_class class;
    uint16_t method; /* may be none of enum stun_method */
    uint8_t id[STUN_ID_LEN];
    bool fingerprint; /* there was one, and right */
    struct stun_attribute attr[STUN_ATTRS_MAX];
    unsigned count;
};

/** Reads a message that fills `len` bytes exactly. Returns 0 or -EBADMSG. */
MUST_USE int stun_read(struct stun_message *m, const uint8_t *data, size_t len);

/**
 * How long the message is whose first bytes these are, for streams: 0 while that cannot be told
 * yet, -EBADMSG if it is no STUN message or longer than STUN_MAX.
 */
MUST_USE int stun_frame_len(const uint8_t *data, size_t len);

/** The first attribute of a type, or NULL. */
const struct stun_attribute *stun_find(const struct stun_message *m, enum stun_attr type);
static inline bool stun_has(const struct stun_message *m, enum stun_attr type)
{
    return stun_find(m, type) != NULL;
}

/* Each returns 0, -ENOENT if there is none, or -EBADMSG if it is malformed; `out` is set with 0. */
/** Addresses, disguised (XOR-) or not, as their type says. */
MUST_USE int stun_get_address(const struct stun_message *m, enum stun_attr type, struct addr *out);
MUST_USE int stun_get_u32(const struct stun_message *m, enum stun_attr type, uint32_t *out);
/** CHANNEL-NUMBER, RESPONSE-PORT: the first two of four bytes. */
MUST_USE int stun_get_u16(const struct stun_message *m, enum stun_attr type, uint16_t *out);
/** Copies a text of less than `room` bytes and a NUL; control characters become '?'. */
MUST_USE int stun_get_text(const struct stun_message *m, enum stun_attr type, char *out,
                           size_t room);
/** ERROR-CODE: 300 to 699, and its reason in `reason`, cut to fit. */
MUST_USE int stun_get_error(const struct stun_message *m, unsigned *code, char *reason,
                            size_t room);
/** Is this algorithm, without parameters, among PASSWORD-ALGORITHMS? */
bool stun_offers_algorithm(const struct stun_message *m, enum stun_algorithm algorithm);

/** Does this module know the type? */
bool stun_is_known(uint16_t type);
/** Lists types below 0x8000 that `known` (NULL: stun_is_known) denies. Returns how many, at most
 *  `max`. */
size_t stun_unknown(const struct stun_message *m, bool (*known)(uint16_t type), uint16_t *out,
                    size_t max);

/** Returns 0, -ENOENT if the message has no such MAC, or -EACCES if it is wrong. */
MUST_USE int stun_check_integrity(const struct stun_message *m, enum stun_integrity kind,
                                  const uint8_t *key, size_t key_len);

/* ---- writing ---- */

struct stun_writer {
    struct writer w;
    uint8_t *start;
};

/** Starts a message in `out`. */
void stun_begin(struct stun_writer *s, uint8_t *out, size_t room, enum stun_class class,
                uint16_t method, const uint8_t id[static STUN_ID_LEN]);
void stun_put(struct stun_writer *s, enum stun_attr type, const void *data, size_t len);
void stun_put_text(struct stun_writer *s, enum stun_attr type, const char *text);
void stun_put_u32(struct stun_writer *s, enum stun_attr type, uint32_t value);
/** CHANNEL-NUMBER, RESPONSE-PORT: two bytes and two of zero. */
void stun_put_u16(struct stun_writer *s, enum stun_attr type, uint16_t value);
/** Disguised (XOR-) or not, as the type says. `a` is not none. */
void stun_put_address(struct stun_writer *s, enum stun_attr type, const struct addr *a);
void stun_put_error(struct stun_writer *s, unsigned code, const char *reason);
void stun_put_unknown(struct stun_writer *s, const uint16_t *types, size_t count);
/** A MAC over all that was put so far. */
void stun_put_integrity(struct stun_writer *s, enum stun_integrity kind, const uint8_t *key,
                        size_t key_len);
/** Must be the last. */
void stun_put_fingerprint(struct stun_writer *s);
/** Returns the message's length, 0 if the room did not suffice. */
size_t stun_end(struct stun_writer *s);

/* ---- long-term credentials (RFC 8489 §9.2) ---- */

/** The key of user, realm and password: 16 bytes by MD5 or 32 by SHA-256. Returns its length. */
size_t stun_long_term_key(uint8_t out[static STUN_KEY_MAX], enum stun_algorithm algorithm,
                          const char *user, const char *realm, const char *password);
/** USERHASH: SHA-256 of "user:realm". */
void stun_userhash(uint8_t out[static 32], const char *user, const char *realm);
