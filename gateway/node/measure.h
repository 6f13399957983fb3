/**
 * The far end of `overlay bench`: a stream of bytes that are counted, not used.
 *
 * The opener sends be64, the number of bytes it wants back, and then as many bytes as it likes;
 * they are swallowed. Zeros are sent back and the stream is finished when both directions are
 * through.
 */
#pragma once

#include "gateway/base/list.h"
#include "gateway/base/pipe.h"

#define MEASURE_MAX 64 /* streams at a time, of all peers */

/** Answers and serves. Takes the pipe. `all` keeps what runs; `*count` how many. */
void measure_serve(struct list *all, unsigned *count, struct pipe *pipe);
/** Ends all of them at once. */
void measure_end(struct list *all);
