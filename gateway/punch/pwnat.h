/**
 * Autonomous NAT traversal ("pwnat"): calling a gateway behind a NAT of which only the public
 * address is known, with nobody between who tells it.
 *
 * The callee sends an ICMP Echo Request to an address where nobody is, now and then, so that its
 * NAT has a mapping. The caller sends a Time Exceeded (RFC 792) to the callee's public address, as
 * a router on the way would, that quotes this Echo Request: the NAT lets it in. What only a contact
 * can write is in the quoted packet's data (gateway/wire/icmp_notice.h). The callee then opens its
 * NAT towards the caller by openers, and both dial.
 *
 * For the NAT's sake all that it compares is known to the caller: the Echo Request goes to
 * pwnat_nowhere(), its sequence number is fixed, its identifier follows from the callee's peer id
 * (NATs keep that if they can; through one that does not, nobody can call), and its data are as
 * long as a notice.
 *
 * The caller's own NAT is the weak point. Linux's lets an ICMP error out about a packet that it
 * does not know, but leaves its source address private (measured, 6.18), and providers that look at
 * sources drop it. Where it arrives, the notice says the public address if the caller knows it, and
 * the callee may know it, too.
 *
 *     struct pwnat_ear   the callee: recognises notices
 *     struct pwnat_call  what the callee does about one, by the clock
 *     struct pwnat_ring  the caller's side of one attempt to connect, by the clock
 *
 * Bounds: of what comes by ICMP PWNAT_HEARD_RATE messages a second are looked at, a contact is
 * listened to every PWNAT_CALL_EVERY, each notice once, PWNAT_WINDOW_MS around the time that it
 * says; and only addresses that pass punch_may_probe() get an answer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/bucket.h"
#include "gateway/base/clock.h"
#include "gateway/wire/icmp.h"
#include "gateway/wire/icmp_notice.h"

/** Between Echo Requests: Linux forgets an ICMP mapping after 30 s (RFC 5508 asks for 60). */
#define PWNAT_ECHO_EVERY SEC(25)
#define PWNAT_HEARD_RATE 20 /* a second */
#define PWNAT_CALL_EVERY SEC(2)
#define PWNAT_WINDOW_MS  60000
#define PWNAT_ID_LEN     32 /* bytes of a peer id */
#define PWNAT_PLACES_MAX 8  /* two addresses, two ports; and as many that the callee knows */

/** Where Echo Requests go: an address that routers forward and nobody answers from. TEST-NET-1
 *  (RFC 5737) is nobody's for ever; home routers know no better than to send it to their provider,
 *  where it ends. Addresses that merely had no owner, as pwnat's 3.3.3.3, got one. */
struct addr pwnat_nowhere(void);
/** Writes the Echo Request of the gateway whose identifier is `id`. Returns its length. */
size_t pwnat_echo(uint8_t out[static ICMP_MESSAGE_MAX], uint16_t id);
/** Writes a Time Exceeded for the gateway at `to`, whose identifier is `id`. Returns its length. */
size_t pwnat_exceeded(uint8_t out[static ICMP_MESSAGE_MAX], uint16_t id, const struct addr *to,
                      const uint8_t notice[static ICMP_NOTICE_LEN]);

/* ---- the callee ---- */

struct pwnat_contact {
    uint8_t id[PWNAT_ID_LEN];
    enum { PWNAT_KEYLESS, PWNAT_KEYED, PWNAT_UNUSABLE } state;
    uint8_t key[ICMP_NOTICE_KEY_LEN]; /* of what it says to us */
    uint64_t newest_ms;               /* time of its last notice that was listened to */
    instant heard;                    /* when; 0: never */
};

struct pwnat_ear {
    uint16_t id; /* of our Echo Requests */
    struct pwnat_contact *list;
    size_t count;
    struct bucket rate;
    uint64_t calls, ignored; /* notices: listened to; all others */
    /** Makes the key of what a contact says to us. Returns 0, or -EINVAL: there is none. */
    int (*key)(void *arg, const uint8_t id[PWNAT_ID_LEN], uint8_t key[ICMP_NOTICE_KEY_LEN]);
    void *arg;
};

/** A message as it came. */
struct pwnat_heard {
    instant now;
    uint64_t wall_ms; /* Unix time */
    struct addr from;
    const uint8_t *data; /* borrowed */
    size_t len;
    const struct addr *own; /* our addresses, see punch_may_probe(); borrowed */
    size_t own_count;
};

/** Wipes keys and frees the list. */
void pwnat_ear_deinit(struct pwnat_ear *e);
/** Replaces the contacts by `count` ids, PWNAT_ID_LEN bytes each; what is known of those that stay
 *  is kept. Returns 0 or -ENOMEM (nothing changed). */
MUST_USE int pwnat_ear_set(struct pwnat_ear *e, const uint8_t (*ids)[PWNAT_ID_LEN], size_t count);

/** What the callee has to do now about a caller. */
enum pwnat_step { PWNAT_WAIT, PWNAT_OPEN, PWNAT_DIAL, PWNAT_OVER };

struct pwnat_call {
    uint8_t id[PWNAT_ID_LEN];
    struct addr place[PWNAT_PLACES_MAX]; /* where the caller may be, as it says or as it seems */
    size_t places;
    uint16_t fresh_port; /* for its other addresses, that the callee may know; 0: none */
    instant began;
    unsigned done; /* steps */
};

/** Listens to a message. Returns 0 and the call that it is, or: -EBADMSG, no notice; -EACCES, not
 * by a contact; -ESTALE, too old, or said before; -EAGAIN, too many, or too soon. */
MUST_USE int pwnat_ear_hear(struct pwnat_ear *e, const struct pwnat_heard *heard,
                            struct pwnat_call *out);
/** Adds the fresh port at an address that the caller is known to have. */
void pwnat_call_add(struct pwnat_call *c, const struct pwnat_heard *heard, const struct addr *at);
/** The next step if it is due: PWNAT_OPEN, an opener to each place; PWNAT_DIAL, once; PWNAT_OVER,
 *  nothing any more: so long the caller is not to be called back. */
enum pwnat_step pwnat_call_next(struct pwnat_call *c, instant now);
/** When to ask again. */
instant pwnat_call_due(const struct pwnat_call *c);

/* ---- the caller ---- */

enum pwnat_ring_step {
    PWNAT_RING_WAIT,
    PWNAT_RING_FRESH,  /* a new round: open a fresh socket */
    PWNAT_RING_NOTICE, /* tell the callee; by now the same as before in this round */
    PWNAT_RING_DIAL,   /* from the fresh socket */
    PWNAT_RING_OVER,
};

struct pwnat_ring {
    instant began; /* the attempt to connect */
    unsigned done;
};

/** The next step if it is due. */
enum pwnat_ring_step pwnat_ring_next(struct pwnat_ring *r, instant now);
/** When to ask again. */
instant pwnat_ring_due(const struct pwnat_ring *r);
