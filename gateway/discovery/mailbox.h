/**
 * Finding one another by mail: whom to write to and when, when to look for mail, and what to
 * believe of it. For contacts alone: gateways that a person gave a mail address. The same is done
 * for messages in slots of the DHT (dht_mailbox.h), at another pace.
 *
 * Who wants a contact and does not reach it writes (a call); who gets that answers, and keeps its
 * NAT open for the caller from then on (gateway/punch/meeting.h); who gets the answer dials.
 *
 *     mailbox_next()   what is to be done now: send to a contact, or fetch
 *     mailbox_write()  the text of a message to send
 *     mailbox_read()   what came, by mail or by hand; answers are then due by mailbox_next()
 *     mailbox_due()    when to call mailbox_next() again
 *
 * Bounds: a contact gets a mail every MAILBOX_CONTACT_EVERY at most, and calls that nobody answers
 * twice as seldom each time; MAILBOX_PER_HOUR mails leave in an hour, and who got more of them
 * than are left waits: no contact that calls and calls leaves nothing for the others. A message
 * counts once, within MAILBOX_LASTS_S of the time that it says.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/clock.h"
#include "gateway/identity/keys.h"
#include "gateway/identity/pair_key.h"
#include "gateway/wire/mailbox_message.h"

#define MAILBOX_LASTS_S       600
#define MAILBOX_EARLY_MS      120000 /* a sender's clock may be so far ahead */
#define MAILBOX_PATIENCE      SEC(3) /* somebody else may reach the contact first */
#define MAILBOX_CONTACT_EVERY SEC(60)
#define MAILBOX_PER_HOUR      20
#define MAILBOX_POLL_FAST     SEC(20)
#define MAILBOX_POLL_SLOW     SEC(300)
#define MAILBOX_MEET_AFTER_MS 25000 /* an answer is read by then, as a rule; */
#define MAILBOX_HAND_AFTER_MS 60000 /* and one that a person carries */
#define MAILBOX_SEEN_MAX      64
#define MAILBOX_HOUR_MAX      120 /* messages in an hour, whatever the pace */

/** For mailbox_set_contacts(). */
struct mailbox_known {
    struct peer_id id;
    bool has_address; /* of mail */
};

struct mailbox_contact {
    struct peer_id id;
    bool has_address;
    enum { MAILBOX_KEYLESS, MAILBOX_KEYED, MAILBOX_UNUSABLE } state;
    uint8_t in[PAIR_KEY_LEN], out[PAIR_KEY_LEN]; /* of what it says to us, and we to it */
    instant want;                                /* a call is due then; INSTANT_NEVER: none */
    bool owed;                                   /* an answer, to: */
    uint8_t re[MAILBOX_ID_LEN];
    instant until;    /* when it is of no use any more */
    instant sent;     /* last mail, 0: never */
    unsigned unheard; /* calls in a row that were not answered */
};

/** How fast a carrier is. */
struct mailbox_pace {
    const char *label;  /* of its keys: see pair_key.h */
    instant patience;   /* before a call */
    instant every;      /* to one contact; */
    instant answers;    /* an answer, after whatever went before */
    unsigned per_hour;  /* at most MAILBOX_HOUR_MAX */
    unsigned doublings; /* of `every`, for calls that nobody answers */
    unsigned meet_after_ms;
};

extern const struct mailbox_pace MAILBOX_BY_MAIL;

struct mailbox_options {
    const struct keys *keys;
    const uint8_t *network;          /* message_network() */
    bool sends, fetches;             /* a server is configured for it */
    instant poll;                    /* while nobody waits; 0: MAILBOX_POLL_SLOW */
    const struct mailbox_pace *pace; /* NULL: MAILBOX_BY_MAIL */
};

/** What is written: by whom it is asked, and how. */
struct mailbox_draft {
    struct peer_id to;
    bool answers, by_hand;
    uint8_t re[MAILBOX_ID_LEN]; /* what it answers */
};

