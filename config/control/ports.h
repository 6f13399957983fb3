/**
 * Open local ports as answers show them.
 */
#pragma once

#include <jansson.h>

#include "config/control/call.h"

struct port_list {
    struct control_port *at; /* the caller frees it */
    size_t count;
};

/** The open ports, of one peer or (NULL) of all. Empty when there is no memory. */
struct port_list ports_of(struct command_context *c, const struct peer_id *peer);
/** {service, proto, listen, url, id, ..}: an element of the answer of `open` and `ls`. */
json_t *port_json(struct command_context *c, const struct control_port *p);
/** {service, proto, listen [..], url}: an element of a peer's `ports` in the status. */
json_t *port_status_json(const struct control_port *p);
