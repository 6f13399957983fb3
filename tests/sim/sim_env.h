/**
 * Hosts of a simulated world, each with an environment (gateway/base/env.h) of its own.
 *
 * A host has interfaces. Each is on a network, a number: INTERNET, or a LAN. Two interfaces on one
 * network reach each other; only routers (tests/sim/sim_router.h) lead from one network to another,
 * so a host on a LAN without one has no internet. Multicast and broadcast stay on their network and
 * never work on INTERNET. What a host sends goes through its uplink and the receiver's downlink,
 * which delay, lose, repeat and reorder; what it sends to itself does not.
 *
 * TCP and unix sockets connect programs of one host: bounded buffers, edges, half-close and resets
 * as the kernel does them; TCP to another host goes through the network as datagrams do
 * (tests/sim/sim_tcp.h). Files are in memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "tests/sim/sim_link.h"
#include "tests/sim/sim_world.h"
#include "tests/support/fake_files.h"

#define INTERNET            0
#define SIM_INTERFACES_MAX  8
#define SIM_DATAGRAM_MAX    9000
#define SIM_SOCK_BUFFER     65536 /* bytes a direction of a TCP or unix connection holds */
#define SIM_UDP_BUFFER      (208 << 10)
#define SIM_UDP_BULK_BUFFER (4 << 20)

/** One address of one of a host's interfaces. */
struct sim_interface {
    struct interface is;
    unsigned network;
};

struct sim_host {
    struct env env; /* first: hand out &host->env */
    struct sim_world *world;
    struct list link; /* in world->hosts */
    char name[16];
    uint64_t chance;                                    /* of env_random() */
    struct sim_interface interface[SIM_INTERFACES_MAX]; /* the first is lo */
    unsigned interface_count;
    struct sim_link up, down, lo;
    struct router router[2]; /* what env_routers() says: none unless a test sets them */
    int router_count;

    struct fake_file file[FAKE_FILES_MAX];
    int save_error; /* negative errno: saving fails */

    struct heap timers; /* of its programs, by its own clock, which stands still while it sleeps */
    struct timer alarm; /* the world's, for the earliest of them */
    bool asleep;
    instant slept, fell_asleep; /* so long in all; by the world's clock */

    uint32_t uid;      /* whose the sockets are that are opened from now on */
    unsigned sockets;  /* open now */
    unsigned fd_limit; /* of them; 0: none */
    uint16_t next_port;
    struct list udp, listeners, socks, tcp;
    struct icmp_socket *icmp;      /* at most one, see tests/sim/sim_icmp.c */
    int raw_error;                 /* negative errno: raw sockets cannot be had */
    unsigned send_again;           /* per mille of udp_send() calls that say -EAGAIN first */
    uint64_t sent, lost, received; /* datagrams */
};

/** Adds a host with 127.0.0.1, ::1 and nothing else. */
void sim_host_init(struct sim_host *h, struct sim_world *w, const char *name);
/** Fails the test if the host's program left a socket or listener open. */
void sim_host_deinit(struct sim_host *h);

/** Adds an address ("192.0.2.7/24", "fe80::1/64") on a network. Returns its interface. */
struct sim_interface *sim_host_join(struct sim_host *h, unsigned network, const char *address);
/** Replaces an interface's address: what is under way to the old one is lost. The host's gateway
 *  is told by the caller (node_network_changed()), as netlink would. */
void sim_host_move(struct sim_host *h, struct sim_interface *i, const char *address);
/** Takes an interface to another network, as a telephone goes from Wi-Fi to mobile. As after
 *  sim_host_move(), the caller tells the gateway. */
void sim_host_roam(struct sim_host *h, struct sim_interface *i, unsigned network,
                   const char *address);
/** The lid is closed: nothing runs, nothing is sent or received, the clock stands still. */
void sim_host_sleep(struct sim_host *h);
/** And opened again. The caller tells the gateway (node_slept()), as gateway/io/jump.h would. */
void sim_host_wake(struct sim_host *h);
/** The host's own time, as its programs see it. */
instant sim_host_now(const struct sim_host *h);
/** Both ways the same. Keeps nothing of the old links. */
void sim_host_links(struct sim_host *h, const struct sim_link *both);

/** The interface that has this address, or NULL. */
const struct sim_interface *sim_interface_of(const struct sim_host *h, const struct addr *a);

/** Bytes that a socket was sent and that were not read yet. */
size_t sim_udp_waiting(const struct udp_socket *s);

/* For sim_env.c, from tests/sim/sim_udp.c, sim_icmp.c, sim_sock.c, sim_listen.c, sim_mail.c. */
void sim_udp_ops(struct env_ops *ops);
void sim_icmp_ops(struct env_ops *ops);
void sim_sock_ops(struct env_ops *ops);
void sim_listen_ops(struct env_ops *ops);
void sim_mail_ops(struct env_ops *ops);
/** From tests/sim/sim_wire.c: forgets the packets under way from or to a host that goes. */
void sim_wire_forget(struct sim_host *h);
/** From tests/sim/sim_tcp.c: forgets the connections of a host that goes; all were given back. */
void sim_tcp_forget(struct sim_host *h);
/** Takes a descriptor. Returns 0 or -EMFILE. */
int sim_take_socket(struct sim_host *h);
/** A free local port. */
uint16_t sim_next_port(struct sim_host *h);

static inline struct sim_host *sim_host_of(struct env *env)
{
    return (struct sim_host *)(void *)env;
}
