/**
 * Packet protection of established sessions by gateway/crypto/packet.h in place of GnuTLS.
 *
 * Initial and Handshake packets stay with GnuTLS, and so does a cipher that the engine does not
 * offer. ngtcp2 keeps a handle with each key and gives it to the callbacks below; ours are told
 * from GnuTLS's by their lowest bit.
 */
#pragma once

#include "gateway/transport/quic_link.h"

/** Makes a session install such keys, once it is set up for QUIC. Its link says by which engine. */
void quic_keys_use(gnutls_session_t session);

/* ngtcp2's callbacks. */
int quic_keys_seal(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *ctx,
                   const uint8_t *data, size_t len, const uint8_t *nonce, size_t nonce_len,
                   const uint8_t *header, size_t header_len);
int quic_keys_open(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *ctx,
                   const uint8_t *data, size_t len, const uint8_t *nonce, size_t nonce_len,
                   const uint8_t *header, size_t header_len);
int quic_keys_mask(uint8_t *dest, const ngtcp2_crypto_cipher *hp,
                   const ngtcp2_crypto_cipher_ctx *ctx, const uint8_t *sample);
int quic_keys_update(ngtcp2_conn *quic, uint8_t *rx_secret, uint8_t *tx_secret,
                     ngtcp2_crypto_aead_ctx *rx, uint8_t *rx_iv, ngtcp2_crypto_aead_ctx *tx,
                     uint8_t *tx_iv, const uint8_t *old_rx_secret, const uint8_t *old_tx_secret,
                     size_t secret_len, void *user);
void quic_keys_delete_aead(ngtcp2_conn *quic, ngtcp2_crypto_aead_ctx *ctx, void *user);
void quic_keys_delete_mask(ngtcp2_conn *quic, ngtcp2_crypto_cipher_ctx *ctx, void *user);
