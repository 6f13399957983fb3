/**
 * Which probes leave, and when: candidates until they answer or have used up their tries, the path
 * in use as keep-alive, the others now and then.
 *
 *     in use     after 5 s in which it was not heard; without data for a minute, after 25 to 28 s
 *     others     each 60 s while there is data, unless 10 ms are good enough; without data, never
 *     that died  straight ones that have worked are asked each 10 s while there is data
 *
 * 28 s: Linux forgets a UDP flow that only one side has used after 30 s, many home routers any
 * flow.
 *
 * Private to the path_* modules of this folder; others use gateway/transport/path_set.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/transport/path_table.h"

#define PATH_IDLE_CHECK SEC(25)

enum {
    PATH_UNANSWERED_MAX = 20,    /* probes to one target */
    PATH_CHECKS_PER_SECOND = 20, /* probes to paths that never answered, all together */
    PATH_CHECKS_BURST = 32,
};

/** How long the current path of an idle session may be unheard, chosen at random. The dialler's
 * time is the shorter one, or both would ask at the same time. */
instant path_ping_idle_check(struct path_set *s);
/** Makes the paths due that are to be measured again. */
void path_ping_explore(struct path_set *s, instant now);
/** Writes the probe that is due on a path, up to PROBE_FULL bytes. Returns its length, or 0. */
size_t path_ping_write(struct path_set *s, struct path_slot *p, instant now, uint8_t *out);
/** Writes a ping of `len` bytes over a path that nothing but its size is to be learnt from. Returns
 *  its length. */
size_t path_ping_of_size(struct path_set *s, const struct path_slot *p, uint64_t challenge,
                         size_t len, uint8_t *out);
/** Writes a ping for a place that is no path. */
void path_ping_guess(struct path_set *s, const struct addr *remote, uint8_t *out);
/** A path has answered: when to ask it next. */
void path_ping_answered(struct path_set *s, struct path_slot *p, instant now);
/** There is data again after a minute or more. */
void path_ping_wake(struct path_set *s, instant now);
