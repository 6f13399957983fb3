/**
 * Which path of the table carries the session: when the current one counts as suspect or dead,
 * where to go then, and when another is enough faster to be worth a change.
 *
 * Private to the path_* modules of this folder; others use gateway/transport/path_set.h.
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/clock.h"
#include "gateway/transport/path_table.h"

#define PATH_SAMPLES 3 /* round trips before two paths are compared */

enum { PATH_FULL_TRIES = 3 }; /* full-size pings before a path counts as narrow */

/** Judges anew; call it after every input and before every output. */
void path_choice_run(struct path_set *s, instant now);
/** When to call it although nothing happened. */
instant path_choice_deadline(const struct path_set *s);

/** Makes `to` the current path. With `announce` the decision is ours, and the other side is told
 *  to follow. */
void path_choice_switch(struct path_set *s, struct path_slot *to, instant now, bool announce);

/** The other side sends over `p` and no longer over the current path. */
bool path_choice_has_moved(struct path_set *s, const struct path_slot *p);
/** Packets of the session, or a proof of full size, came over the current path. */
void path_choice_current_lives(struct path_set *s, instant now);
/** The local network changed: the current path has to prove itself soon. */
void path_choice_doubt(struct path_set *s, instant now);
