/**
 * The real paths below one session: which is used now, which others work, and how well.
 *
 * A sans-I/O machine in its owner's struct. The owner (a QUIC connection) makes one as soon as the
 * handshake gives it exporter keys, sends its packets to path_set_current(), and drives it:
 *
 *     path_set_input()     a probe with this session's path_set_token() arrived
 *     path_set_heard()     a packet of this session was decrypted that came over a path
 *     path_set_hint()      one came over another path than the current, not yet decrypted
 *     path_set_waiting()   whether something we sent waits for an acknowledgement
 *     path_set_traffic()   data of an application went out or came in
 *     path_set_busy()      much of it went out
 *     path_set_refused()   the socket took a datagram for too large
 *     path_set_gone()      what carries a path has ended
 *     path_set_output()    while it returns a length: probes to send, each over its own path
 *     path_set_deadline()  when to call path_set_output() again (and then path_set_take_switch())
 *
 * After each of them path_set_take_switch() says whether the current path changed: then kick QUIC
 * (a PING at once) and tell the owner's on_path. path_set_payload() says how large its packets may
 * be, and path_set_take_shrink() when what is on its way was too large.
 *
 * It switches only to a path over which a challenge of our own came back authenticated. When, and
 * to which, is told in path_choice.h, path_watch.h (dead paths) and path_ping.h (keep-alive); how
 * large packets may be, in path_size.h. Round trips and proofs of size are our own measurements; so
 * the two sides may use different paths for a while, which does no harm.
 *
 * Everything is bounded: PATH_SET_MAX paths, at most 20 unanswered probes to a target, at most 20
 * probes/s (and a burst of 32) to paths that never answered; nothing unauthenticated is answered.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/clock.h"
#include "gateway/base/path.h"
#include "gateway/transport/path_table.h"
#include "gateway/wire/probe.h"

#define PATH_SET_SECRET_LEN   32
#define PATH_SET_EXPORT_LABEL "EXPORTER-overlay-path" /* for the secret of path_set_options */

struct path_set_options {
    uint8_t secret[PATH_SET_SECRET_LEN]; /* exporter secret, the same on both sides */
    enum path_role role;
    struct path first; /* carried the handshake */
    void (*random)(void *arg, void *out, size_t len);
    void *arg; /* random's, which must outlive the set */
};

/** One path as others may look at it. */
struct path_info {
    struct path path;
    enum path_state state;
    bool current;
    bool full_size;
    instant rtt;      /* 0: not measured */
    instant heard;    /* 0: never */
    struct addr seen; /* where the other side sees us on this path, or none */
};

void path_set_init(struct path_set *s, instant now, const struct path_set_options *options);
/** Wipes the keys. There is nothing to free. */
void path_set_wipe(struct path_set *s);

/** The token of probes that come to us (probe_token()): a key for the owner's table. */
uint64_t path_set_token(const struct path_set *s);

/** Adds a path worth trying; it is probed at once. Known ones are probed anew if they failed.
 *  Returns 0, or -ENOSPC when all places are held by paths that work. */
MUST_USE int path_set_add(struct path_set *s, instant now, const struct path *path);

/** Takes a probe that came over `path`. Returns 0, or -EBADMSG: malformed, forged or replayed,
 *  which changed nothing. */
MUST_USE int path_set_input(struct path_set *s, instant now, const struct path *path,
                            const uint8_t *data, size_t len);
/** A packet of the session that came over `path` was authentic. Cheap for the current path. */
void path_set_heard(struct path_set *s, instant now, const struct path *path);
/** A packet with a connection id of the session came over another path than the current; it need
 *  not be authentic. A challenge is sent there, rarely enough to be of no use to an attacker. */
void path_set_hint(struct path_set *s, instant now, const struct path *path);
/** Tells whether ack-eliciting packets are in flight, and QUIC's probe timeout, without backing
 * off. Call it whenever that may have changed. */
void path_set_waiting(struct path_set *s, instant now, bool waiting, instant pto);
/** Data of an application went out or came in. Cheap. */
void path_set_traffic(struct path_set *s, instant now);
/** So much went out lately that larger packets would be worth something. */
void path_set_busy(struct path_set *s, instant now);
/** The socket refused `len` bytes that were to go over `path`: more than the link carries. */
void path_set_refused(struct path_set *s, instant now, const struct path *path, size_t len);
/** Without data for a minute: how long the session may be silent before something must be sent to
 *  keep it in the memory of NATs. Else 0. */
instant path_set_idle_check(const struct path_set *s, instant now);
/** What carries this path has ended (a connection, circuit or socket): if it is the current one it
 *  is left at once when another works, or else as soon as one answers. */
void path_set_gone(struct path_set *s, instant now, const struct path *path);
/** The local network changed, or something may be wrong: probes all paths now, the current one
 *  first, and asks the other side to follow us to where we are now. */
void path_set_kick(struct path_set *s, instant now);

/** Writes the next probe that is due and where it goes. Returns its length, or 0. */
MUST_USE size_t path_set_output(struct path_set *s, instant now, struct path *to,
                                uint8_t out[static PROBE_MAX]);
instant path_set_deadline(const struct path_set *s);
/**
 * Writes a ping of PROBE_MIN bytes for a place where the other side may be, without remembering it:
 * for the many guesses of hole punching, whose number and rate the caller limits. Whoever answers,
 * or sends a probe of its own, is noticed by path_set_input() as a source that was not known.
 */
void path_set_guess(struct path_set *s, const struct addr *remote, uint8_t out[static PROBE_MIN]);

/** The path to send the session's packets over. Valid until the next call. */
const struct path *path_set_current(const struct path_set *s);
/** True once after each change of the current path. */
MUST_USE bool path_set_take_switch(struct path_set *s);
/** Bytes of UDP payload that pass over the current path: PROBE_FULL to PROBE_MAX. */
size_t path_set_payload(const struct path_set *s);
/** True once after that became less, though the path is the same. */
MUST_USE bool path_set_take_shrink(struct path_set *s);
/** True once after a session that gave up its straight paths, being idle, has data again: it may be
 *  time to punch anew. */
MUST_USE bool path_set_take_wake(struct path_set *s);
/** True while it is idle, for so long that direct paths were given up. */
bool path_set_is_resting(const struct path_set *s);
/** True while the current path is silent although something is outstanding (3 s). */
bool path_set_is_suspect(const struct path_set *s);
/** Does a path work both ways, as far as is known? */
bool path_set_works(const struct path_set *s, const struct path *path);
/** The other side has sent a valid probe: it is a gateway like us. */
bool path_set_speaks_probes(const struct path_set *s);
/** Describes the paths, the current one first. Returns how many there are; fills up to `max`. */
size_t path_set_info(const struct path_set *s, struct path_info *out, size_t max);
