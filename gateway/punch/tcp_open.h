/**
 * TCP simultaneous open (RFC 9293 §3.5): both sides connect to one another at the same moment, each
 * from the port that the other was told (candidates of type CANDIDATE_TCP, which RFC 6544 §4.1
 * calls "simultaneous-open"), so that each NAT takes the other side's SYN for an answer.
 *
 * The strategy is one of a round's, after those that need UDP, or next to at once where UDP is
 * known to be blocked. This part says whom to connect to and when; the owner connects, and tells
 * when an attempt was turned down. An attempt that is only dropped is not repeated: the kernel
 * sends its SYN again by itself, which counts as well.
 *
 *     tcp_open_add()       an address of the peer
 *     tcp_open_begin()     the moment that both sides have agreed on
 *     tcp_open_output()    while it returns true: addresses to connect to
 *     tcp_open_refused()   one was turned down
 *     tcp_open_deadline()  when to call tcp_open_output() again
 *
 * Bounds: TCP_OPEN_ADDRESSES addresses, TCP_OPEN_RATE attempts a second to all of them, and
 * PUNCH_PER_ADDRESS SYNs to any one. NATs that give each destination a port of its own for TCP, as
 * some do that do not for UDP, are not met: their ports would have to be guessed, and a guess
 * that is wrong costs a connection.
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/bucket.h"
#include "gateway/base/clock.h"

#define TCP_OPEN_ADDRESSES 8
#define TCP_OPEN_SYNS      4  /* that an attempt may come to within a step of a round */
#define TCP_OPEN_RATE      20 /* attempts a second, and as many at once as there are addresses */

struct tcp_open {
    struct tcp_open_target {
        struct addr addr;
        bool trying;
        instant since;    /* when the attempt began */
        instant due;      /* of the next SYN, ours or the kernel's; INSTANT_NEVER: there is none */
        unsigned repeats; /* of this attempt */
        unsigned syns;    /* in all */
    } target[TCP_OPEN_ADDRESSES];
    unsigned targets, attempts;
    instant began; /* INSTANT_NEVER: not yet */
    struct bucket rate;
};

void tcp_open_init(struct tcp_open *t);
/** One more address of the peer. Known ones, and those beyond the bound, are ignored. */
void tcp_open_add(struct tcp_open *t, instant now, const struct addr *a);
/** From `at` on there are attempts. */
void tcp_open_begin(struct tcp_open *t, instant at);
/** Writes the address of the next attempt that is due; or (`again`) of one whose SYN the kernel is
 *  about to repeat: who does not want that gives it up. */
MUST_USE bool tcp_open_output(struct tcp_open *t, instant now, struct addr *to, bool *again);
/** The attempt for an address has come to nothing. `pause` is of chance, below TCP_OPEN_SPREAD: two
 *  sides that wait equally long would miss one another by as much each time. */
void tcp_open_refused(struct tcp_open *t, instant now, const struct addr *a, instant pause);
instant tcp_open_deadline(const struct tcp_open *t);

#define TCP_OPEN_SPREAD MSEC(50)
