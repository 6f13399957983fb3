#include "gateway/transport/quic_keys.h"

#include <stdlib.h>
#include <string.h>

#include <ngtcp2/ngtcp2_crypto_gnutls.h>

#include "gateway/crypto/secret.h"

#define KEY_LEN_MAX 32

struct seal {
    struct packet_key *key;
    bool *authentic;
};

/* ---- handles ---- */

static void *mark(void *ours)
{
    return (void *)((uintptr_t)ours | 1);
}

static bool is_ours(const void *handle)
{
    return ((uintptr_t)handle & 1) != 0;
}

static void *unmark(void *handle)
{
    return (void *)((uintptr_t)handle & ~(uintptr_t)1);
}

static bool cipher_of(gnutls_session_t session, enum packet_cipher *out, size_t *key_len)
{
    gnutls_cipher_algorithm_t cipher = gnutls_cipher_get(session);
    *out = cipher == GNUTLS_CIPHER_AES_128_GCM ? PACKET_AES_128_GCM : PACKET_CHACHA20_POLY1305;
    *key_len = cipher == GNUTLS_CIPHER_AES_128_GCM ? 16 : 32;
    return cipher == GNUTLS_CIPHER_AES_128_GCM || cipher == GNUTLS_CIPHER_CHACHA20_POLY1305;
}

/* ---- derivation ---- */

struct secret {
    const ngtcp2_crypto_md *md;
    const uint8_t *bytes;
    size_t len;
};

/* HKDF-Expand-Label (RFC 8446 §7.1) with no context. */
static int derive(const struct secret *s, const char *label, uint8_t *out, size_t len)
{
    uint8_t info[2 + 1 + 32 + 1];
    size_t label_len = strlen(label), at = 0;

    info[at++] = (uint8_t)(len >> 8);
    info[at++] = (uint8_t)len;
    info[at++] = (uint8_t)(6 + label_len);
    memcpy(info + at, "tls13 ", 6);
    memcpy(info + at + 6, label, label_len);
    at += 6 + label_len;
    info[at++] = 0;
    return ngtcp2_crypto_hkdf_expand(out, len, s->md, s->bytes, s->len, info, at);
}

static int make_seal(struct quic_tls_link *link, const struct secret *s,
                     ngtcp2_crypto_aead_ctx *out, uint8_t *iv)
{
    gnutls_session_t session = ngtcp2_conn_get_tls_native_handle(link->quic);
    enum packet_cipher cipher;
    uint8_t key[KEY_LEN_MAX];
    size_t key_len;

    struct seal *seal = calloc(1, sizeof(*seal));
    if (!seal)
        return -1;
    seal->authentic = &link->authentic;
    bool ok = cipher_of(session, &cipher, &key_len) && derive(s, "quic key", key, key_len) == 0 &&
              derive(s, "quic iv", iv, PACKET_NONCE_LEN) == 0 &&
              packet_key_new(&seal->key, *link->engine, cipher, key) == 0;
    secret_wipe(key, sizeof(key));
    if (!ok) {
        free(seal);
        return -1;
    }
    out->native_handle = mark(seal);
    return 0;
}

static int make_mask(struct quic_tls_link *link, const struct secret *s,
                     ngtcp2_crypto_cipher_ctx *out)
{
    gnutls_session_t session = ngtcp2_conn_get_tls_native_handle(link->quic);
    enum packet_cipher cipher;
    struct packet_mask *mask;
    uint8_t key[KEY_LEN_MAX];
    size_t key_len;

    bool ok = cipher_of(session, &cipher, &key_len) && derive(s, "quic hp", key, key_len) == 0 &&
              packet_mask_new(&mask, *link->engine, cipher, key) == 0;
    secret_wipe(key, sizeof(key));
    if (ok)
        out->native_handle = mark(mask);
    return ok ? 0 : -1;
}

/* ---- installing ---- */

