/**
 * Tickets as QR codes: for terminals (config/control/render_invite) and for the status page.
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/attr.h"

#define QR_WIDTH_MAX 177 /* modules a side, of the largest that there are */

struct qr {
    int width;
    unsigned char *modules; /* width * width, 1: dark */
};

/** Draws a ticket, in capitals: those are in the short alphabet of QR codes. Returns 0, -EMSGSIZE
 *  or -ENOMEM. */
MUST_USE int qr_draw(struct qr *out, const char *ticket);
void qr_deinit(struct qr *q);
/** Beyond its edges everything is light. */
bool qr_is_dark(const struct qr *q, int x, int y);
/** The dark modules as the path of an SVG picture of width x width, which the caller frees; NULL:
 *  no memory. */
char *qr_path(const struct qr *q);
