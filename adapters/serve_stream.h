/**
 * The streams of peers to TCP and unix services: from the question to the end of the pump.
 */
#pragma once

#include "adapters/serve_parts.h"

/** Takes the pipe. `service` is borrowed for the call. */
void serve_stream_begin(struct serve_parts *parts, const struct peer_id *peer,
                        const struct service *service, struct pipe *pipe);
/** Resets the streams that are doomed. */
void serve_streams_abort(struct serve_parts *parts, serve_doomed doomed);
