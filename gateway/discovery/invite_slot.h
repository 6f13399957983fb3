/**
 * Where on the DHT the two sides of an invite look for one another: items whose keys follow from
 * the invite's handle and the time.
 *
 * Each ten minutes have keys of their own, and there are INVITE_SLOTS of them, so that invites of
 * one number do not meet. Whoever knows the number of a code can compute them, at Argon2id's price,
 * and write there: what is written proves nothing, and a slot full of rubbish costs no try.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/discovery/dht_item.h"
#include "gateway/discovery/invite.h"
#include "gateway/identity/keys.h"

#define INVITE_SLOTS    4
#define INVITE_EPOCH_US INT64_C(600000000)
#define INVITE_EPOCH_EDGE                                                                          \
    INT64_C(90000000) /* microseconds: clocks differ, and putting takes time */

/** What an item of a slot is, by its salt. */
enum invite_part { INVITE_PART_OFFER, INVITE_PART_CLAIM, INVITE_PART_WELCOME };

/** The number of the ten minutes at hand. */
uint64_t invite_epoch(int64_t wall_us);
/** The one beside it that a host may still, or already, be in: the same unless the edge is near. */
uint64_t invite_epoch_beside(int64_t wall_us);
/** The keys of a slot. Takes some milliseconds. Returns 0 or -ENOMEM. */
MUST_USE int invite_slot_keys(struct keys *out, const struct invite_secret *secret, uint64_t epoch,
                              unsigned index);
/** The salt of a part. Borrowed for ever. */
struct krpc_bytes invite_slot_salt(enum invite_part part);
/** Makes the item that holds a message. */
void invite_slot_item(struct dht_item *out, const struct keys *keys, enum invite_part part,
                      int64_t seq, const uint8_t *message, size_t len);
