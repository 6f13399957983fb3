/**
 * A socket of ours for a program of another process: its descriptor goes there over a unix socket
 * (SCM_RIGHTS, unix(7)).
 */
#pragma once

#include <stddef.h>

#include "gateway/base/attr.h"
#include "gateway/base/env.h"

#define GIVE_TEXT_MAX 4096 /* bytes that come with a descriptor */

/** As udp_give() and sock_give(). */
MUST_USE int io_udp_give(struct sock *to, struct udp_socket *s, const void *text, size_t len);
MUST_USE int io_sock_give(struct sock *to, struct sock *s, const void *text, size_t len);

/**
 * Waits for what another process gives over the unix socket `from`: at most `size` bytes into
 * `text`, their number in `*len`, and the descriptor in `*fd` (close-on-exec). Returns 0; or
 * -ECONNRESET (nobody gives any more), -EBADMSG (bytes without a descriptor), or an errno.
 */
MUST_USE int give_receive(int from, char *text, size_t size, size_t *len, int *fd);
