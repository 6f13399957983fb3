/**
 * The flows of peers to UDP services: a socket each, so that the service sees each as a client of
 * its own, and only its answers come back.
 */
#pragma once

#include "adapters/serve_parts.h"

/** Accepts or refuses the flow. `service` is borrowed for the call. */
void serve_flow_begin(struct serve_parts *parts, const struct peer_id *peer,
                      const struct service *service, struct flow *flow);
/** Closes the flows that are doomed. */
void serve_flows_close(struct serve_parts *parts, serve_doomed doomed);
