/**
 * What two gateways that cannot reach one another say by mail, or by hand: where each of them is,
 * and when they meet. A block of text that survives mail programs: quoted, wrapped, with CRLF.
 *
 *     -----BEGIN OVERLAY MESSAGE-----
 *     z-base-32 of: sealed for whom it is for { 32 sender, sealed by the pair { content, padding }
 * }
 *     -----END OVERLAY MESSAGE-----
 *
 *     content  u8 version 1, u8 flags, be64 time, be16 seconds that it is good for, 16 id,
 *              16 id of what it answers, be64 time to meet, be16 length + body of a PUNCH
 *              (gateway/wire/punch_message.h), hints (gateway/wire/hints.h)
 *
 * The outer seal is made with a key that follows from the receiver's peer id (pair_key_of_id()):
 * who carries the mail sees nothing, and who gets it sees at once whether it is for him and from
 * whom. The inner one is made with the key of what this sender says to this receiver (pair_keys()),
 * which only the two can compute: that is what makes it true. Times are Unix time in milliseconds.
 * The content is padded to a multiple of MAILBOX_PAD bytes, so that its length says little.
 *
 * Where a place is for one sender and one receiver alone (gateway/discovery/dht_mailbox.h), what
 * the pair has sealed is enough: mailbox_content_seal().
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/crypto/seal.h"
#include "gateway/wire/hints.h"
#include "gateway/wire/punch_message.h"

#define MAILBOX_ID_LEN 16
#define MAILBOX_PAD    128
#define MAILBOX_CONTENT_MAX                                                                        \
    (2 + 8 + 2 + 2 * MAILBOX_ID_LEN + 8 + 2 + PUNCH_MESSAGE_MAX + HINTS_LEN_MAX)
#define MAILBOX_PADDED_MAX ((MAILBOX_CONTENT_MAX / MAILBOX_PAD + 2) * MAILBOX_PAD)
#define MAILBOX_INNER_MAX  (MAILBOX_PADDED_MAX + SEAL_OVERHEAD)
#define MAILBOX_OUTER_MAX  (HINTS_ID_LEN + MAILBOX_INNER_MAX + SEAL_OVERHEAD)
#define MAILBOX_TEXT_MAX   4096  /* bytes of a block with its NUL */
#define MAILBOX_READ_MAX   65536 /* bytes of a mail that are looked at */

/** What every mail has as its subject, whoever sends it. */
#define MAILBOX_SUBJECT "Overlay message"

enum mailbox_flags {
    MAILBOX_ANSWER = 1,  /* it answers another one */
    MAILBOX_BY_HAND = 2, /* a person carries it, and whatever answers it */
};

struct mailbox_message {
    uint8_t flags;
    uint64_t time_ms;
    uint16_t lasts_s; /* seconds that the sender is to be met */
    uint8_t id[MAILBOX_ID_LEN];
    uint8_t re[MAILBOX_ID_LEN]; /* zeros: it answers none */
    uint64_t meet_ms;           /* when its sender begins to dial; 0: it waits for an answer */
    struct nat_facts facts;
    struct candidate candidate[CANDIDATES_MAX];
    size_t candidates;
    struct hints hints;
};

/** Keys and chance for one that is written. */
struct mailbox_seal {
    const uint8_t *outer; /* SEAL_KEY_LEN bytes: of the receiver's id */
    const uint8_t *inner; /* of what we say to it */
    const uint8_t *self;  /* HINTS_ID_LEN bytes: our id */
    uint8_t nonce[2][SEAL_NONCE_LEN];
};

/** Writes the block and a NUL. Returns its length. */
size_t mailbox_message_write(char out[static MAILBOX_TEXT_MAX], const struct mailbox_message *m,
                             const struct mailbox_seal *keys);

/** Writes the content, sealed by the pair. Returns its length. */
size_t mailbox_content_seal(uint8_t out[static MAILBOX_INNER_MAX], const struct mailbox_message *m,
                            const uint8_t key[static SEAL_KEY_LEN],
                            const uint8_t nonce[static SEAL_NONCE_LEN]);
/** Opens and reads such. Returns as mailbox_message_read(). */
MUST_USE int mailbox_content_open(struct mailbox_message *out, const uint8_t *data, size_t len,
                                  const uint8_t key[static SEAL_KEY_LEN]);

/** One that was for us, its inner seal not yet open. */
struct mailbox_letter {
    uint8_t sender[HINTS_ID_LEN]; /* as it says */
    uint8_t sealed[MAILBOX_INNER_MAX];
    size_t len;
};

/**
 * Finds the first block in a text and opens its outer seal with the key of our id. Returns 0;
 * -ENOMSG: there is no block; -EBADMSG: it is damaged; -EPERM: it is not for us.
 */
MUST_USE int mailbox_letter_read(struct mailbox_letter *out, const char *text, size_t len,
                                 const uint8_t key[static SEAL_KEY_LEN]);
/**
 * Opens the inner seal with the key of what the sender says to us. Returns 0; -EACCES: the sender
 * did not write it; -EBADMSG: it did, and it is malformed; -ENOTSUP: of another version.
 */
MUST_USE int mailbox_message_read(struct mailbox_message *out, const struct mailbox_letter *letter,
                                  const uint8_t key[static SEAL_KEY_LEN]);
