/**
 * Reading multicast DNS queries, and writing records (RFC 1035 §4, RFC 6762 §18): just enough for
 * a responder. Names are kept as the wire has them without compression, in lower case.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/bytes.h"

#define MDNS_PORT          5353 /* RFC 6762 §3 */
#define MDNS_NAME_MAX      255  /* bytes, RFC 1035 §2.3.4 */
#define MDNS_QUESTIONS_MAX 32
#define MDNS_ANSWERS_MAX   64
#define MDNS_FLUSH         0x8000 /* in a record's class: the only one of its kind (§10.2) */
#define MDNS_UNICAST       0x8000 /* in a question's class: answer me alone (§5.4) */

enum mdns_type {
    MDNS_A = 1,
    MDNS_PTR = 12,
    MDNS_TXT = 16,
    MDNS_AAAA = 28,
    MDNS_SRV = 33,
    MDNS_ANY = 255,
};

struct mdns_name {
    uint8_t len; /* with the root label */
    uint8_t data[MDNS_NAME_MAX];
};

struct mdns_header {
    uint16_t id;
    bool response, truncated;
    uint16_t questions, answers;
};

struct mdns_question {
    struct mdns_name name;
    uint16_t type;
    bool unicast;
};

/** A record of the answer section that holds a name, as a PTR does. */
struct mdns_pointer {
    struct mdns_name name, target;
    uint32_t ttl;
};

/** Reads a message piece by piece. */
struct mdns_reader {
    const uint8_t *data;
    size_t len, at;
};

/** Makes a name of dotted text ("_overlay._udp.local"), which is ours and short enough. */
struct mdns_name mdns_name(const char *text);
bool mdns_name_equal(const struct mdns_name *a, const struct mdns_name *b);

/** Starts on a message. Returns 0 or -EBADMSG: no query or response with bearable counts. */
MUST_USE int mdns_begin(struct mdns_reader *r, struct mdns_header *h, const uint8_t *data,
                        size_t len);
/** Reads the next question. Classes other than IN and ANY have type 0. 0 or -EBADMSG. */
MUST_USE int mdns_read_question(struct mdns_reader *r, struct mdns_question *q);
/** Reads the next record. 1: a pointer; 0: a record of another type, skipped; or -EBADMSG. */
MUST_USE int mdns_read_pointer(struct mdns_reader *r, struct mdns_pointer *p);

/** Writes name, type, class IN with `flags`, TTL and the length of what follows. */
void mdns_write_record(struct writer *w, const struct mdns_name *name, enum mdns_type type,
                       uint16_t flags, uint32_t ttl, size_t len);
void mdns_write_question(struct writer *w, const struct mdns_name *name, enum mdns_type type,
                         uint16_t flags);
