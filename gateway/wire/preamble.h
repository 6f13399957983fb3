/**
 * How a session stream begins: what the opener wants, and the other side's answer.
 *
 * Opener:   u8 version (1), u8 kind, u8 name length, name, be16 port, be16 extension length,
 *           extension (skipped by who does not know it)
 * Acceptor: u8 status, u8 reason length, reason (UTF-8 for people, no control characters)
 *
 * The opener sends its first bytes right behind the preamble, without waiting for the answer
 * (optimistic data); the preamble itself goes out at once, because a QUIC stream is invisible to
 * the other side until a frame of it arrives. Datagrams of a PREAMBLE_UDP stream travel in QUIC
 * DATAGRAM frames whose flow id is the stream's id; the stream lives as long as the flow.
 *
 * Everything here is bounded and comes from outside: names are service names (preamble_name_ok()).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"

enum preamble_kind {
    PREAMBLE_TCP = 1,     /* a byte stream to a service */
    PREAMBLE_UDP = 2,     /* a flow of datagrams to a service */
    PREAMBLE_CONTROL = 3, /* the session's own messages (gateway/wire/message.h) */
    PREAMBLE_BENCH = 4,   /* bytes to be counted: overlay bench */
};

enum preamble_status {
    PREAMBLE_OK = 0,
    PREAMBLE_DENIED = 1,      /* also what a stranger gets, whatever it asked for */
    PREAMBLE_NO_SERVICE = 2,  /* no service of that name or port */
    PREAMBLE_REFUSED = 3,     /* the target refused the connection or cannot be reached */
    PREAMBLE_TIMED_OUT = 4,   /* the target did not answer in time */
    PREAMBLE_BUSY = 5,        /* a limit was reached: streams, descriptors, memory */
    PREAMBLE_MALFORMED = 6,   /* the preamble cannot be read */
    PREAMBLE_WRONG_PROTO = 7, /* the service exists, but not for this protocol */
};

#define PREAMBLE_NAME_MAX   32  /* characters of a service name */
#define PREAMBLE_REASON_MAX 160 /* bytes */
#define PREAMBLE_EXT_MAX    512 /* bytes; longer is malformed */
#define PREAMBLE_MAX        (3 + PREAMBLE_NAME_MAX + 4 + PREAMBLE_EXT_MAX)
#define PREAMBLE_ANSWER_MAX (2 + PREAMBLE_REASON_MAX)

struct preamble {
    enum preamble_kind kind;
    char name[PREAMBLE_NAME_MAX + 1]; /* empty: by port */
    uint16_t port;                    /* 0 when named */
};

struct preamble_answer {
    enum preamble_status status;
    char reason[PREAMBLE_REASON_MAX + 1];
};

/** 1 to 32 of a-z, 0-9 and '-', not starting or ending with '-'. */
bool preamble_name_ok(const char *name);

/** Writes a preamble. Returns its length. */
size_t preamble_write(const struct preamble *p, uint8_t out[static PREAMBLE_MAX]);
/**
 * Reads a preamble from the first bytes of a stream. Returns its length, -EAGAIN when more bytes
 * are needed (never for more than PREAMBLE_MAX), or -EBADMSG.
 */
MUST_USE int preamble_read(struct preamble *out, const uint8_t *data, size_t len);

/** Writes an answer; a reason that is too long is cut. Returns its length. */
size_t preamble_answer_write(const struct preamble_answer *a,
                             uint8_t out[static PREAMBLE_ANSWER_MAX]);
/** As preamble_read(). Control characters in the reason are replaced by '?'. */
MUST_USE int preamble_answer_read(struct preamble_answer *out, const uint8_t *data, size_t len);

/** A short sentence for people, as in "denied". */
const char *preamble_status_text(enum preamble_status status);
