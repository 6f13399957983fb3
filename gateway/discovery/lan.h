/**
 * Who else is on this network: contacts find one another, strangers see random bytes.
 *
 * A sans-I/O machine. Its owner has the gateway's main UDP sockets and, for each IP family, one
 * socket bound to LAN_PORT and, with `public`, one bound to MDNS_PORT (both on the unspecified
 * address, UDP_SHARED | UDP_PKTINFO):
 *
 *     lan_set_interfaces()  at start and when the network changes; then lan_next_join() until false
 *     lan_input()           what came to LAN_PORT, and what demux() does not know on the main port
 *     lan_input_mdns()      what came to MDNS_PORT
 *     lan_output()          until false: datagrams, each with socket, destination and interface
 *     lan_next_event()      until false, after input: somebody was found at an address
 *     lan_deadline()        when to call lan_output() again
 *
 * Beacons go out from the main sockets, so that their source is where the gateway is reached: in a
 * short burst at start and after a change, then every 30 s. A contact that knows us too recognises
 * its tag (gateway/wire/beacon.h) and, when we are new to it, answers at once by unicast. Whoever
 * only knows our id may ask for us (lan_ask() on its side): we answer by unicast with a signed
 * answer, no larger than the question, at most once a second.
 *
 * Events say where somebody claims to be. That it is really them, the handshake of the session
 * proves; a replayed or relayed beacon leads to a failed dial and nothing else.
 *
 * Bounded: LAN_SOURCE_PER_MINUTE datagrams of one source, 20/s of our networks and 20/s of all
 * others are looked at.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/clock.h"
#include "gateway/base/env.h"
#include "gateway/discovery/lan_types.h"
#include "gateway/identity/peer_id.h"

struct lan;

/** Returns 0 or -ENOMEM. Nothing is sent before lan_set_interfaces(). */
MUST_USE int lan_new(struct lan **out, const struct lan_options *options);
/** Wipes its keys. */
void lan_free(struct lan *l);

/** Whom we want to be found by, and find: the peers we know. Copies. 0 or -ENOMEM (as before). */
MUST_USE int lan_set_contacts(struct lan *l, instant now, const struct peer_id *ids, size_t count);
/** Asks for the address of a peer that may not know us: three questions within 2 s. */
void lan_ask(struct lan *l, instant now, const struct peer_id *id);
/** The addresses of this machine, as env_interfaces() gives them. Starts a burst of beacons. */
void lan_set_interfaces(struct lan *l, instant now, const struct interface *list, size_t count);
/** The next group to join since lan_set_interfaces(). */
MUST_USE bool lan_next_join(struct lan *l, struct lan_join *out);

/** Takes a datagram that came from `from` over interface `ifindex` (0: not known). `wall_us` is
 *  the wall clock. Anything may be handed in; what is none of ours changes nothing. */
void lan_input(struct lan *l, instant now, int64_t wall_us, const struct addr *from,
               unsigned ifindex, const uint8_t *data, size_t len);
/** Takes a multicast DNS message. */
void lan_input_mdns(struct lan *l, instant now, const struct addr *from, unsigned ifindex,
                    const uint8_t *data, size_t len);

/** Fills `tx` with the next datagram that is due; its data is valid until the next call. */
MUST_USE bool lan_output(struct lan *l, instant now, int64_t wall_us, struct lan_tx *tx);
/** When lan_output() next has work, 0: at once. */
instant lan_deadline(const struct lan *l);
/** Who was found. At most 64 wait; the oldest give way. */
MUST_USE bool lan_next_event(struct lan *l, struct lan_event *out);

/** Where a beacon would go: the `at`th such place, for what others have to say to a whole network.
 *  Fills all of `tx` but its data; false: there are no more. */
MUST_USE bool lan_place_at(const struct lan *l, size_t at, struct lan_tx *tx);

/** We are going: with `public` the next lan_output() calls say good-bye to DNS-SD browsers. */
void lan_stop(struct lan *l, instant now);
