#include "tests/support/quic_stranger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gnutls/x509.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>

#define PRIORITY                                                                                   \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CTYPE-ALL:+CTYPE-CLI-RAWPK:+CTYPE-CLI-X509:+CTYPE-SRV-RAWPK:"  \
    "+SIGN-EDDSA-ED25519:%DISABLE_TLS13_COMPAT_MODE"

/* ---- keys ---- */

static const uint8_t SEED[32] = {7, 7, 7};

static void set_raw_key(struct stranger *s, bool small_order)
{
    static const uint8_t spki_prefix[12] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                            0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    static const uint8_t pkcs8_prefix[16] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                             0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
    uint8_t spki[44], pkcs8[48];
    struct keys keys;

    keys_from_seed(&keys, SEED);
    if (small_order) /* the neutral element, whose "signatures" anyone can make */
        memcpy(keys.id.key, (uint8_t[32]){1}, 32);
    memcpy(spki, spki_prefix, 12);
    memcpy(spki + 12, keys.id.key, 32);
    memcpy(pkcs8, pkcs8_prefix, 16);
    memcpy(pkcs8 + 16, SEED, 32);
    gnutls_datum_t public = {spki, sizeof(spki)}, secret = {pkcs8, sizeof(pkcs8)};
    assert_int_equal(gnutls_certificate_set_rawpk_key_mem(s->credentials, &public, &secret,
                                                          GNUTLS_X509_FMT_DER, NULL, 0, NULL, 0, 0),
                     0);
}

static void set_x509_key(struct stranger *s)
{
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t cert;
    assert_int_equal(gnutls_x509_privkey_init(&key), 0);
    assert_int_equal(gnutls_x509_crt_init(&cert), 0);
    assert_int_equal(gnutls_x509_privkey_generate(key, GNUTLS_PK_EDDSA_ED25519, 0, 0), 0);
    gnutls_x509_crt_set_version(cert, 3);
    gnutls_x509_crt_set_serial(cert, "\1", 1);
    gnutls_x509_crt_set_activation_time(cert, 0);
    gnutls_x509_crt_set_expiration_time(cert, 0x7fffffff);
    gnutls_x509_crt_set_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, "x", 1);
    gnutls_x509_crt_set_key(cert, key);
    assert_int_equal(gnutls_x509_crt_sign2(cert, cert, key, GNUTLS_DIG_SHA512, 0), 0);
    assert_int_equal(gnutls_certificate_set_x509_key(s->credentials, &cert, 1, key), 0);
    gnutls_x509_crt_deinit(cert);
    gnutls_x509_privkey_deinit(key);
}

/* ---- ngtcp2 ---- */

static ngtcp2_conn *get_conn(ngtcp2_crypto_conn_ref *ref)
{
    return ((struct stranger *)ref->user_data)->quic;
}

static void chance(uint8_t *dest, size_t len, const ngtcp2_rand_ctx *ctx)
{
    struct stranger *s = ctx->native_handle;
    link_random(&s->link->side[1], dest, len);
}

static int new_id(ngtcp2_conn *quic, ngtcp2_cid *cid, uint8_t *token, size_t len, void *user)
{
    struct stranger *s = user;
    uint8_t id[NGTCP2_MAX_CIDLEN];
    (void)quic;
    link_random(&s->link->side[1], id, len);
    ngtcp2_cid_init(cid, id, len);
    link_random(&s->link->side[1], token, NGTCP2_STATELESS_RESET_TOKENLEN);
    return 0;
}

