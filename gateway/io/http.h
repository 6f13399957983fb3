/**
 * Small questions to HTTP servers, by libcurl: TLS is verified against the system's certificates,
 * nothing is followed elsewhere, and all of it ends within HTTP_WITHIN_S.
 *
 * As mail (gateway/io/mail.h) it loads libcurl when it is needed first, and runs in libuv's thread
 * pool.
 */
#pragma once

#include "gateway/base/attr.h"
#include "gateway/base/http.h"
#include "gateway/io/loop.h"

#define HTTP_WITHIN_S 10

struct io_http {
    struct io_loop *loop;
    struct curl_api *curl; /* NULL: not loaded */
    unsigned working;      /* questions that the thread pool has */
};

/* As http_ask() and http_cancel() of gateway/base/env.h. */
MUST_USE int io_http_ask(struct io_http *h, struct http_job *job, const struct http_question *q);
void io_http_cancel(struct http_job *job);
/** Waits for threads that still have some of it: all jobs are done or cancelled. */
void io_http_end(struct io_http *h);
