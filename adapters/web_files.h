/**
 * The files of the status page, and of adapters/check_site (adapters/web), as they are built into
 * the program.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/wire/http_head.h"

struct web_file {
    const char *path; /* "/status.css" */
    const char *type; /* Content-Type */
    const uint8_t *data;
    size_t len;
};

/** The one of this path; `path` is NULL where there is none. */
struct web_file web_file(struct http_text path);
/** The same, of the page at the reserved name. */
struct web_file web_file_of_check(struct http_text path);
