/**
 * The server adapter: brings peers to the local services that we share.
 *
 * A stream becomes a connection to the service's target, a flow a UDP socket of its own. The far
 * side gets a clear answer when the target refuses, is silent or may not be dialled; afterwards
 * ends of data and resets pass both ways (adapters/pump). What it carries is counted in struct
 * service.
 *
 * It follows the registry: node_registry_changed() ends the streams and flows of services that were
 * removed, or that the peer may no longer use, at once.
 */
#pragma once

#include <stddef.h>

#include "adapters/serve_dial.h"
#include "gateway/base/attr.h"
#include "gateway/node/node.h"

struct server_adapter;

/** Serves `n` (node_serve()). Keeps `n`; `resolver` and `own`, which may be NULL, are kept too. */
MUST_USE int server_adapter_new(struct server_adapter **out, struct node *n,
                                const struct serve_resolver *resolver, const struct serve_own *own);
/** Of that many connections at a time one peer may have some five eighths, all strangers together
 *  as many; without a word 20,000. */
void server_adapter_limit(struct server_adapter *s, size_t connections);
/** Ends everything with resets; call it before node_free(). */
void server_adapter_free(struct server_adapter *s);