static int on_confirmed(ngtcp2_conn *quic, void *user)
{
    (void)quic;
    ((struct stranger *)user)->confirmed = true;
    return 0;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are ngtcp2's */
static int on_data(ngtcp2_conn *quic, uint32_t flags, int64_t id, uint64_t offset,
                   const uint8_t *data, size_t len, void *user, void *stream)
{
    (void)quic, (void)flags, (void)id, (void)offset, (void)data, (void)stream;
    ((struct stranger *)user)->received += len;
    return 0;
}

/* ngtcp2 does not say whose packet it is: the one that is being forged, or nobody's. */
static struct stranger *forger;

/* NOLINTNEXTLINE(readability-function-size): the parameters are ngtcp2's */
static int seal(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *ctx,
                const uint8_t *data, size_t len, const uint8_t *nonce, size_t nonce_len,
                const uint8_t *header, size_t header_len)
{
    uint8_t frames[1200];
    if (forger && len <= sizeof(frames)) {
        memcpy(frames, data, len);
        forger->forge(forger, frames, len);
        data = frames;
    }
    return ngtcp2_crypto_encrypt_cb(dest, aead, ctx, data, len, nonce, nonce_len, header,
                                    header_len);
}

static const ngtcp2_callbacks CALLBACKS = {
    .client_initial = ngtcp2_crypto_client_initial_cb,
    .recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb,
    .encrypt = seal,
    .decrypt = ngtcp2_crypto_decrypt_cb,
    .hp_mask = ngtcp2_crypto_hp_mask_cb,
    .recv_retry = ngtcp2_crypto_recv_retry_cb,
    .update_key = ngtcp2_crypto_update_key_cb,
    .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
    .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
    .get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb,
    .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
    .rand = chance,
    .get_new_connection_id = new_id,
    .handshake_confirmed = on_confirmed,
    .recv_stream_data = on_data,
};

/* The extension's number (RFC 9001 §8.2), as sent before parameters of less than 256 bytes, becomes
 * one that nobody knows. */
static void hide_params(struct stranger *s, uint8_t *frames, size_t len)
{
    (void)s;
    for (size_t i = 0; i + 3 < len; i++)
        if (frames[i] == 0 && frames[i + 1] == 0x39 && frames[i + 2] == 0)
            frames[i + 1] = 0x77;
}

static void path_of(struct stranger *s, ngtcp2_path *path)
{
    *path = (ngtcp2_path){
        .local = {&s->addr.sa, addr_len(&s->addr)},
        .remote = {&s->link->side[1].addr.sa, addr_len(&s->link->side[1].addr)},
    };
}

static void start_tls(struct stranger *s, const struct stranger_options *o)
{
    const char *name = o->alpn ? o->alpn : "overlay/1";
    gnutls_datum_t alpn = {(uint8_t *)name, (unsigned)strlen(name)};

    assert_int_equal(gnutls_certificate_allocate_credentials(&s->credentials), 0);
    if (o->key == STRANGER_X509)
        set_x509_key(s);
    else if (o->key != STRANGER_NO_KEY)
        set_raw_key(s, o->key == STRANGER_SMALL_ORDER);
    assert_int_equal(gnutls_priority_init(&s->priority, PRIORITY, NULL), 0);
    assert_int_equal(gnutls_init(&s->tls, GNUTLS_CLIENT | GNUTLS_ENABLE_RAWPK |
                                              GNUTLS_NO_END_OF_EARLY_DATA | GNUTLS_NONBLOCK),
                     0);
    assert_int_equal(gnutls_priority_set(s->tls, s->priority), 0);
    gnutls_credentials_set(s->tls, GNUTLS_CRD_CERTIFICATE, s->credentials);
    gnutls_alpn_set_protocols(s->tls, &alpn, 1, GNUTLS_ALPN_MANDATORY);
    s->ref = (ngtcp2_crypto_conn_ref){.get_conn = get_conn, .user_data = s};
    gnutls_session_set_ptr(s->tls, &s->ref);
    assert_int_equal(ngtcp2_crypto_gnutls_configure_client_session(s->tls), 0);
}

static bool to_stranger(struct quic_link *link, int from, uint8_t *data, size_t *len)
{
    struct stranger *s = link->filter_arg;
    ngtcp2_path path;
    if (from != 1 || s->error != 0)
        return false;
    path_of(s, &path);
    s->error = ngtcp2_conn_read_pkt(s->quic, &path, NULL, data, *len, link->now);
    if (s->error == NGTCP2_ERR_DRAINING) {
        const ngtcp2_ccerr *error = ngtcp2_conn_get_ccerr(s->quic);
        s->close_code = error->error_code;
        s->close_is_app = error->type == NGTCP2_CCERR_TYPE_APPLICATION;
    }
    return false;
}

void stranger_init(struct stranger *s, struct quic_link *link, const struct stranger_options *o)
{
    static const uint8_t ip[4] = {203, 0, 113, 7};
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid dcid, scid;
    ngtcp2_path path;
    uint8_t ids[16];

    *s = (struct stranger){.link = link, .addr = addr_v4(ip, 7777)};
    link->filter = to_stranger;
    link->filter_arg = s;
    if (o->no_params) {
        s->forge = hide_params;
        s->forges_all = true;
    }
    start_tls(s, o);
    ngtcp2_settings_default(&settings);
    ngtcp2_transport_params_default(&params);
    settings.initial_ts = link->now;
    settings.rand_ctx.native_handle = s;
    params.initial_max_data = 1 << 20;
    params.initial_max_stream_data_bidi_local = o->no_window ? 0 : 1 << 20;
    params.initial_max_stream_data_bidi_remote = o->no_window ? 0 : 1 << 20;
    params.initial_max_streams_bidi = 100;
    params.max_datagram_frame_size = o->no_datagram ? 0 : o->frame ? o->frame : 65535;
    link_random(&link->side[1], ids, sizeof(ids));
    ngtcp2_cid_init(&dcid, ids, 8);
    ngtcp2_cid_init(&scid, ids + 8, 8);
    path_of(s, &path);
    assert_int_equal(ngtcp2_conn_client_new(&s->quic, &dcid, &scid, &path, NGTCP2_PROTO_VER_V1,
                                            &CALLBACKS, &settings, &params, NULL, s),
                     0);
    ngtcp2_conn_set_tls_native_handle(s->quic, s->tls);
}

void stranger_deinit(struct stranger *s)
{
    s->link->filter = NULL;
    ngtcp2_conn_del(s->quic);
    gnutls_deinit(s->tls);
    gnutls_priority_deinit(s->priority);
    gnutls_certificate_free_credentials(s->credentials);
}

static void talk(struct stranger *s, int64_t stream)
{
    uint8_t packet[1200];
    ngtcp2_vec data = {(uint8_t *)"hello", 5};
    ngtcp2_ssize taken;
    forger = s->forges_all ? s : NULL;
    while (s->error == 0) {
        ngtcp2_ssize n =
            ngtcp2_conn_writev_stream(s->quic, NULL, NULL, packet, sizeof(packet), &taken, 0,
                                      stream, &data, stream >= 0, s->link->now);
        stream = -1;
        if (n <= 0)
            break;
        link_inject(s->link, 1, &s->addr, packet, (size_t)n);
    }
    forger = NULL;
}

void stranger_run(struct stranger *s, instant duration)
{
    instant until = s->link->now + duration;
    while (s->link->now < until) {
        talk(s, -1);
        link_run(s->link, MSEC(1));
        if (s->error == 0 && ngtcp2_conn_get_expiry(s->quic) <= s->link->now)
            s->error = ngtcp2_conn_handle_expiry(s->quic, s->link->now);
    }
}

int64_t stranger_open(struct stranger *s)
{
    int64_t id;
    assert_int_equal(ngtcp2_conn_open_bidi_stream(s->quic, &id, NULL), 0);
    talk(s, id);
    return id;
}

void stranger_forge(struct stranger *s)
{
    static uint8_t filler[1150];
    uint8_t packet[1200];
    ngtcp2_vec data = {filler, sizeof(filler)};
    int accepted;
    ngtcp2_ssize n;

    forger = s;
    while (s->error == 0 &&
           (n = ngtcp2_conn_writev_datagram(s->quic, NULL, NULL, packet, sizeof(packet), &accepted,
                                            0, 0, &data, 1, s->link->now)) > 0)
        link_inject(s->link, 1, &s->addr, packet, (size_t)n);
    forger = NULL;
}

void stranger_open_window(struct stranger *s, int64_t stream, uint64_t len)
{
    assert_int_equal(ngtcp2_conn_extend_max_stream_offset(s->quic, stream, len), 0);
    talk(s, -1);
}
