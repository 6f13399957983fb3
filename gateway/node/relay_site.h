/**
 * Relays that we know of: where each is, what we have to do with it, and whom it is to be asked
 * for.
 *
 * Those that a person configured for us stay; those of our peers come and go.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/bucket.h"
#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/node/desk.h"
#include "gateway/wire/relay_message.h"

#define RELAY_QUESTS_MAX 64 /* peers that one relay is to be asked for */
#define RELAY_ADDRS_MAX  4
#define RELAY_DOORS      256

/** How often addresses are dialled where somebody is said to relay, and nobody was ever found to:
 *  whatever it is called, and whoever says so. Addresses share a bucket by chance. */
struct relay_doors {
    uint64_t secret[2];
    struct bucket dials[RELAY_DOORS];
};

struct relay_site {
    struct list link;
    const struct desk *node;
    struct relay_doors *doors; /* borrowed */
    struct peer_id id;
    char host[PEER_RELAY_MAX + 1]; /* HOST:PORT, or HOST:PORT/TLS-PORT */
    char name[PEER_RELAY_MAX + 1]; /* HOST alone, once it was looked up */
    uint16_t tls_port;             /* where it takes TLS */
    bool ours;                     /* a person configured it for us */
    bool named;                    /* a person has named it, for us or for a peer */
    bool told;                     /* of the refusal, in the log */
    enum relay_status status;      /* its last answer */
    struct quic_conn *asked;       /* we have asked it to let others reach us */
    bool answered;                 /* ... and it has answered */
    instant ask_again;             /* unless it lets them; INSTANT_NEVER: no need */
    struct quic_conn *registered;  /* where it lets others reach us, or NULL */
    struct lookup lookup;
    struct addr found[RELAY_ADDRS_MAX];
    int found_count;
    struct addr proven;                /* where it was found to be */
    struct addr dial[RELAY_ADDRS_MAX]; /* that have been allowed */
    size_t dials;
    instant dial_since;
    instant looked_up;
    struct peer_id quest[RELAY_QUESTS_MAX]; /* to be asked for once it is connected */
    size_t quests;
    unsigned failures; /* to reach it, in a row */
    instant pause;     /* it is not dialled before, unless a person waits */
    unsigned unused;   /* looks in a row that found no use for it */
};

void relay_doors_init(struct relay_doors *doors, struct env *env);

/** The place of a relay, or NULL. */
struct relay_site *relay_site_find(const struct list *places, const struct peer_id *id);
/** The place of a relay written PEER_ID@HOST:PORT, made if need be; NULL: malformed, our own, or no
 *  room. `named`: by a person; where other peers say that it is does not count then. */
struct relay_site *relay_site_get(struct list *places, const struct desk *node,
                                  struct relay_doors *doors, const char *text, bool named);
void relay_site_free(struct relay_site *p);

/** Looks its name up, unless that was done lately. What is found is dialled. */
void relay_site_look_up(struct relay_site *p);
/** May a peer name this address for us to send something there? Not one of this machine's own, nor
 * a private one of another network than ours, not one that we are told to keep out; where there is
 * NAT64, the IPv4 address inside is judged. */
bool relay_site_may_name(const struct desk *node, const struct addr *a);
/** Where it may be dialled now: writes up to `max`, returns how many. */
size_t relay_site_addresses(struct relay_site *p, struct addr *out, size_t max);
/** Where it may take TLS, as far as that is known: writes up to `max`, returns how many. */
size_t relay_site_tls(struct relay_site *p, struct addr *out, size_t max);
/** Remembers to ask it for a peer. Returns false if there are too many. */
bool relay_site_remember(struct relay_site *p, const struct peer_id *id);
/** Is it to be asked for this peer? */
bool relay_site_is_asked_for(const struct relay_site *p, const struct peer_id *id);
