/**
 * Whether the path that carries the session still does.
 *
 * It is silent when something of ours waits for an answer and nothing comes over it. Silence of 3 s
 * makes it suspect, of 6.5 s dead. When another path is known it need not come to that: after half
 * a second of silence, or longer where round trips are long, both are asked in a quick row, and if
 * the other one answers and this one does not for as long again, it is dead. A lossy path is not:
 * of so many questions one gets through.
 *
 * Private to the path_* modules of this folder; others use gateway/transport/path_set.h.
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/clock.h"
#include "gateway/transport/path_table.h"

/** Packets of the session, or an answer that proves as much, came over the current path. */
void path_watch_lives(struct path_set *s, instant now);
/** The local network changed: the current path has to prove itself soon. */
void path_watch_doubt(struct path_set *s, instant now);
/** Does what is due: suspects, and asks. */
void path_watch_run(struct path_set *s, instant now);
/** Another path answered a ping that was sent at `asked`. */
void path_watch_spare(struct path_set *s, instant asked, instant now);

bool path_watch_is_dead(const struct path_set *s, instant now);
/** A path is worth going to when it has answered a ping sent since then. */
instant path_watch_since(const struct path_set *s);
/** Time between pings of a path that is being asked in a quick row, or 0: it is not. */
instant path_watch_pace(const struct path_set *s, instant now);
/** When something of this comes next, after `now`. */
instant path_watch_next(const struct path_set *s, instant now);
