/**
 * A node of the BitTorrent Mainline DHT: BEP 5, 32, 42, 43, 44 and 51, over IPv4, IPv6 or both.
 *
 * A sans-I/O machine. Its owner has one UDP socket per family and
 *
 *     dht_add_node()    hands in the addresses of bootstrap nodes as they are known;
 *     dht_load()        and, before that, the nodes of last time
 *     dht_input()       whatever comes to the sockets
 *     dht_output()      until false, after every dht_input() and every request
 *     dht_next_event()  until false, after that
 *     dht_deadline()    when to call dht_output() again
 *
 * A reply waits in one place, which the next packet takes: hence after *every* dht_input().
 *
 * A request is asked by one of the functions below and lives until its DHT_DONE (or dht_cancel());
 * `arg` comes back with each event, so that a callback or an object can hang on it. Values are
 * verified before anybody sees them: SHA1(key, salt) is the target, the signature is the key's, an
 * immutable one has its hash. The first comes at once (DHT_VALUE), newer ones after it, and with
 * DHT_DONE the newest of all that the nodes close to the target have.
 *
 * Modes: a client only asks (it says so, BEP 43). A server answers too and keeps other people's
 * items and announcements, within bounds. Adaptive is a client until it is known that strangers
 * reach us: because some asked us whom we never asked, or by dht_set_reachable().
 *
 * Bounded: see dht_types.h. To one address go at most five messages in any second, replies too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/clock.h"
#include "gateway/discovery/dht_id.h"
#include "gateway/discovery/dht_item.h"
#include "gateway/discovery/dht_types.h"
#include "gateway/wire/krpc.h"

struct dht;

/** Returns 0 or -ENOMEM. */
MUST_USE int dht_new(struct dht **out, const struct dht_options *options, instant now);
/** Requests end with it, without an event. */
void dht_free(struct dht *d);

/** A node to start from, by address alone: asked when we know few others. */
void dht_add_node(struct dht *d, instant now, const struct addr *addr);
/** Our id and the nodes that we know, the best first, to be kept on disk. Returns the length. */
size_t dht_save(const struct dht *d, uint8_t out[static DHT_SAVE_MAX]);
/** Takes what dht_save() wrote, before anything else. Returns 0, or -EBADMSG and nothing changed.
 */
MUST_USE int dht_load(struct dht *d, instant now, const uint8_t *data, size_t len);

/** The sockets changed: families may come and go. */
void dht_set_families(struct dht *d, instant now, bool v4, bool v6);
/** Somebody else found out whether strangers reach our socket (adaptive mode). */
void dht_set_reachable(struct dht *d, instant now, bool reachable);

/** Anything may be handed in; what is no message of ours changes nothing. */
void dht_input(struct dht *d, instant now, const struct addr *from, const uint8_t *data,
               size_t len);
MUST_USE bool dht_output(struct dht *d, instant now, struct dht_tx *tx);
instant dht_deadline(const struct dht *d);

/* ---- requests: NULL when DHT_REQUESTS_MAX are under way, or for want of memory ---- */

/** The newest item of a key. Items with a seq below `min_seq` (0: any) are as if they were not
 *  there: who remembers the highest seq it saw is not taken back by a node that is behind. */
MUST_USE struct dht_request *dht_get_mutable(struct dht *d, instant now,
                                             const uint8_t key[static KRPC_KEY_LEN],
                                             struct krpc_bytes salt, int64_t min_seq, void *arg);
/** The same, of a few nodes that were close a while ago (DHT_DONE of an earlier one names them) and
 *  of nobody else: for who looks again and again. */
MUST_USE struct dht_request *dht_peek(struct dht *d, instant now,
                                      const uint8_t key[static KRPC_KEY_LEN],
                                      struct krpc_bytes salt, int64_t min_seq,
                                      const struct dht_near *near, void *arg);
MUST_USE struct dht_request *dht_get_immutable(struct dht *d, instant now,
                                               const struct dht_id *target, void *arg);
/** Stores an item, mutable (signed by anybody: see dht_item_sign()) or not, at the 20 or more nodes
 *  that are closest. `cas`: nodes that have another seq than this refuse; NULL: none do for that.
 *  A newer item met on the way ends it with -ESTALE, one that is newer than `cas` with -EEXIST,
 *  before anything is stored. */
MUST_USE struct dht_request *dht_put(struct dht *d, instant now, const struct dht_item *item,
                                     const int64_t *cas, void *arg);
/** Says that we have `infohash` at `port`, 0: at the port that this socket is seen at
 *  (implied_port). Tells of the peers that it meets, as dht_peers() does. */
MUST_USE struct dht_request *dht_announce(struct dht *d, instant now, const struct dht_id *infohash,
                                          uint16_t port, void *arg);
MUST_USE struct dht_request *dht_peers(struct dht *d, instant now, const struct dht_id *infohash,
                                       void *arg);
/** Asks the nodes on the way to `target` for some of the infohashes that they have (BEP 51), and
 *  tells of them. A node that wants to be left alone for a while (`interval`), or does not know the
 *  question, is asked for nodes alone. */
MUST_USE struct dht_request *dht_sample(struct dht *d, instant now, const struct dht_id *target,
                                        void *arg);
/** Asks one node whether it is there. */
MUST_USE struct dht_request *dht_ping(struct dht *d, instant now, const struct addr *node,
                                      void *arg);
/** Ends a request without an event. */
void dht_cancel(struct dht *d, struct dht_request *request);

/** What happened to requests. Pointers in it are valid until the next call of any function here. */
MUST_USE bool dht_next_event(struct dht *d, struct dht_event *out);

/* ---- what it knows ---- */

void dht_get_status(const struct dht *d, instant now, struct dht_status *out);
/** Some IPv4 nodes that answered lately, by chance. Writes up to `max`, returns how many. */
size_t dht_some_nodes(struct dht *d, instant now, struct addr *out, size_t max);
/** About how many nodes the network has; 0: not known yet. */
uint64_t dht_network_size(const struct dht *d);
