/**
 * Ends a stream that was answered with a refusal: the answer must arrive, so the other side's bytes
 * are swallowed until it finishes too, for a few seconds at most, before the stream is given back.
 */
#pragma once

#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/base/pipe.h"
#include "gateway/wire/preamble.h"

/** Answers and lingers. Takes the pipe. */
void linger_refuse(struct env *env, struct list *all, struct pipe *pipe,
                   enum preamble_status status, const char *reason);
/** Ends all of them at once. */
void linger_end(struct list *all);
