/**
 * The relay's part of a gateway: who is registered, which circuits join whom, and the datagrams
 * that go through them, sealed end to end and never looked into.
 *
 * Control comes over sessions (gateway/wire/relay_message.h): the owner tells who is connected,
 * from where, and what it says. Data comes as frames (gateway/wire/relay_frame.h) in batches and
 * leaves as batches, rewritten in place: nothing is encrypted, copied or parsed beyond 16 bytes a
 * frame. A frame is forwarded only if its tag is that of its circuit and it came over the very path
 * that its sender's session uses; it goes to the path of the other side's session and nowhere else.
 *
 * Guests of invites find their hosts here, too (gateway/wire/invite_message.h): who may register
 * may name the handles of its open invites, and whoever is connected may send a note to the first
 * three that named a handle. A token, known to the two alone, brings the answer back. Nothing is
 * ever said to somebody who did not ask for it or registered no invite.
 *
 * The called side of a circuit is registered here, and pays for it with its quota: bytes a second
 * and bytes a day. The calling side may be a guest: connected, and no more.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/clock.h"
#include "gateway/base/path.h"
#include "gateway/identity/peer_id.h"
#include "gateway/wire/relay_message.h"

struct relay_server;

struct relay_server_events {
    /** May this peer register? */
    bool (*may_register)(void *arg, const struct peer_id *id);
    /** Says something to the peer on its connection `conn`; nothing of this module may be called
     *  from inside. */
    void (*tell)(void *arg, void *conn, const struct relay_message *m);
    /** Sends a batch laid out as struct udp_tx describes. Returns 0, or -EAGAIN: nothing of it was
     *  kept, relay_server_flush() follows. */
    int (*send)(void *arg, const struct path *to, const uint8_t *data, size_t len, size_t segment);
    void (*random)(void *arg, void *out, size_t len);
};

struct relay_server_options {
    const struct relay_server_events *events;
    void *arg;
    unsigned max_clients;  /* connections that have ever asked for something; 1024 when 0 */
    unsigned max_circuits; /* of one of them that is registered; 256 when 0 */
    uint64_t rate;         /* bytes/s that one registered client pays for; 0: no limit */
    uint64_t daily;        /* bytes of one registered client in 24 hours; 0: no limit */
};

struct relay_server_counters {
    unsigned clients, registered, circuits;
    unsigned invites, talks;   /* handles that are registered, exchanges about them */
    uint64_t bytes, datagrams; /* forwarded, headers not counted */
    /* Datagrams dropped: of no circuit, tag or source of ours; beyond a quota; and those that
     * waited longest, when a receiver's queue was full. */
    uint64_t strange, over_quota, over_full;
    uint64_t hasty; /* messages that came faster than ten a second, not answered */
};

MUST_USE int relay_server_new(struct relay_server **out,
                              const struct relay_server_options *options);
void relay_server_free(struct relay_server *s);

/** A connected peer says something; `path` is where its session is now. `conn` stands for the
 *  connection until relay_server_left(). */
void relay_server_message(struct relay_server *s, instant now, void *conn, const struct peer_id *id,
                          const struct path *path, const struct relay_message *m);
/** The session of a connection is over another path now: its new tags are told. */
void relay_server_moved(struct relay_server *s, void *conn, const struct path *path);
/** The connection has ended: so do its circuits, and the other sides are told. */
void relay_server_left(struct relay_server *s, void *conn);

/** Frames that arrived together over `path`, each `segment` bytes long but for the last, which may
 *  be shorter. They are scribbled on. */
void relay_server_input(struct relay_server *s, instant now, const struct path *path, uint8_t *data,
                        size_t len, size_t segment);
/** It may be possible to send again after -EAGAIN. */
void relay_server_flush(struct relay_server *s);

/** Ends circuits that have carried nothing for five minutes. To be called at the deadline. */
void relay_server_tick(struct relay_server *s, instant now);
instant relay_server_deadline(const struct relay_server *s);

void relay_server_counters(const struct relay_server *s, struct relay_server_counters *out);
