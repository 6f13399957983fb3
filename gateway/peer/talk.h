/**
 * Short things said on a stream: bytes that fit or do not, and the acceptor's answer.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/pipe.h"
#include "gateway/wire/preamble.h"

/** Writes what fits. Returns how many bytes. */
size_t talk_write(struct pipe *p, const uint8_t *data, size_t len);
/** Copies up to `max` of the received bytes and leaves them there. Returns how many. */
size_t talk_peek(struct pipe *p, uint8_t *out, size_t max);
/** Uses up everything that has been received, unread. */
void talk_discard(struct pipe *p);

/** Writes the acceptor's answer: the first thing on its side of a stream, so there is room. */
void talk_answer(struct pipe *pipe, enum preamble_status status, const char *reason);
/** Reads the answer from a stream that we opened. 0, -EAGAIN (not here yet), -EBADMSG. */
MUST_USE int talk_take_answer(struct pipe *pipe, struct preamble_answer *out);