static int install(struct quic_tls_link *link, const void *bytes, size_t len, bool receiving)
{
    struct secret s = {&ngtcp2_conn_get_crypto_ctx(link->quic)->md, bytes, len};
    ngtcp2_crypto_aead_ctx seal = {0};
    ngtcp2_crypto_cipher_ctx mask = {0};
    uint8_t iv[PACKET_NONCE_LEN];

    int err = make_seal(link, &s, &seal, iv);
    if (err == 0)
        err = make_mask(link, &s, &mask);
    if (err == 0 && receiving)
        err = ngtcp2_conn_install_rx_key(link->quic, bytes, len, &seal, iv, sizeof(iv), &mask);
    else if (err == 0)
        err = ngtcp2_conn_install_tx_key(link->quic, bytes, len, &seal, iv, sizeof(iv), &mask);
    if (err == 0)
        return 0;
    quic_keys_delete_aead(NULL, &seal, NULL);
    quic_keys_delete_mask(NULL, &mask, NULL);
    return -1;
}

static bool wants_ours(struct quic_tls_link *link, gnutls_session_t session,
                       ngtcp2_encryption_level level)
{
    enum packet_cipher cipher;
    size_t key_len;
    if (level != NGTCP2_ENCRYPTION_LEVEL_1RTT || !cipher_of(session, &cipher, &key_len))
        return false;
    if (!*link->engine && packet_engine_new(link->engine) < 0)
        return false;
    return packet_engine_offers(*link->engine, cipher);
}

/* RFC 9001 §6: TLS's own KeyUpdate is an error. GnuTLS takes it and comes with new keys, and on
 * those ngtcp2 would abort. */
static bool is_key_update(struct quic_tls_link *link, ngtcp2_encryption_level level, bool rx,
                          bool tx)
{
    unsigned bit = 1u << level;
    bool again = (rx && link->rx_levels & bit) || (tx && link->tx_levels & bit);
    link->rx_levels |= rx ? bit : 0;
    link->tx_levels |= tx ? bit : 0;
    return again;
}

/* RFC 9001 §8.2: who has sent no transport parameters by now does not speak QUIC. GnuTLS does not
 * miss them, and ngtcp2 would abort on the first packet under such keys. */
static bool lacks_parameters(const struct quic_tls_link *link, ngtcp2_encryption_level level)
{
    return level == NGTCP2_ENCRYPTION_LEVEL_1RTT &&
           !ngtcp2_conn_get_remote_transport_params(link->quic);
}

static int on_secret(gnutls_session_t session, gnutls_record_encryption_level_t tls_level,
                     const void *rx, const void *tx, size_t len)
{
    ngtcp2_crypto_conn_ref *ref = gnutls_session_get_ptr(session);
    struct quic_tls_link *link = container_of(ref, struct quic_tls_link, ref);
    ngtcp2_encryption_level level =
        ngtcp2_crypto_gnutls_from_gnutls_record_encryption_level(tls_level);

    if (is_key_update(link, level, rx, tx))
        link->alert = GNUTLS_A_UNEXPECTED_MESSAGE;
    else if (lacks_parameters(link, level))
        link->alert = GNUTLS_A_MISSING_EXTENSION;
    if (link->alert)
        return -1;
    if (wants_ours(link, session, level)) {
        link->own_keys = true;
        if (rx && install(link, rx, len, true) != 0)
            return -1;
        return tx ? install(link, tx, len, false) : 0;
    }
    if (rx &&
        ngtcp2_crypto_derive_and_install_rx_key(link->quic, NULL, NULL, NULL, level, rx, len) != 0)
        return -1;
    if (tx &&
        ngtcp2_crypto_derive_and_install_tx_key(link->quic, NULL, NULL, NULL, level, tx, len) != 0)
        return -1;
    return 0;
}

void quic_keys_use(gnutls_session_t session)
{
    gnutls_handshake_set_secret_function(session, on_secret);
}

