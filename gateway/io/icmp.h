/**
 * A raw socket for ICMP over IPv4 on the loop: the icmp_*() calls of gateway/base/env.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/io/loop.h"

/** Of all that comes for this machine only Time Exceeded is told. -EPERM: CAP_NET_RAW is missing.
 */
MUST_USE int io_icmp_open(struct io_loop *l, struct icmp_socket **out,
                          const struct icmp_handler *handler, void *arg);
void io_icmp_send(struct icmp_socket *s, const struct addr *to, const uint8_t *data, size_t len);
/** NULL is fine. */
void io_icmp_close(struct icmp_socket *s);
