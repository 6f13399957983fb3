/**
 * A whole gateway on a simulated host: node, server adapter and local ports, as main.c joins them.
 */
#pragma once

#include "adapters/browser_ports.h"
#include "adapters/server_adapter.h"
#include "gateway/identity/keys.h"
#include "gateway/node/node.h"
#include "tests/sim/sim_program.h"
#include "tests/sim/sim_router.h"

#define SIM_GATEWAY_PORT 4433

struct sim_gateway {
    struct sim_host host;
    struct keys keys;
    struct node_options options; /* may be changed before sim_gateway_start() */
    struct local_users users;
    struct registry *registry;
    struct node *node;
    struct server_adapter *server;
    struct ports *ports;
    struct node_wait wait;
    bool waiting, stopped;
    int wait_err;
    char wait_why[256];
};

/** A host with an identity made from `number` and an address as sim_host_join() takes it (NULL:
 *  the caller lets it join). LAN discovery is off; it listens on SIM_GATEWAY_PORT. */
void sim_gateway_init(struct sim_gateway *g, struct sim_world *w, const char *name, uint8_t number,
                      unsigned network, const char *address);
/** The same behind `home`, at an address there ("192.168.1.2/24"); its line takes `delay` each way.
 */
void sim_gateway_init_at_home(struct sim_gateway *g, struct sim_world *w, const char *name,
                              uint8_t number, struct sim_access *home, const char *address,
                              instant delay);
void sim_gateway_start(struct sim_gateway *g);
/** Says good-bye and ends; the host and its home stay, so that it may start again. */
void sim_gateway_stop(struct sim_gateway *g);
/** Ends as a power cut does: not a packet leaves. */
void sim_gateway_crash(struct sim_gateway *g);
/** Stops it if it runs, and takes the host away. */
void sim_gateway_deinit(struct sim_gateway *g);

/** As `overlay peer add`: `other` by alias, at an address ("192.0.2.7:4433"), or NULL. */
void sim_gateway_knows(struct sim_gateway *g, const struct sim_gateway *other, const char *alias,
                       const char *address);
/** As `overlay share`: a service on `port` for everybody. */
void sim_gateway_shares(struct sim_gateway *g, const char *name, enum service_proto proto,
                        uint16_t port, const char *target);
/** As `overlay open`: the local address of a service of `other`. */
struct addr sim_gateway_opens(struct sim_gateway *g, const struct sim_gateway *other,
                              const char *service, enum service_proto proto);

/** A call by a local program of `from` to the service `echo` of `to`, with so many bytes. */
void sim_gateway_calls(struct sim_gateway *from, const struct sim_gateway *to,
                       struct sim_caller *caller, uint64_t bytes);
/** The call comes to a good end within `span`, every byte right. */
void sim_gateway_call_ends_well(struct sim_gateway *from, struct sim_caller *caller, instant span);

/** Begins node_connect(); sim_gateway_connected() is for sim_world_run(). */
void sim_gateway_connect(struct sim_gateway *g, const struct sim_gateway *other);
/** True when the connecting has come to an end, in wait_err. */
bool sim_gateway_connected(void *gateway);
/** Connects, or does not: that is in wait_err. */
void sim_gateway_tries(struct sim_gateway *g, const struct sim_gateway *other);
/** Within `span` both sides of their session see a direct path. */
bool sim_gateways_meet(struct sim_gateway *a, struct sim_gateway *b, instant span);
/** Connects within `span` or fails the test. */
void sim_gateway_must_connect(struct sim_gateway *g, const struct sim_gateway *other, instant span);
/** How `g` sees `other`; all zero when it does not. */
struct peer_view sim_gateway_view(struct sim_gateway *g, const struct sim_gateway *other);
