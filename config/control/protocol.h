/**
 * The control protocol: what a request must look like, and how answers are built.
 *
 * A request is one line {"cmd": NAME, ..arguments}. It is answered by any number of
 * {"event": NAME, ..} lines and then one {"ok": true, "result": ..} or
 * {"error": text for people, "code": exit code, "hint": the next command to try, or null}.
 * Unknown commands and arguments, and arguments of the wrong type, are errors.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"

#define CONTROL_SOCKET "control.sock" /* in the home */

/** Exit codes of the program, a contract; "code" of an error is one of them. */
enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_UNKNOWN = 3,     /* no such peer or service */
    CLI_DENIED = 4,      /* or the wrong identity answered */
    CLI_UNREACHABLE = 5, /* or timed out */
};

enum protocol_type {
    PROTOCOL_STRING, /* not empty, up to PROTOCOL_STRING_MAX bytes, no control characters */
    PROTOCOL_NUMBER, /* integer, 0 .. 2^53 */
    PROTOCOL_BOOL,
    PROTOCOL_HEX,  /* bytes as hexadecimal digits, up to PROTOCOL_HEX_MAX bytes, maybe none */
    PROTOCOL_LIST, /* of strings as above, up to PROTOCOL_LIST_MAX */
};

#define PROTOCOL_STRING_MAX 1024 /* a ticket is as long as 767 */
#define PROTOCOL_LIST_MAX   4096
#define PROTOCOL_HEX_MAX    1024

/** What a command takes. A NULL name ends the list. */
struct protocol_argument {
    const char *name;
    enum protocol_type type;
    bool required;
};

/**
 * Reads a line. Returns the request, a new reference, or NULL with the error answer to give in
 * `*refusal`, a new reference too.
 */
json_t *protocol_read(const char *line, size_t len, json_t **refusal);
/** The request's command. */
const char *protocol_command(const json_t *request);
/** Judges a request's arguments. Returns NULL, or the error answer. */
json_t *protocol_check(const json_t *request, const struct protocol_argument *arguments);

/* Arguments of a checked request; what is absent is NULL, false or `standard`. */
const char *protocol_string(const json_t *request, const char *name);
bool protocol_bool(const json_t *request, const char *name);
int64_t protocol_number(const json_t *request, const char *name, int64_t standard);

/** The bytes of a PROTOCOL_HEX into `out`, which has room for `max`. Returns how many; or -ENOENT
 * if it is absent, -EMSGSIZE if there are more. */
int protocol_hex(const json_t *request, const char *name, uint8_t *out, size_t max);
/** Bytes as hexadecimal digits. A new reference. */
json_t *protocol_bytes(const uint8_t *data, size_t len);

/** {"ok": true, "result": ..}; takes `result`, NULL meaning null. */
json_t *protocol_ok(json_t *result);
/** {"error": .., "code": .., "hint": ..}; `hint` may be NULL. */
json_t *protocol_error(enum cli_exit code, const char *hint, const char *format, ...)
    PRINTF_LIKE(3, 4);
/** As it is, or null for NULL. Invalid UTF-8 is replaced. */
json_t *protocol_text(const char *text);

/** One line with its newline; the caller frees it. NULL: no memory. */
char *protocol_line(const json_t *message, size_t *len);
