/**
 * Watches the answers to a request that asks for an upgrade (RFC 9110 §7.8): was it granted?
 *
 * Interim answers (100, 103) are passed over. Anything that does not start as an HTTP/1 answer does
 * is no grant.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPGRADE_STATUS_LEN 12 /* "HTTP/1.1 101" */

enum upgrade_answer { UPGRADE_UNKNOWN, UPGRADE_DONE, UPGRADE_REFUSED };

struct upgrade_watch {
    char status[UPGRADE_STATUS_LEN];
    size_t len;
    bool in_fields;  /* of an interim answer */
    bool line_empty; /* nothing but CR since the last LF */
};

void upgrade_watch_init(struct upgrade_watch *w);
/** Takes the next bytes from the server; not called again after anything but UPGRADE_UNKNOWN. */
enum upgrade_answer upgrade_watch_take(struct upgrade_watch *w, const uint8_t *data, size_t len);
