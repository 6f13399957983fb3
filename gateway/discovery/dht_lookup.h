/**
 * One iterative look-up in one address family: whom to ask next, until the nodes closest to the
 * target have answered.
 *
 * Questions go to DHT_ALPHA candidates at a time; but once somebody answered, who is named among
 * the DHT_NEAREST closest so far is asked at once: he may well have what is looked for. One that
 * takes longer than its soft timeout (drawn from the round-trip times that there are) keeps its
 * chance to answer and frees its place, so that the look-up widens where nodes are silent.
 *
 * "The closest" are at least DHT_CLOSEST whose ids fit their addresses (BEP 42), and as many more
 * as it takes to come as far from the target as the DHT_CLOSEST-th node is expected in a network of
 * this size, and to as many different networks as usual. Somebody who crowds the target with nodes
 * of his own therefore does not keep us from the others. And where they end twice as far as
 * expected, those behind them are asked too. At most DHT_CLOSEST_MAX.
 *
 * Nodes that lie could still pass us from one to the next, each naming its friends alone. So every
 * candidate belongs to the path that first led to it: those that we start from are dealt out to
 * DHT_PATHS paths, and who is named belongs to the path of who names it. Of each path the
 * DHT_PATH_ENDS closest have to answer, even if others are closer: one path that begins well leads
 * out.
 *
 * Of one address comes one candidate, of one network (/24, /48) four, and of those that do not fit
 * a quarter.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/base/clock.h"
#include "gateway/discovery/dht_id.h"
#include "gateway/discovery/dht_size.h"
#include "gateway/wire/krpc.h"

enum {
    DHT_CANDIDATES_MAX = 128,
    DHT_ALPHA = 10,
    DHT_ALPHA_CLOSE = 20,   /* once one of the very closest has answered: the rest is known */
    DHT_NEAREST = 6,        /* are asked at once, whoever else is: an answer leads straight on */
    DHT_IN_FLIGHT_MAX = 32, /* of those that are slow too */
    DHT_CLOSEST = 20,
    DHT_CLOSEST_MAX = 48,
    DHT_PATHS = 6,
    DHT_PATH_ENDS = 3,
};

enum dht_candidate_state { DHT_NEW, DHT_ASKED, DHT_ANSWERED, DHT_FAILED };
enum dht_keeping { DHT_KEEPS_NOT, DHT_KEEP_ASKED, DHT_KEEPS, DHT_KEEP_REFUSED };

struct dht_candidate {
    struct dht_id id;
    struct addr addr;
    enum dht_candidate_state state;
    bool known; /* its id is; it is not of an address to start from */
    uint8_t path;
    bool fits;
    uint8_t token_len;
    enum dht_keeping keeping; /* of what is put or announced */
    instant asked_at;
    instant slow_at; /* when its place is free for another */
    instant ready;   /* not to be asked before */
    bool has_seq;    /* it has an item, and its number is */
    int64_t seq;
    uint8_t token[KRPC_TOKEN_MAX];
};

/** Read freely. */
struct dht_lookup {
    struct dht_id target;
    bool v6;
    double distance;   /* expected of the DHT_CLOSEST-th node; 0: not known */
    unsigned networks; /* expected among the closest */
    unsigned more;     /* to find beside the closest, in case that some of these keep nothing */
    unsigned starts;   /* that were dealt out to paths */
    size_t count;
    unsigned asked, answered;
    struct dht_candidate candidate[DHT_CANDIDATES_MAX]; /* the closest first */
};

/** `size` may know nothing yet. */
void dht_lookup_init(struct dht_lookup *l, const struct dht_id *target, bool v6,
                     const struct dht_size *size);
/** Adds a node that somebody on `path` named. */
void dht_lookup_add(struct dht_lookup *l, const struct dht_id *id, const struct addr *addr,
                    uint8_t path);
/** Adds one to start from; `id` is NULL if it is not known: it is asked first. */
void dht_lookup_start(struct dht_lookup *l, const struct dht_id *id, const struct addr *addr);
/** The candidate to ask now, or NULL. Tell it by dht_lookup_asked() before asking for another. */
struct dht_candidate *dht_lookup_next(struct dht_lookup *l, instant now);
/** It was asked, and is slow after `soft`. */
void dht_lookup_asked(struct dht_lookup *l, struct dht_candidate *c, instant now, instant soft);
/** The candidate at an address, or NULL. */
struct dht_candidate *dht_lookup_find(struct dht_lookup *l, const struct addr *addr);
/** It answered, as `id`. Returns it, which may have moved, or NULL if it is of no use. */
struct dht_candidate *dht_lookup_answered(struct dht_lookup *l, struct dht_candidate *c,
                                          const struct dht_id *id);
void dht_lookup_failed(struct dht_candidate *c);

/** Have the closest answered, but for those that are very slow? */
bool dht_lookup_is_done(const struct dht_lookup *l, instant now);
/** When dht_lookup_next() or dht_lookup_is_done() may say something new without an answer. */
instant dht_lookup_deadline(const struct dht_lookup *l, instant now);
/** The closest that answered, in order. Returns how many. */
size_t dht_lookup_closest(struct dht_lookup *l, struct dht_candidate *out[static DHT_CLOSEST_MAX]);
