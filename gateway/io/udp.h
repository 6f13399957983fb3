/**
 * UDP sockets: batches in (UDP_GRO), batches out (UDP_SEGMENT), source address, interface and hop
 * limit of each. As gateway/base/env.h wants them; the functions below are its udp_* calls.
 */
#pragma once

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/io/loop.h"

#define UDP_MAX_SEGMENTS 64    /* of one send: the kernel's limit before Linux 6.9 */
#define UDP_MAX_PAYLOAD  65507 /* bytes, of one datagram or one send */

/** As udp_open(). `fd` is a bound socket to use instead of a new one (taken, also on error), or -1.
 */
MUST_USE int io_udp_open(struct io_loop *l, struct udp_socket **out, const struct addr *local,
                         unsigned flags, int fd, const struct udp_handler *handler, void *arg);
/** As udp_send(). */
MUST_USE int io_udp_send(struct udp_socket *s, const struct udp_tx *tx);
MUST_USE int io_udp_join(struct udp_socket *s, const struct addr *group, unsigned ifindex);
struct addr io_udp_local(const struct udp_socket *s);
void io_udp_close(struct udp_socket *s);
/** As udp_detach(). */
void io_udp_detach(struct udp_socket *s);
/** Takes the descriptor out of it, with the options that a program expects of a socket of its own.
 */
MUST_USE int io_udp_release(struct udp_socket *s);

/** Is there a way to an address, as far as this machine knows? Sends nothing. 0 or the error
 *  (-ENETUNREACH, -EHOSTUNREACH, -EAFNOSUPPORT), which io_udp_send() takes for loss. */
MUST_USE int io_udp_way(const struct addr *to);

/** Sends every datagram by itself from now on, as on a kernel without UDP_SEGMENT. For tests. */
void io_udp_no_segments(struct udp_socket *s);
