/**
 * The two sides of an invite, wherever their messages travel (gateway/wire/invite_message.h): a
 * password of 22 bits, or the 128 of a ticket, lets two strangers exchange peer ids and addresses,
 * and nobody else learn them.
 *
 * The guest proves the password first, so only a wrong proof costs the host a try, and asking costs
 * nothing. After a wrong one the next is taken INVITE_PAUSE later at the earliest; INVITE_TRIES
 * wrong ones end the invite. The guest proves itself to at most INVITE_CLAIMS_MAX hosts, so
 * whoever poses as the host has as few tries. No secret key ever travels.
 *
 * Cores: bytes and a clock reading in, bytes out; they hold secrets until invite_*_end().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/clock.h"
#include "gateway/identity/invite_code.h"
#include "gateway/identity/peer_id.h"
#include "gateway/identity/words.h"
#include "gateway/wire/invite_message.h"
#include "gateway/wire/ticket.h"

#define INVITE_LIFETIME   SEC(600)
#define INVITE_TRIES      3
#define INVITE_PAUSE      SEC(5)
#define INVITE_CLAIMS_MAX 3

/** Unpredictable bytes. */
struct invite_random {
    void (*fill)(void *arg, void *out, size_t len);
    void *arg;
};

/** What both sides know: where the invite is found, and what proves it. */
struct invite_secret {
    uint8_t handle[INVITE_HANDLE_LEN]; /* public */
    char password[TICKET_SECRET_LEN * 2 + 1];
    uint8_t network[32]; /* gateways of different networks do not meet */
};

/** Of a short code: the handle follows from its number, the password is its words. */
void invite_secret_of_code(struct invite_secret *out, const struct invite_code *code,
                           const uint8_t network[static 32]);
/** Of a ticket: handle and password follow from its secret. */
void invite_secret_of_ticket(struct invite_secret *out, const uint8_t secret[static 16],
                             const uint8_t network[static 32]);

/** What one side tells the other once it is proven. */
struct invite_party {
    struct peer_id id;
    struct hints hints;
};

enum invite_verdict {
    INVITE_IGNORE,  /* not for this invite, or nothing that makes sense now */
    INVITE_ANSWER,  /* send what was written */
    INVITE_PROVEN,  /* the other side is right; the host sends its invite_host_welcome() */
    INVITE_REFUSED, /* `refusal` says why */
};

/** What came of a message. */
struct invite_result {
    enum invite_verdict verdict;
    enum invite_refusal refusal;      /* INVITE_REFUSED; and of an answer that refuses, else 0 */
    struct invite_party party;        /* INVITE_PROVEN: who it is */
    char fingerprint[WORDS_TEXT_MAX]; /* INVITE_PROVEN: the same words on both sides */
    size_t len;                       /* INVITE_ANSWER: bytes written */
};

/* ---- host ---- */

struct invite_host {
    struct invite_secret secret;
    struct invite_random random;
    instant expires, next_try;
    unsigned tries, uses; /* left */
    bool offered;
    uint8_t session[INVITE_SESSION_LEN];
    struct cpace pake;
    /* The newest claim and what was answered: a repeated claim gets it again and costs nothing. */
    uint8_t answered[CPACE_SHARE_LEN]; /* the claim's share */
    uint8_t answer[INVITE_MESSAGE_MAX];
    size_t answer_len;
};

/** Begins an invite that `uses` guests may use within `lifetime`. */
void invite_host_begin(struct invite_host *h, const struct invite_secret *secret,
                       const struct invite_random *random, instant now, instant lifetime,
                       unsigned uses);
/** True while a guest may still come. */
bool invite_host_open(const struct invite_host *h, instant now);
/** Writes the OFFER that stands now, for places that are looked into, not asked (the DHT). Returns
 *  its length, or 0 when the invite is over. */
size_t invite_host_offer(struct invite_host *h, instant now,
                         uint8_t out[static INVITE_MESSAGE_MAX]);
/**
 * Takes a message. INVITE_PROVEN: enrol the guest, then answer with invite_host_welcome(); that
 * used up one use.
 */
void invite_host_input(struct invite_host *h, instant now, const uint8_t *data, size_t len,
                       uint8_t out[static INVITE_MESSAGE_MAX], struct invite_result *result);
/** Writes the WELCOME for the guest just proven. Returns its length. */
size_t invite_host_welcome(struct invite_host *h, const struct invite_party *self,
                           uint8_t out[static INVITE_MESSAGE_MAX]);
/** Writes the REFUSE for the guest just proven, who is not let in all the same: as if the invite
 *  were over. The use is given back. Returns its length. */
size_t invite_host_decline(struct invite_host *h, uint8_t out[static INVITE_MESSAGE_MAX]);
/** Ends it; whoever comes later is told that it is over. Secrets are wiped. */
void invite_host_end(struct invite_host *h);

/* ---- guest ---- */

/* One proof to one who may be the host. */
struct invite_claim {
    bool used;
    uint8_t session[INVITE_SESSION_LEN];
    uint8_t host_share[CPACE_SHARE_LEN];
    struct cpace pake;
    uint8_t message[INVITE_MESSAGE_MAX]; /* as sent, to be repeated */
    size_t len;
};

struct invite_guest {
    struct invite_secret secret;
    struct invite_random random;
    struct invite_party self;
    struct invite_claim claim[INVITE_CLAIMS_MAX];
};

/** Begins. `self` is what the host shall know of us. */
void invite_guest_begin(struct invite_guest *g, const struct invite_secret *secret,
                        const struct invite_random *random, const struct invite_party *self);
/** Writes the question. Returns its length. */
size_t invite_guest_ask(const struct invite_guest *g, uint8_t out[static INVITE_MESSAGE_MAX]);
/**
 * Takes a message. An OFFER gives INVITE_ANSWER, the claim (the same one again for the same offer);
 * a WELCOME gives INVITE_PROVEN; a REFUSE of one of our claims INVITE_REFUSED: after INVITE_STALE
 * ask again, after INVITE_SLOW send the claim again INVITE_PAUSE later. Refusals are not proven:
 * who can read the way can forge them.
 */
void invite_guest_input(struct invite_guest *g, const uint8_t *data, size_t len,
                        uint8_t out[static INVITE_MESSAGE_MAX], struct invite_result *result);
/** Wipes its secrets. */
void invite_guest_end(struct invite_guest *g);
