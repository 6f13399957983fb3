/**
 * What the files of the DHT node (dht*.c) share, and nobody else sees.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/list.h"
#include "gateway/discovery/dht_limit.h"
#include "gateway/discovery/dht_lookup.h"
#include "gateway/discovery/dht_routing.h"
#include "gateway/discovery/dht_size.h"
#include "gateway/discovery/dht_store.h"
#include "gateway/discovery/dht_token.h"
#include "gateway/discovery/dht_types.h"

enum {
    DHT_T_LEN = 4,         /* of our transaction ids: some programs take no other length */
    DHT_QUERIES_MAX = 512, /* of ours under way */
    DHT_CHECKS_MAX = 8,    /* newcomers that wait to be asked whether they are there */
    DHT_BLOOM_BYTES = 1024,
};

/** `v` of our messages: four bytes, as one program drops a message for any other length. */
#define DHT_VERSION ((struct krpc_bytes){(const uint8_t *)"OV\0\1", 4})

#define DHT_SILENT_AFTER MSEC(2500) /* a node has not answered */
#define DHT_LIMIT_PAUSE  MSEC(250)  /* before an address that got enough is tried again */

enum dht_purpose { DHT_TO_CHECK, DHT_TO_LOOK_UP, DHT_TO_KEEP, DHT_TO_PING };

/** A query of ours under way. */
struct dht_query {
    uint8_t t[DHT_T_LEN];
    enum dht_purpose purpose;
    struct addr to;
    instant sent;
    struct dht_request *request; /* NULL: nobody's any more */
};

struct dht_family {
    bool on;
    struct dht_routing routing; /* has our id */
    struct dht_votes votes;
    struct dht_size size;
    struct addr bootstrap[DHT_BOOTSTRAP_MAX];
    unsigned bootstraps;
    struct addr check[DHT_CHECKS_MAX];
    unsigned checks;
    struct dht_request *upkeep; /* a look-up of our own under way */
    instant next_check, next_upkeep;
    unsigned tries; /* to find a first node, in a row */
    unsigned fills; /* look-ups that may still be made to fill the table */
};

enum dht_asked_for {
    DHT_FIND_NODES, /* our own upkeep */
    DHT_GET_ITEM,
    DHT_PUT_ITEM,
    DHT_FIND_PEERS,
    DHT_ANNOUNCE,
    DHT_SAMPLE_NODES,
    DHT_PING_NODE,
};

struct dht_request {
    struct list link;
    enum dht_asked_for what;
    void *arg;
    struct dht_id target;
    struct dht_lookup *lookup[2]; /* NULL: not that family */
    bool storing, done;
    bool peeks;   /* asks those that it was given alone */
    bool counted; /* its look-ups told of the network's size */
    int result;
    instant started, first, ended;
    instant due; /* when it has something to do without an answer */

    int64_t min_seq;
    struct dht_item item; /* to put; of a get, its key and salt */
    bool has_cas;
    int64_t cas;
    uint16_t port; /* to announce; 0: implied */

    struct dht_item best;
    bool has_best, news;
    unsigned copies;
    struct dht_near near; /* once it is over */

    struct addr *peer;
    size_t peers, peers_told;

    struct dht_id *sample;
    size_t samples, samples_told;
    unsigned sampled;

    unsigned stored;
    int refused;

    struct addr node; /* to ping */
    bool sent;
    struct dht_id id;
    uint8_t version[4];
};

/** Have strangers reached us? Who we wrote to in the last minutes is none. */
struct dht_reach {
    uint8_t met[2][DHT_BLOOM_BYTES]; /* present and last period: addresses that we wrote to */
    instant period_ends;
    uint8_t stranger[20]; /* the network of the first one */
    size_t stranger_len;
    instant first_stranger, last_stranger; /* 0: none */
    instant trial_ends, next_trial;
};

