/**
 * One small question to an HTTP server, as the environment carries it (gateway/base/env.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HTTP_URL_MAX  255
#define HTTP_BODY_MAX 1072 /* bytes of a body, theirs and ours: what a pkarr relay has */

struct http_question {
    const char *url;     /* https://.. */
    const uint8_t *body; /* to PUT; NULL: GET */
    size_t len;
};

/** One under way. Embed one; zeroed it is idle. */
struct http_job {
    /** The end, once, never from inside the call that started it: 0 and what was answered, the body
     *  valid for the call; or an error: nothing was, or more than HTTP_BODY_MAX bytes. */
    void (*done)(struct http_job *job, int err, unsigned status, const uint8_t *body, size_t len);
    void *work; /* the environment's; NULL while idle */
};
