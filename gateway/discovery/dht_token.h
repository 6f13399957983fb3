/**
 * Write tokens: who asks us at an address gets one, and with it may store, from that address and
 * under that target only, for five to ten minutes. A keyed hash: nobody makes one for another.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/clock.h"
#include "gateway/discovery/dht_id.h"

#define DHT_TOKEN_LEN  8
#define DHT_SECRET_LEN 32

/** Read nothing of it. */
struct dht_tokens {
    uint8_t secret[2][DHT_SECRET_LEN]; /* the present one, the one before */
    instant rotate;
};

/** `secrets` are random. */
void dht_tokens_init(struct dht_tokens *t, const uint8_t secrets[static 2 * DHT_SECRET_LEN],
                     instant now);
/** Is it time for dht_tokens_rotate()? Ask again after that. */
bool dht_tokens_due(const struct dht_tokens *t, instant now);
/** The present secret becomes the one before. */
void dht_tokens_rotate(struct dht_tokens *t, const uint8_t secret[static DHT_SECRET_LEN],
                       instant now);
void dht_tokens_make(const struct dht_tokens *t, const struct addr *to, const struct dht_id *target,
                     uint8_t out[static DHT_TOKEN_LEN]);
/** Did we give this one, for this, to that address? */
bool dht_tokens_check(const struct dht_tokens *t, const struct addr *from,
                      const struct dht_id *target, const uint8_t *token, size_t len);
