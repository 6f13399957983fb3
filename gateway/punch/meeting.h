/**
 * Meeting a gateway that said by some messenger where it is (gateway/discovery/mailbox.h), by the
 * clock. There is no session to say anything over: the round is the dialling itself.
 *
 * Both sides open their NATs towards the other at once and keep them open, by openers that go no
 * further than their own NATs. Who has got the answer dials at once, as the other's NAT is open by
 * then, and again when the other does: at the moment that the answer names. Whoever gets through
 * first has made the session.
 *
 * Bounds: MEETING_PLACES_MAX addresses, MEETING_DIALS attempts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/addr.h"
#include "gateway/base/clock.h"

#define MEETING_PLACES_MAX 12
#define MEETING_DIALS      3
/** NATs forget a mapping that had no answer after 30 s (Linux). */
#define MEETING_OPEN_EVERY SEC(10)
#define MEETING_DIAL_EVERY SEC(10)
/** After the first openers. */
#define MEETING_DIAL_AFTER MSEC(300)

enum meeting_step {
    MEETING_WAIT,
    MEETING_OPEN, /* an opener to each place */
    MEETING_DIAL, /* each place */
    MEETING_OVER,
};

struct meeting {
    struct addr place[MEETING_PLACES_MAX];
    size_t places;
    instant meet;  /* when both dial */
    instant until; /* when it is over */
    instant open, dial;
    unsigned dials;
};

/** Begins: `now` is when the other side was heard of; `at_once`, its NAT is open. Keeps the places.
 */
void meeting_begin(struct meeting *m, instant now, instant meet, instant until, bool at_once);
/** The next step if it is due. */
enum meeting_step meeting_next(struct meeting *m, instant now);
/** When to ask again. */
instant meeting_due(const struct meeting *m);
