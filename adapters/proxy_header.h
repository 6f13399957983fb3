/**
 * The PROXY protocol's header, version 2 (haproxy.org, "The PROXY protocol"): tells a service,
 * ahead of the first byte, who is calling.
 *
 * The peer's id stands in a PP2_TYPE_UNIQUE_ID, as its 52 characters. The addresses are loopback's,
 * because a peer has none that a service could use; family "unspecified" would be more honest, but
 * nginx reads no TLV behind it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/identity/peer_id.h"

#define PROXY_HEADER_LEN (12 + 4 + 12 + 3 + PEER_ID_TEXT_LEN)

/** `from` is our end of the connection to the service, `to` the service's; what is not IPv4 is
 *  written as 127.0.0.1 with its port. Returns PROXY_HEADER_LEN. */
size_t proxy_header_write(const struct peer_id *peer, const struct addr *from,
                          const struct addr *to, uint8_t out[static PROXY_HEADER_LEN]);
