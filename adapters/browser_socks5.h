/**
 * SOCKS5 at the proxy's port: CONNECT with remote names, so that no name is looked up in the DNS.
 *
 * Names outside the suffix and bare addresses: reply 2, other commands: reply 7.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "adapters/proxy_state.h"

/** Takes a socket whose first `len` bytes (a SOCKS5 version first) were read already. */
void browser_socks5_start(struct proxy *p, struct sock *sock, const uint8_t *data, size_t len);
