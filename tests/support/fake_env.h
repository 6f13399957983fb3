/**
 * A small world for unit tests: a clock that stands still until told to go on, timers, deferred
 * work, files in memory, and sockets that record what is sent and say what the test puts in.
 *
 * One host without a network: what is sent goes to `sent`, what arrives comes from
 * fake_udp_arrives(). For a network between hosts use tests/sim. Sockets made by sock_connect() and
 * fake_accept() have a far end that the test drives by the fake_sock_*() functions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/env.h"
#include "gateway/base/heap.h"
#include "gateway/base/list.h"
#include "tests/support/fake_files.h"
#include "tests/support/fake_names.h"

#define FAKE_SENT_MAX       256
#define FAKE_DATAGRAM_MAX   2048
#define FAKE_INTERFACES_MAX 8

/** One datagram that was sent. */
struct fake_sent {
    struct udp_socket *socket;
    struct addr to, from;
    unsigned ifindex;
    int ttl;
    size_t len;
    uint8_t data[FAKE_DATAGRAM_MAX];
};

struct fake_env {
    struct env env; /* first: hand out &fake.env */
    instant now;
    int64_t wall_us; /* at now == 0; goes on with `now` */
    uint64_t seed;   /* of env_random(), which repeats for the same seed */
    struct heap timers;
    struct deferred *deferred, **deferred_end;

    struct fake_file file[FAKE_FILES_MAX];
    int save_error; /* negative errno: env_save() fails and changes nothing */
    int load_error; /* the same for env_load() */
    unsigned saves; /* that succeeded */

    struct fake_names names;

    struct list udp_sockets, socks, listeners;
    uint16_t next_port;
    int udp_open_error, udp_send_error, listen_error, connect_error; /* injected once set */
    struct fake_sent *sent;                                          /* FAKE_SENT_MAX of them */
    size_t sent_count; /* later ones are dropped beyond FAKE_SENT_MAX */

    struct interface interface[FAKE_INTERFACES_MAX];
    int interface_count;
    struct router router[2]; /* none at first */
    int router_count;
    bool all_local;  /* what env_is_local() says */
    int owner_error; /* of env_owner_of_*(): 0 gives owner_uid */
    uint32_t owner_uid;
};

/** Starts at one hour after boot, 2026-01-01 by the wall clock, with interfaces lo and eth0. */
void fake_env_init(struct fake_env *f);
/** Frees everything; fails the test if a socket, listener, timer or deferred work is left. */
void fake_env_deinit(struct fake_env *f);

/** Runs deferred work, then timers due until `now` + `by` in order, each at its own time. */
void fake_env_advance(struct fake_env *f, instant by);
/** Runs deferred work and the timers that are due now. */
void fake_env_settle(struct fake_env *f);

/** Puts a file into the home, or takes it away with `text` NULL. */
void fake_env_put_file(struct fake_env *f, const char *name, const char *text);
/** The file's text with a NUL behind it, or NULL. */
const char *fake_env_file(const struct fake_env *f, const char *name);

/** One datagram arrives. */
void fake_udp_arrives(struct fake_env *f, struct udp_socket *s, const struct addr *from,
                      const void *data, size_t len);
/** As fake_udp_arrives(), at a local address and interface. */
void fake_udp_arrives_at(struct fake_env *f, struct udp_socket *s, const struct addr *from,
                         const struct addr *to, unsigned ifindex, const void *data, size_t len);
/** The first open UDP socket on this port, or NULL. */
struct udp_socket *fake_udp_on(struct fake_env *f, uint16_t port);
/** May send again after udp_send_error was -EAGAIN. */
void fake_udp_writable(struct fake_env *f, struct udp_socket *s);
/** Forgets what was sent. */
void fake_env_forget_sent(struct fake_env *f);

/** The listener on a TCP port or unix path, or NULL. */
struct sock_listener *fake_listener_on(struct fake_env *f, uint16_t port);
struct sock_listener *fake_listener_on_path(struct fake_env *f, const char *path);
/** A caller arrives; returns our program's end, which the far-side functions below drive. */
struct sock *fake_accept(struct fake_env *f, struct sock_listener *l, const struct addr *from);

/** The last socket that sock_connect*() started and that is still open, or NULL. */
struct sock *fake_last_connect(struct fake_env *f);
/** Where it was to connect: the address (none for unix) or, for unix, the path. */
struct addr fake_sock_remote(const struct sock *s);
const char *fake_sock_path(const struct sock *s);
/** Was it sock_connect_speaking()? */
bool fake_sock_speaks(const struct sock *s);
/** The connection is made (0) or fails. */
void fake_sock_connected(struct sock *s, int err);

/* What the program at the far end does. */
void fake_sock_says(struct sock *s, const void *data, size_t len);
void fake_sock_ends(struct sock *s);
void fake_sock_fails(struct sock *s, int err);
/** What our side wrote so far; reading it empties it. Returns how many bytes, at most `max`. */
size_t fake_sock_heard(struct sock *s, void *out, size_t max);
/** How many more bytes our side may write before -EAGAIN; unlimited at first. */
void fake_sock_room(struct sock *s, size_t room);
/** Did our side finish, close or reset? A closed socket stays readable until deinit. */
bool fake_sock_finished(const struct sock *s);
bool fake_sock_closed(const struct sock *s);
bool fake_sock_was_reset(const struct sock *s);

/* tests/support/fake_udp.c and fake_net.c have the sockets; these are for them and fake_env.c. */
static inline struct fake_env *fake_env_of(struct env *env)
{
    return (struct fake_env *)(void *)env;
}
/** What has port 0 gets one of its own. */
struct addr fake_bound(struct fake_env *f, const struct addr *local);
void fake_udp_ops(struct env_ops *ops);
void fake_net_ops(struct env_ops *ops);
void fake_net_deinit(struct fake_env *f);