struct mailbox {
    struct mailbox_options options;  /* borrowed, all of them */
    struct mailbox_contact *contact; /* by id */
    size_t contacts;
    uint8_t outer[PAIR_KEY_LEN]; /* of our own id */
    struct mailbox_left {
        instant at; /* 0: none */
        struct peer_id to;
    } left[MAILBOX_HOUR_MAX]; /* the last ones, in a ring */
    size_t left_at;
    uint8_t seen[MAILBOX_SEEN_MAX][MAILBOX_ID_LEN]; /* ids of messages, in a ring */
    size_t seen_at;
    struct mailbox_draft draft; /* that is being sent */
    bool sending, fetching;
    instant fetch;                 /* when to look for mail; INSTANT_NEVER: not */
    instant eager_until;           /* somebody waits until then */
    uint64_t sent, heard, dropped; /* messages */
};

enum mailbox_step { MAILBOX_WAIT, MAILBOX_SEND, MAILBOX_FETCH };

void mailbox_init(struct mailbox *m, const struct mailbox_options *options, instant now);
/** Wipes keys. Fine on a zeroed one. */
void mailbox_deinit(struct mailbox *m);
/** Replaces the contacts; what is known of those that stay is kept. Returns 0 or -ENOMEM (nothing
 *  changed). */
MUST_USE int mailbox_set_contacts(struct mailbox *m, const struct mailbox_known *list,
                                  size_t count);

/** Somebody wants a contact that is not reached. Returns true if it will get a mail, or got one. */
bool mailbox_want(struct mailbox *m, instant now, const struct peer_id *id);
/** Somebody waits for what a person carries: mail is looked for, too. */
void mailbox_await(struct mailbox *m, instant now);
/** It was reached. */
void mailbox_reached(struct mailbox *m, const struct peer_id *id);

/** What to do now. MAILBOX_SEND fills in the draft; mailbox_sent() and mailbox_fetched() tell when
 * it is done, and until then the same is not said again. What could not be sent is tried again. */
enum mailbox_step mailbox_next(struct mailbox *m, instant now, struct mailbox_draft *out);
/** When to ask again. */
instant mailbox_due(const struct mailbox *m, instant now);
void mailbox_sent(struct mailbox *m, instant now, bool ok);
void mailbox_fetched(struct mailbox *m, instant now);

/**
 * Writes a message. `m` has facts, candidates and hints; the rest is filled in here. Returns the
 * length; -ENOENT: no contact; -EINVAL: nothing can be sealed for that key.
 */
MUST_USE int mailbox_write(struct mailbox *m, const struct mailbox_draft *draft, uint64_t wall_ms,
                           struct mailbox_message *message,
                           void (*fill)(void *arg, void *out, size_t len), void *arg,
                           char out[static MAILBOX_TEXT_MAX]);

/** The same for who looks in a place that is for the two alone: what they have sealed, without the
 *  text around it. Returns its length. */
MUST_USE int mailbox_seal(struct mailbox *m, const struct mailbox_draft *draft, uint64_t wall_ms,
                          struct mailbox_message *message,
                          void (*fill)(void *arg, void *out, size_t len), void *arg,
                          uint8_t out[static MAILBOX_INNER_MAX]);

/** One that counts. */
struct mailbox_heard {
    struct peer_id from; /* also of one that does not count for -EACCES and what follows it below */
    struct mailbox_message message;
};

/**
 * Reads what came. Returns 0, or: -ENOMSG, no message; -EBADMSG, damaged; -EPERM, not for us;
 * -ENOENT, not from a contact; -EACCES, forged; -ENOTSUP, of another version; -ETIME, too old;
 * -ERANGE, of a time to come; -EALREADY, read before.
 */
MUST_USE int mailbox_read(struct mailbox *m, instant now, uint64_t wall_ms, const char *text,
                          size_t len, struct mailbox_heard *out);
/** Reads what `from` left in such a place. Returns the same. */
MUST_USE int mailbox_open(struct mailbox *m, instant now, uint64_t wall_ms,
                          const struct peer_id *from, const uint8_t *data, size_t len,
                          struct mailbox_heard *out);
