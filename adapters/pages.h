/**
 * The gateway's own HTTP answers: small pages that say what happened, and the proxy.pac file.
 *
 * Nothing of them is loaded from anywhere, nothing in them runs, and what came from outside is
 * escaped. They follow the reader's light or dark scheme.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_MAX      4096 /* bytes of an answer, head and body */
#define PAGE_TEXT_MAX 600  /* characters of text that are shown */

struct page {
    unsigned status;  /* of HTTP */
    const char *text; /* one or two sentences: what happened */
    const char *hint; /* a command that helps, or NULL */
    bool close;       /* the connection ends after it */
    bool head_only;   /* the request was HEAD */
};

/** Writes a whole HTTP answer. Returns its length. */
size_t page_write(const struct page *p, char out[static PAGE_MAX]);

/** Writes the answer that is /proxy.pac: names under `suffix` go to the proxy at `host` (as the
 *  request named it: "127.0.0.1:7777"). Returns its length. */
size_t pac_write(const char *suffix, const char *host, bool close, bool head_only,
                 char out[static PAGE_MAX]);
/** Writes the file alone, for `overlay proxy --print-pac`. Returns its length. */
size_t pac_file_write(const char *suffix, const char *host, char out[static PAGE_MAX]);
