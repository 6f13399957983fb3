/**
 * What stands behind the status page: what it shows (config/control/page_view.h), what its owner
 * may have done, and the round-trip times of the last minutes.
 *
 * Times are taken every few seconds while any peer is connected, and not at all otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/control/call.h"
#include "gateway/base/attr.h"

struct page_desk;

/** `context` is borrowed for its life. */
MUST_USE int page_desk_new(struct page_desk **out, struct command_context *context);
void page_desk_free(struct page_desk *d);
/** What there is to see, as JSON on one line, which the caller frees; NULL: no memory. */
char *page_desk_show(struct page_desk *d, bool trusted);
/** Carries out a request of the owner, as config/control/protocol.h has them: invite, revoke,
 *  close, block, unblock; and {"cmd": "qr", "number": N}, a picture of an invite's ticket. Returns
 *  the answer, which the caller frees; NULL: no memory. */
char *page_desk_act(struct page_desk *d, const char *text, size_t len, bool *done);
