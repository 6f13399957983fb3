/**
 * How large the packets of a session may be on its current path.
 *
 * 1200 bytes pass everywhere. While there is much to send, larger sizes are tried by pings of that
 * size, as RFC 8899 does it: the answer proves one, and the next is tried; one that is never
 * answered, though the path lives, is left alone for ten minutes. A proven size is proved again
 * every second in which packets are on their way, since a path may become narrower without a word;
 * when that fails, packets have 1200 bytes again. Another path begins anew.
 *
 * Only straight UDP paths are tried, and only by who sends much. The answers are small, and come
 * from whoever has answered smaller pings there before: nobody can have large ones sent to others.
 *
 * Private to the path_* modules of this folder; others use gateway/transport/path_set.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/transport/path_table.h"

/** Bytes of UDP payload known to pass over the current path. */
size_t path_size_now(const struct path_set *s);
/** Much was sent since the last call. */
void path_size_busy(struct path_set *s, instant now);
/** The socket refused datagrams of `len` bytes: too large for the link. */
void path_size_refused(struct path_set *s, instant now, size_t len);
/** True if `challenge` was that of a ping of this module, which is answered hereby. */
bool path_size_answered(struct path_set *s, instant now, uint64_t challenge);
/** Writes the ping that is due, up to PROBE_MAX bytes. Returns its length, or 0. */
size_t path_size_write(struct path_set *s, instant now, uint8_t *out);
instant path_size_deadline(const struct path_set *s);