/* RFC 9001 §6.1: the next secrets follow from the last ones; header masks stay. */
/* NOLINTNEXTLINE(readability-function-size): the parameters are ngtcp2's */
int quic_keys_update(ngtcp2_conn *quic, uint8_t *rx_secret, uint8_t *tx_secret,
                     ngtcp2_crypto_aead_ctx *rx, uint8_t *rx_iv, ngtcp2_crypto_aead_ctx *tx,
                     uint8_t *tx_iv, const uint8_t *old_rx_secret, const uint8_t *old_tx_secret,
                     size_t secret_len, void *user)
{
    gnutls_session_t session = ngtcp2_conn_get_tls_native_handle(quic);
    ngtcp2_crypto_conn_ref *ref = gnutls_session_get_ptr(session);
    struct quic_tls_link *link = container_of(ref, struct quic_tls_link, ref);
    const ngtcp2_crypto_md *md = &ngtcp2_conn_get_crypto_ctx(quic)->md;

    if (!link->own_keys)
        return ngtcp2_crypto_update_key_cb(quic, rx_secret, tx_secret, rx, rx_iv, tx, tx_iv,
                                           old_rx_secret, old_tx_secret, secret_len, user);
    struct secret old_rx = {md, old_rx_secret, secret_len};
    struct secret old_tx = {md, old_tx_secret, secret_len};
    struct secret new_rx = {md, rx_secret, secret_len}, new_tx = {md, tx_secret, secret_len};
    if (derive(&old_rx, "quic ku", rx_secret, secret_len) != 0 ||
        derive(&old_tx, "quic ku", tx_secret, secret_len) != 0 ||
        make_seal(link, &new_rx, rx, rx_iv) != 0)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    if (make_seal(link, &new_tx, tx, tx_iv) == 0)
        return 0;
    quic_keys_delete_aead(quic, rx, user);
    return NGTCP2_ERR_CALLBACK_FAILURE;
}

void quic_keys_delete_aead(ngtcp2_conn *quic, ngtcp2_crypto_aead_ctx *ctx, void *user)
{
    if (!is_ours(ctx->native_handle)) {
        ngtcp2_crypto_delete_crypto_aead_ctx_cb(quic, ctx, user);
        return;
    }
    struct seal *seal = unmark(ctx->native_handle);
    packet_key_free(seal->key);
    free(seal);
    ctx->native_handle = NULL;
}

void quic_keys_delete_mask(ngtcp2_conn *quic, ngtcp2_crypto_cipher_ctx *ctx, void *user)
{
    if (!is_ours(ctx->native_handle)) {
        ngtcp2_crypto_delete_crypto_cipher_ctx_cb(quic, ctx, user);
        return;
    }
    packet_mask_free(unmark(ctx->native_handle));
    ctx->native_handle = NULL;
}

/* ---- packets ---- */

/* NOLINTNEXTLINE(readability-function-size): the parameters are ngtcp2's */
int quic_keys_seal(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *ctx,
                   const uint8_t *data, size_t len, const uint8_t *nonce, size_t nonce_len,
                   const uint8_t *header, size_t header_len)
{
    if (!is_ours(ctx->native_handle))
        return ngtcp2_crypto_encrypt_cb(dest, aead, ctx, data, len, nonce, nonce_len, header,
                                        header_len);
    const struct seal *seal = unmark(ctx->native_handle);
    struct packet_header h = {nonce, header, header_len};
    packet_seal(seal->key, &h, dest, data, len);
    return 0;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are ngtcp2's */
int quic_keys_open(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *ctx,
                   const uint8_t *data, size_t len, const uint8_t *nonce, size_t nonce_len,
                   const uint8_t *header, size_t header_len)
{
    if (!is_ours(ctx->native_handle))
        return ngtcp2_crypto_decrypt_cb(dest, aead, ctx, data, len, nonce, nonce_len, header,
                                        header_len);
    const struct seal *seal = unmark(ctx->native_handle);
    struct packet_header h = {nonce, header, header_len};
    if (packet_open(seal->key, &h, dest, data, len) < 0)
        return NGTCP2_ERR_DECRYPT;
    *seal->authentic = true;
    return 0;
}

int quic_keys_mask(uint8_t *dest, const ngtcp2_crypto_cipher *hp,
                   const ngtcp2_crypto_cipher_ctx *ctx, const uint8_t *sample)
{
    if (!is_ours(ctx->native_handle))
        return ngtcp2_crypto_hp_mask_cb(dest, hp, ctx, sample);
    packet_mask(unmark(ctx->native_handle), sample, dest);
    return 0;
}
