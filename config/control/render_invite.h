/**
 * Invites, as the command line shows them.
 */
#pragma once

#include <jansson.h>

#include "config/control/front.h"

/** `invite`: code or ticket as data, and what to do with it. */
void render_invite(const struct front *f, const json_t *result);
/** What `share` says of the invite that it made: the code is data. */
void render_share_invite(const struct front *f, const json_t *result);
/** A line of `ls`. */
void render_open_invite(const struct front *f, const json_t *invite);
/** What happens to an invite. True: it was one of these events. */
bool render_invite_event(const struct front *f, const char *name, const json_t *event);
/** What was revoked. */
void render_revoke(const struct front *f, const json_t *result);
