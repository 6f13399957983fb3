/**
 * A new real path has its own round trip and its own bandwidth, which ngtcp2 must learn anew.
 *
 * It sees one made-up path, and has no call to forget what it knows: from a relay of 50 Mbit/s to a
 * straight path of 700 its window would grow for minutes. But it does forget when it believes that
 * its own path changes (RFC 9000 §9.4), and what it believes is up to us. A client is told to
 * migrate to another made-up local address. A server is shown one packet from another made-up
 * remote address and the next from the usual one: it goes there and back, without having to
 * validate anything. (What it keeps is the size by which its window grows: after packets of 1452
 * bytes a little too fast for those of 1200; after jumbo frames, which are rare, as fast as eight
 * connections.)
 */
#pragma once

#include "gateway/transport/quic_state.h"

/** The real path is another one from now on; `old` was the last. Forgets if that means another way
 *  through the network. */
void quic_afresh_moved(struct quic_conn *conn, const struct path *old);
/** The path is the same, and carries less than it did. Forgets. */
void quic_afresh(struct quic_conn *conn);
/** Call before packets are written. Returns 0, or ngtcp2's fatal error. */
int quic_afresh_start(struct quic_conn *conn);
/** The remote address that the packet comes from which is about to be read. */
struct addr quic_afresh_remote(const struct quic_conn *conn);
/** It was read. Both calls are for connections on a detour. */
void quic_afresh_read(struct quic_conn *conn);
