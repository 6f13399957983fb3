/**
 * One address of this machine for every peer: 198.19.23.7 here is alice, on all of her ports.
 *
 * The range is made local by `sudo overlay setup` (gateway/io/anyip.h); until then the pool is not
 * active and hands out nothing. Which address a peer has follows from its key and a secret of this
 * gateway, so that nobody else can tell or aim at one; where two fall together the later takes
 * another. Addresses of contacts, and of others that we had a session with, are kept in the home
 * for ever. Those of any other key, which a web page can have us look up, are forgotten again,
 * longest unused first.
 *
 * What `setup` and the gateway agree on:
 *   - [setup] pool, made local by `ip route add local POOL dev lo`. Its first address (198.19.0.1)
 *     is the gateway's own. The gateway sees by itself that the range is local: at its start, when
 *     routes change, and on reload. Of several gateways on a machine it is the one's that has
 *     redirect_port.
 *   - The packet filter redirects TCP to addresses of the pool to [setup] redirect_port, on this
 *     machine's own traffic (hook output) alone. The ports below 1024 at least, but best all of
 *     them: then the gateway binds none of its peers' ports, none of which is taken from other
 *     programs. The gateway finds out which it is by a connection to its own address; without, it
 *     listens on each peer's address for each service it knows, and `status --json` lists under
 *     `setup` as `conflicts` the ports that others hold on all addresses: those need redirection.
 *   - That port is best held by systemd (ListenStream=0.0.0.0:7790, BindToDevice=lo): else another
 *     user could take it while the gateway is not running, and with it what programs send to peers.
 *   - Where systemd passes sockets for 0.0.0.0:80 and :443, bound to device lo, they are used
 *     as well.
 *   - [setup] names_socket is dns/names_server.h, for libnss_overlay (dns/nss/overlay.h): the word
 * in nsswitch.conf(5) is best `overlay [NOTFOUND=return]`, and where suffix or pool are not the
 *     usual ones the module is told by a file (dns/nss/ask.h).
 *   - The DNS server names the addresses as well, in the zones of the pool (19.198.in-addr.arpa).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/identity/keys.h"
#include "gateway/node/pool_line.h"
#include "gateway/node/registry.h"

#define POOL_FILE "pool"

#define POOL_BITS_MIN      8
#define POOL_BITS_MAX      24
#define POOL_KEPT_MAX      (REGISTRY_PEERS_MAX + 1024)
#define POOL_STRANGERS_MAX 1024 /* or a quarter of the range */

struct pool;

/** May this range be a pool? */
bool pool_range_ok(const struct addr_prefix *range);

/** Reads what is kept. All is borrowed for the pool's life but `range`, for which pool_range_ok().
 *  Returns 0 or -ENOMEM. */
MUST_USE int pool_new(struct pool **out, struct env *env, struct registry *registry,
                      const struct keys *keys, const struct addr_prefix *range);
/** Saves what is to be kept. */
void pool_free(struct pool *p);

const struct addr_prefix *pool_range(const struct pool *p);
/** The gateway's own address there; its port is 0. */
struct addr pool_gateway(const struct pool *p);
/** Is the range local now? Asks the machine. */
bool pool_is_local(const struct pool *p);
/** Peers have addresses from now on, or have none any more. Returns true if that is another state.
 */
bool pool_set_active(struct pool *p, bool active);
/** False for NULL too. */
bool pool_is_active(const struct pool *p);

/** Is port 80 of the peers served, so that their URLs need no port? False while not active. */
bool pool_has_http(const struct pool *p);
void pool_set_http(struct pool *p, bool served);

/** The address of a peer, its port 0. False: the pool is not active, or full. */
MUST_USE bool pool_address(struct pool *p, const struct peer_id *peer, struct addr *out);
/** Whose address that is, any port. False: nobody's. `p` may be NULL. */
bool pool_peer(const struct pool *p, const struct addr *at, struct peer_id *out);

/**
 * There is a session with this peer, and these are its services: `count` of them, of which
 * POOL_SERVICES_MAX are kept. Keeps its address from now on, if it has one or is a contact.
 * Returns true if the services are news.
 */
bool pool_met(struct pool *p, const struct peer_id *peer, const struct pool_service *list,
              size_t count);

/** Calls each(), which may not change the pool, for every kept peer with its address and its
 *  services as last seen. */
void pool_each(const struct pool *p, void (*each)(void *arg, const struct pool_line *line),
               void *arg);
