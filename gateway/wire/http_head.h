/**
 * The head of an HTTP/1 message (RFC 9112): its first line and its header fields, as views into
 * the bytes it was read from.
 *
 * Requests are read as strictly as the grammar is, since two readers that disagree about a head are
 * how requests are smuggled: CRLF ends lines, no bare CR or LF, no folded lines, no space before a
 * colon, at most HTTP_FIELDS_MAX fields. Responses may end lines with a bare LF.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"

#define HTTP_FIELDS_MAX        100
#define HTTP_REQUEST_HEAD_MAX  (16 * 1024)
#define HTTP_RESPONSE_HEAD_MAX (64 * 1024)

/** What is wrong with a message; http_fault_text() tells people. */
enum http_fault {
    HTTP_OK = 0,
    HTTP_MORE, /* nothing yet: more bytes are needed */
    HTTP_BARE_CR,
    HTTP_BARE_LF,
    HTTP_FOLDED_LINE,
    HTTP_SPACE_BEFORE_COLON,
    HTTP_BAD_FIRST_LINE,
    HTTP_BAD_VERSION,
    HTTP_BAD_FIELD,
    HTTP_TOO_MANY_FIELDS,
    HTTP_TOO_LONG,
    HTTP_BAD_LENGTH,     /* Content-Length: not one number */
    HTTP_TWO_LENGTHS,    /* Content-Length beside Transfer-Encoding */
    HTTP_BAD_CODING,     /* Transfer-Encoding: not just "chunked" */
    HTTP_UNKNOWN_CODING, /* Transfer-Encoding: something else inside of "chunked" */
    HTTP_BAD_CHUNK,      /* malformed chunked body */
};

/** Text inside a message. Not closed by a NUL. */
struct http_text {
    const char *at;
    size_t len;
};

struct http_field {
    struct http_text name, value; /* value without the spaces around it */
};

struct http_head {
    struct http_text method, target; /* of a request */
    unsigned status;                 /* of a response, 100..999 */
    struct http_text reason;
    unsigned minor; /* HTTP/1.minor: 0 or 1 */
    struct http_field field[HTTP_FIELDS_MAX];
    size_t field_count;
    size_t start; /* bytes of empty lines before a request, which are skipped */
    size_t len;   /* bytes of the head, with the empty line that ends it */
};

/**
 * Reads a head from the first bytes of a message. HTTP_OK; HTTP_MORE: its end is not there yet (but
 * never for `max` bytes or more: HTTP_TOO_LONG); or what is wrong, as early as it shows.
 */
MUST_USE enum http_fault http_read_request(struct http_head *out, const void *data, size_t len,
                                           size_t max);
MUST_USE enum http_fault http_read_response(struct http_head *out, const void *data, size_t len,
                                            size_t max);

/** What to answer to a request with this fault: 400, 431 or 501. */
unsigned http_fault_status(enum http_fault fault);
/** A sentence's end for people: "has a bare CR". */
const char *http_fault_text(enum http_fault fault);

/** Equal but for the letter case of ASCII. */
bool http_text_is(struct http_text a, const char *b);
/** A comma-separated list has this element (letter case aside). */
bool http_list_has(struct http_text list, const char *element);
/** The first field of this name, or NULL; `*count` (may be NULL) is how many there are. */
const struct http_field *http_find(const struct http_head *h, const char *name, size_t *count);
/** Some field of this name has the element in its list: `Connection: keep-alive, Upgrade`. */
bool http_has_element(const struct http_head *h, const char *name, const char *element);
/** The connection may carry another message after this one (RFC 9112 §9.3). */
bool http_keeps_alive(const struct http_head *h);
/** A character of a token (RFC 9110 §5.6.2). */
bool http_is_token_char(unsigned char c);