struct dht {
    struct dht_options options;
    struct dht_family family[2]; /* IPv4, IPv6 */
    struct dht_tokens tokens;
    struct dht_store store;
    struct dht_limit limit;
    struct dht_reach reach;
    bool serving;
    uint64_t secret[2];
    struct list requests;
    unsigned request_count;
    struct dht_request *gone; /* told of by the last event */
    struct dht_query *query;
    unsigned queries, query_room;
    instant next_silence; /* when a query may have been without answer for too long */
    instant next_expiry;
    double usual_ms;         /* four of five answers take no longer */
    struct dht_pause *pause; /* who is not to be asked for samples; NULL: nobody */
    unsigned pauses;
    struct dht_counters count;
    struct addr reply_to;
    size_t reply_len; /* 0: none waits */
    uint8_t out[KRPC_PACKET_MAX];
};

static inline struct dht_family *dht_family_of(struct dht *d, const struct addr *a)
{
    return &d->family[addr_is_v6(a)];
}

static inline void dht_random(struct dht *d, void *out, size_t len)
{
    d->options.random(d->options.arg, out, len);
}

/** Do we answer queries now? */
static inline bool dht_answers(const struct dht *d, instant now)
{
    return d->serving || now < d->reach.trial_ends;
}

/* ---- dht_rpc.c: queries of ours ---- */

/** Writes a query into `tx`; fills in id, transaction, version and `ro`. False if the address got
 *  enough already, or too much is under way. */
MUST_USE bool dht_ask(struct dht *d, instant now, struct krpc *m, const struct addr *to,
                      enum dht_purpose purpose, struct dht_request *request, struct dht_tx *tx);
/** Takes a reply or an error. */
void dht_take_answer(struct dht *d, instant now, const struct addr *from, const struct krpc *m);
/** Gives up on queries that are too old. */
void dht_expire_queries(struct dht *d, instant now);
/** Its queries are nobody's any more. */
void dht_disown_queries(struct dht *d, const struct dht_request *r);
/** After which time a node is slow. */
instant dht_soft_timeout(const struct dht *d);

/* ---- dht_serve.c: queries of others ---- */

/** `err` is what krpc_read() said. */
void dht_serve(struct dht *d, instant now, const struct addr *from, const struct krpc *m, int err);

/* ---- dht_request.c, dht_answer.c ---- */

/** A look-up of our own. NULL as for all requests. */
MUST_USE struct dht_request *dht_start_find(struct dht *d, instant now, const struct dht_id *target,
                                            unsigned family);
/** Writes what the request has to ask now. False: nothing; it may be done then. */
MUST_USE bool dht_request_output(struct dht *d, instant now, struct dht_request *r,
                                 struct dht_tx *tx);
/** Takes it out and frees it. */
void dht_request_free(struct dht *d, struct dht_request *r);
void dht_request_done(struct dht_request *r, instant now, int result);

/** A node answered (`m`), refused (`m` is an error) or kept silent (NULL). */
void dht_request_answer(struct dht *d, instant now, const struct dht_query *q,
                        const struct krpc *m);

/* ---- dht_sample.c ---- */

/** May this node be asked for samples, or does it want to be left alone for a while? */
bool dht_sample_may_ask(const struct dht *d, instant now, const struct addr *node);
/** It answered. */
void dht_sample_take(struct dht *d, instant now, struct dht_request *r, const struct addr *from,
                     const struct krpc *m);
/** It refused. True if it did not know the question: then it may still be asked for nodes. */
bool dht_sample_refused(struct dht *d, instant now, const struct addr *from);

/* ---- dht_upkeep.c ---- */

/** Our own checks, refreshes and trials. */
MUST_USE bool dht_upkeep_output(struct dht *d, instant now, struct dht_tx *tx);
instant dht_upkeep_deadline(const struct dht *d);
/** We have another address: an id that fits it. */
void dht_take_address(struct dht *d, instant now, struct dht_family *f);
/** We write to it; then it is no stranger. */
void dht_met(struct dht *d, instant now, const struct addr *to);
/** It asked us. */
void dht_met_by(struct dht *d, instant now, const struct addr *from);
