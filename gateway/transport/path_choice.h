/**
 * Which path of the table carries the session.
 *
 * Straight paths come before those by way of others, and UDP before TCP, whatever their round trips
 * (enum path_tier). Each side goes up by itself as soon as a path of a better tier has proved to
 * carry full-size packets; within a tier the dialler alone changes for speed, and only for 5 ms and
 * a tenth, found twice. Down it goes when the current path is dead (path_watch.h), or the other
 * side says that it went down. A path that was left soon after it was chosen has to wait before it
 * is chosen again, longer each time, so that nothing can make two sides chase one another.
 *
 * A session without data for five minutes gives up straight paths for that of a relay, which is
 * kept open anyway, until there is data again.
 *
 * Private to the path_* modules of this folder; others use gateway/transport/path_set.h.
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/clock.h"
#include "gateway/transport/path_table.h"

#define PATH_IDLE_AFTER  SEC(60) /* without data, before there are keep-alives only */
#define PATH_SETTLE_TIME SEC(1)  /* before the first change for speed */

enum {
    PATH_FULL_TRIES = 5, /* full-size pings before a path counts as narrow */
    PATH_SAMPLES = 3,    /* round trips measured at once when a path is found */
};

/** Judges anew; call it after every input and before every output. */
void path_choice_run(struct path_set *s, instant now);
/** When to call it although nothing happened. */
instant path_choice_deadline(const struct path_set *s);
/** Something may be due sooner than was thought. */
void path_choice_plan(struct path_set *s, instant now);

/** A path has answered: compares it with the current one. */
void path_choice_compare(struct path_set *s, struct path_slot *p, instant now);
/** The other side sends over `p`, or said that it does: goes there as well, if that is right. */
void path_choice_follow(struct path_set *s, struct path_slot *p, instant now);
/** The other side sends over `p` and no longer over the current path. */
bool path_choice_has_moved(struct path_set *s, const struct path_slot *p);
/** There is data again: straight paths are wanted. */
void path_choice_wake(struct path_set *s, instant now);
