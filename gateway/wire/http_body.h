/**
 * Where the body of an HTTP/1 message ends (RFC 9112 §6 and §7), found while its bytes pass by.
 *
 * Nothing is kept or copied, and bytes inside a body of known length or inside a chunk are not
 * looked at. A request whose length could be read in two ways is a fault.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/wire/http_head.h"

#define HTTP_CHUNK_LINE_MAX 4096        /* bytes of a chunk's size line */
#define HTTP_TRAILERS_MAX   (16 * 1024) /* bytes of all trailer fields */

enum http_body_kind {
    HTTP_BODY_NONE,
    HTTP_BODY_LENGTH,
    HTTP_BODY_CHUNKED,
    HTTP_BODY_TO_END, /* of the connection; responses only */
};

struct http_body {
    enum http_body_kind kind;
    uint8_t state; /* of a chunked one */
    bool done;     /* all of it has passed */
    bool strict;   /* of a request: chunk extensions and trailers follow the grammar */
    bool bare;     /* the caller's wish: fields behind a chunked one (trailers) are a fault */
    uint32_t line; /* bytes of the size line, or of the trailers, so far */
    uint64_t left; /* bytes still to come of the body or of this chunk */
};

/** HTTP_OK, or HTTP_BAD_LENGTH, HTTP_TWO_LENGTHS, HTTP_BAD_CODING, HTTP_UNKNOWN_CODING. */
MUST_USE enum http_fault http_body_of_request(struct http_body *b, const struct http_head *head);
/** `no_body`: of an answer to HEAD, or a success of CONNECT. */
MUST_USE enum http_fault http_body_of_response(struct http_body *b, const struct http_head *head,
                                               bool no_body);

/**
 * Takes bytes that follow the head. Sets `*used` to how many belong to the body; fewer than `len`
 * only when it is done. HTTP_OK or HTTP_BAD_CHUNK.
 */
MUST_USE enum http_fault http_body_take(struct http_body *b, const uint8_t *data, size_t len,
                                        size_t *used);
