/**
 * Control messages of a session: frames on its PREAMBLE_CONTROL stream.
 *
 * Each side opens one such stream and only writes on it; the other reads. A frame is
 *
 *     be16 type, be16 length, body
 *
 *     HELLO     be16 protocol version, 16 network, be32 features,
 *               u8 length + nickname, u8 length + software version
 *     SERVICES  be16 count, then for each: u8 proto, u8 flags, be16 port, u8 length + name
 *     PING      be32 token; the answer is PONG with the same token
 *     PONG      be32 token
 *     STILL     be64 name of a session: does the reader still have it? GONE is the answer if not
 *     GONE      be64 name of a session
 *     16..63    of other modules, as they define them: 16..31 gateway/wire/relay_message.h,
 *               32..47 gateway/wire/punch_message.h; bodies of up to MESSAGE_PART_MAX bytes
 *
 * Bytes behind what a reader knows of a body, and frames of types it does not know, are skipped.
 * HELLO is the first frame. SERVICES is the whole list, again after each change.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/wire/preamble.h"

#define MESSAGE_PROTOCOL     1 /* version that HELLO names */
#define MESSAGE_HEADER       4 /* bytes */
#define MESSAGE_BODY_MAX     65535
#define MESSAGE_SERVICES_MAX 256
#define MESSAGE_NETWORK_LEN  16
#define MESSAGE_NICKNAME_MAX 32 /* a DNS label as preamble_name_ok() wants it, or empty */
#define MESSAGE_VERSION_MAX  31 /* printable ASCII */
#define MESSAGE_SERVICE_MAX  (5 + PREAMBLE_NAME_MAX)
#define MESSAGE_HELLO_MAX                                                                          \
    (MESSAGE_HEADER + 2 + MESSAGE_NETWORK_LEN + 4 + 2 + MESSAGE_NICKNAME_MAX + MESSAGE_VERSION_MAX)
#define MESSAGE_SERVICES_SIZE (MESSAGE_HEADER + 2 + MESSAGE_SERVICES_MAX * MESSAGE_SERVICE_MAX)
#define MESSAGE_TOKEN_SIZE    (MESSAGE_HEADER + 4)
#define MESSAGE_SESSION_SIZE  (MESSAGE_HEADER + 8)
#define MESSAGE_PART_FIRST    16 /* types whose bodies other modules read */
#define MESSAGE_PART_LAST     63
#define MESSAGE_PART_MAX      2048 /* bytes of such a body; longer ones are skipped */

enum message_type {
    MESSAGE_UNKNOWN = 0, /* read, but of no type that we know: ignore it */
    MESSAGE_HELLO = 1,
    MESSAGE_SERVICES = 2,
    MESSAGE_PING = 3,
    MESSAGE_PONG = 4,
    MESSAGE_STILL = 5,
    MESSAGE_GONE = 6,
    MESSAGE_PART = MESSAGE_PART_FIRST, /* stands for all of its range */
};

/** The body of a frame that another module reads, borrowed. */
struct message_part {
    uint16_t type;
    const uint8_t *data;
    size_t len;
};

struct message_hello {
    uint16_t protocol;
    uint8_t network[MESSAGE_NETWORK_LEN]; /* message_network() of its name */
    uint32_t features;                    /* bits, none defined yet */
    char nickname[MESSAGE_NICKNAME_MAX + 1];
    char version[MESSAGE_VERSION_MAX + 1];
};

enum message_service_flags {
    MESSAGE_SERVICE_RAW = 1, /* no HTTP guard at the browser side */
};

struct message_service {
    char name[PREAMBLE_NAME_MAX + 1];
    uint8_t proto; /* 1 TCP, 2 UDP, 3 both: as enum service_proto */
    uint8_t flags;
    uint16_t port;
};

/** A list of services, checked, borrowed from the frame it was read from. */
struct message_services {
    const uint8_t *data;
    size_t len;
    size_t count; /* that message_services_next() will still give */
};

struct message {
    enum message_type type;
    union {
        struct message_hello hello;
        struct message_services services;
        uint32_t token;   /* PING, PONG */
        uint64_t session; /* STILL, GONE */
        struct message_part part;
    };
};

/** What stands for a network's name: the same for the same name, and all zeros for "". */
void message_network(const char *name, uint8_t out[static MESSAGE_NETWORK_LEN]);

/** Each writes one frame and returns its length. Names must be valid; see the limits above. */
size_t message_write_hello(const struct message_hello *h, uint8_t out[static MESSAGE_HELLO_MAX]);
/** `out` has room for MESSAGE_SERVICES_SIZE bytes, or for what `count` <= 256 services need. */
size_t message_write_services(const struct message_service *services, size_t count, uint8_t *out);
size_t message_write_token(enum message_type type, uint32_t token,
                           uint8_t out[static MESSAGE_TOKEN_SIZE]);
size_t message_write_session(enum message_type type, uint64_t session,
                             uint8_t out[static MESSAGE_SESSION_SIZE]);

/** Writes the frame of another module's message into `out`, which has room for MESSAGE_HEADER and
 *  the body, of at most MESSAGE_PART_MAX bytes. */
size_t message_write_part(const struct message_part *part, uint8_t *out);

/**
 * Reads the frame at the start of `data`. Returns its length, -EAGAIN when more bytes are needed
 * (never for more than MESSAGE_HEADER + MESSAGE_BODY_MAX), or -EBADMSG.
 */
MUST_USE int message_read(struct message *out, const uint8_t *data, size_t len);

/** Takes the next service of a list. False at its end. */
bool message_services_next(struct message_services *list, struct message_service *out);

/**
 * Collects frames from the pieces in which a stream brings them. Zeroed it is empty. Memory is
 * bounded by one frame; frames of unknown types are skipped without being kept.
 *
 *     while (len > 0) {
 *         int used = message_reader_take(&r, data, len);      negative: end the session
 *         data += used, len -= used;
 *         int got = message_reader_next(&r, &msg);            1: a message, 0: not yet, negative
 *     }
 */
struct message_reader {
    uint8_t *data;
    size_t len, room;
    size_t skip; /* bytes of an unknown frame still to come */
};

void message_reader_deinit(struct message_reader *r);
/** Copies what belongs to the frame at hand, never beyond it. Returns how many bytes (at least 1
 *  unless a finished frame waits in message_reader_next()), or -ENOMEM. */
MUST_USE int message_reader_take(struct message_reader *r, const uint8_t *data, size_t len);
/** Returns 1 and a message, borrowed until the next take; 0 when the frame is not whole yet; or
 *  -EBADMSG. */
MUST_USE int message_reader_next(struct message_reader *r, struct message *out);
