/**
 * The gateway's own HTTP answers: pages that say what happened, and the proxy.pac file.
 *
 * A page says what happened, what was tried and what can be done; for a client that does not ask
 * for HTML it is plain text. Nothing of it is loaded from anywhere, nothing in it runs, and what
 * came from outside is escaped. It follows the reader's light or dark scheme.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/wire/http_head.h"

#define PAGE_MAX      8192 /* bytes of an answer, head and body */
#define PAGE_TEXT_MAX 600  /* bytes of each text that are shown */

struct page {
    unsigned status;     /* of HTTP */
    const char *title;   /* what happened, in a few words; NULL: as the status says */
    const char *text;    /* one or two sentences: what happened */
    const char *tried;   /* a sentence: what was tried; or NULL */
    const char *advice;  /* a sentence: what can be done; or NULL */
    const char *command; /* that helps; or NULL */
    const char *link;    /* where the reader may have wanted to go: "//host:port/"; or NULL */
    const char *choices; /* several such links, a space between: the reader takes one; or NULL */
    bool html;           /* the client shows HTML */
    bool close;          /* the connection ends after it */
    bool head_only;      /* the request was HEAD */
};

/** Writes a whole HTTP answer. Returns its length. */
size_t page_write(const struct page *p, char out[static PAGE_MAX]);
/** Does this client ask for HTML (Accept)? */
bool page_wants_html(const struct http_head *head);

/** The head of any answer of our own. */
struct page_head {
    unsigned status;
    const char *type;
    const char *policy;   /* Content-Security-Policy */
    const char *location; /* of a redirect, or NULL */
    size_t len;           /* of the body */
    bool endless;         /* the body ends with the connection instead */
    bool for_all;         /* a page of any site may read it */
    bool close;
};

#define PAGE_HEAD_MAX 1024
/** Writes it. Returns its length. */
size_t page_head_write(const struct page_head *h, char out[static PAGE_HEAD_MAX]);

/** Writes the answer that is /proxy.pac: names under `suffix` go to the proxy at `host` (as the
 *  request named it: "127.0.0.1:7777"). Returns its length. */
size_t pac_write(const char *suffix, const char *host, bool close, bool head_only,
                 char out[static PAGE_MAX]);
/** Writes the file alone, for `overlay proxy --print-pac`. Returns its length. */
size_t pac_file_write(const char *suffix, const char *host, char out[static PAGE_MAX]);
