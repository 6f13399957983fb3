/**
 * Records on the DHT (gateway/wire/pkarr.h): ours, published and kept up; and those of peers whom
 * somebody wants to reach or to know about. Peers may tell of some (peer_exchange.h).
 *
 * Ours goes to the 20 or more nodes closest to our key once the DHT is entered, every hour, and
 * when what it says has changed; sooner where fewer than that took it. Its number (microseconds of
 * the wall clock) never serves twice, also after a crash: the file RECORD_SEQ_FILE holds a number
 * before it is used. Of others' records the highest number seen is remembered, for peers in the
 * registry on disk; older ones are not believed.
 *
 * In a network with a name ([gateway] network) records have a salt, so that those of one network
 * are not found in another; and who stores them cannot tell which are of one network.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/discovery/exchange_memory.h"
#include "gateway/node/desk.h"
#include "gateway/node/dht_desk.h"
#include "gateway/node/pkarr_relays.h"
#include "gateway/wire/pkarr.h"

#define RECORD_SEQ_FILE   "record.seq"
#define RECORD_CACHE_MAX  64 /* records of others kept in memory, the least lately used goes */
#define RECORD_QUESTS_MAX 24 /* look-ups at a time */
#define RECORD_FRESH      SEC(300) /* so long a record is not looked up again */
#define RECORD_FUTURE_US                                                                           \
    (24 * 3600 * INT64_C(1000000)) /* a number this far ahead is shown as odd */

/** A record as it was found and verified. */
struct record_found {
    struct pkarr_record record;
    int64_t seq; /* microseconds of Unix time, as its owner says */
    instant when;
    unsigned copies;   /* nodes that had it, as far as they were asked */
    const char *relay; /* the URL of the one that it came from; NULL: it came from the DHT, */
    bool told;         /* or from a peer: */
    struct peer_id told_by;
};

/** Somebody who wants to know. Embed one; zeroed it is idle. */
struct record_wait {
    struct list link;
    struct peer_id id;
    /** Once, from the loop: 0 and the record, valid for the call; -ENOENT nobody has one;
     *  -EHOSTUNREACH the DHT does not answer; -EOPNOTSUPP it is switched off; -EBUSY too many
     *  look-ups are under way. */
    void (*done)(struct record_wait *w, int err, const struct record_found *found);
};

/** What the desk needs to know of the gateway to publish its record. */
struct record_source {
    const struct keys *keys;
    /** Relays through which we are reached, as PEER_ID@HOST:PORT, the home relay first. */
    size_t (*relays)(void *arg, char out[static PKARR_RELAYS_MAX][PKARR_RELAY_MAX + 1]);
    /** Addresses that may be told to everybody; none unless a person wants it. */
    size_t (*addresses)(void *arg, struct addr *out, size_t max);
    /** Asks peers for a record. False: there is nobody to ask. record_desk_asked() follows. */
    bool (*ask)(void *arg, const struct peer_id *id);
    /** What peers have told of a record; or NULL. */
    const struct exchange_known *(*told)(void *arg, const struct peer_id *id);
    /** Ours was signed; another's was found. */
    void (*on_own)(void *arg, const struct dht_item *item);
    void (*on_found)(void *arg, const struct record_found *found);
    /** A dialled peer may be at these places; `relay` as in struct pkarr_record. */
    void (*on_places)(void *arg, struct peer *p, const struct pkarr_record *record);
    void *arg;
};

enum record_state {
    RECORD_OFF,     /* there is no DHT */
    RECORD_WAITING, /* for the DHT, or for the next time */
    RECORD_LOOKING, /* at what is there under our key */
    RECORD_STORING,
};

/** Ours, as `status` shows it. */
struct record_status {
    enum record_state state;
    int64_t seq;     /* of the last one that was stored; 0: none yet */
    instant when;    /* that was */
    unsigned nodes;  /* that keep it */
    unsigned relays; /* of pkarr that took it last */
    size_t left_out; /* services and addresses that did not fit */
};

struct record_desk {
    const struct desk *node; /* borrowed; NULL: not started */
    struct dht_desk *dht;
    struct record_source source;
    struct list quests; /* of struct record_quest */
    unsigned quest_count;
    struct record_found *cache; /* RECORD_CACHE_MAX; seq 0: free */
    struct list at_once;        /* of struct record_wait: answered from the loop */
    struct deferred answering;

    struct dht_call call; /* about ours */
    struct relays_call relays;
    struct timer timer;
    struct dht_item item; /* as signed last */
    enum record_state state;
    int64_t last_seq;
    bool changed; /* while a call was under way */
    unsigned failures;
    unsigned thin; /* times in a row that too few nodes took it */
    struct record_status stored;
};

/** Begins. Returns 0 or -ENOMEM. */
MUST_USE int record_desk_start(struct record_desk *d, const struct desk *node, struct dht_desk *dht,
                               const struct record_source *source);
/** Waits that are under way end with -ECANCELED. Fine on a zeroed struct. */
void record_desk_stop(struct record_desk *d);

/** What we publish may have changed: looks soon. */
void record_desk_changed(struct record_desk *d);
void record_desk_status(const struct record_desk *d, struct record_status *out);

/** A peer is being dialled: looks its record up, unless that is fresh; source.on_places() follows,
 *  at once for a record that is known. peer_await() says until when. */
void record_desk_find(struct record_desk *d, struct peer *p);
/** Looks a record up, unless what is known is fresh; w->done() follows. */
void record_desk_resolve(struct record_desk *d, const struct peer_id *id, struct record_wait *w);
/** What is known of a record, without looking; or NULL. */
const struct record_found *record_desk_known(const struct record_desk *d, const struct peer_id *id);
/** A peer told of a record, newer than any that is known. */
void record_desk_told(struct record_desk *d, const struct exchange_known *known);
/** Peers that were asked for a record have answered, or did not. */
void record_desk_asked(struct record_desk *d, const struct peer_id *id);
/** The highest number of a record of this key that was seen, 0: none. */
int64_t record_desk_highest(const struct record_desk *d, const struct peer_id *id);
/** Forgets it. */
void record_desk_cancel(struct record_wait *w);

/* Between the files of this module: ours (record_publish.c). */

/** The salt under which records of our network are kept, for the key: none in the common one, whose
 *  records any pkarr client reads. Written to `out`. */
struct krpc_bytes record_salt(const struct record_desk *d, const uint8_t key[static KRPC_KEY_LEN],
                              uint8_t out[static PKARR_SALT_LEN]);
void record_publish_start(struct record_desk *d);
void record_publish_stop(struct record_desk *d);
