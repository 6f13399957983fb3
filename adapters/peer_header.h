/**
 * Tells an HTTP service who is calling: every request of a stream gets a field
 * `X-Overlay-Peer: <peer id>`, and loses any such field that it brought along.
 *
 * A pipe in front of the stream's own. Requests are framed as strictly as gateway/wire/http_head
 * does, since a request that we do not see is one in which the caller can lie. Therefore:
 *   - what is not HTTP/1, or could be framed in two ways, resets the stream
 *   - CONNECT and `Connection: X-Overlay-Peer` do so too (which asks proxies to drop the field)
 *   - and fields behind a chunked body, which some servers count as fields of the head
 *   - `Upgrade` is left only in a first request that asks for "websocket"; bytes behind it wait for
 *     the server's answer: after 101 everything passes, after any other requests go on
 * Answers pass untouched.
 */
#pragma once

#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/base/pipe.h"
#include "gateway/identity/peer_id.h"

#define PEER_HEADER_NAME "X-Overlay-Peer"

/**
 * Makes the pipe to be used in place of `below`, which it takes: reset or close the new one.
 * Returns 0, or -ENOMEM with `below` untouched.
 */
MUST_USE int peer_header_new(struct pipe **out, struct env *env, struct pipe *below,
                             const struct peer_id *peer);
