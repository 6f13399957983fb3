#include "gateway/transport/quic_tls.h"

#include <errno.h>
#include <string.h>

#include <ngtcp2/ngtcp2_crypto_gnutls.h>

#include "gateway/crypto/secret.h"
#include "gateway/transport/quic.h"
#include "gateway/transport/quic_keys.h"

/* AES-128-GCM is the fastest by far where the processor has AES, and then ChaCha20 is not offered
 * at all. The server's order counts, or a foreign client would choose AES-256. */
#define PRIORITY(ciphers)                                                                          \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:" ciphers ":-GROUP-ALL:"                            \
    "+GROUP-X25519:+GROUP-SECP256R1:-SIGN-ALL:+SIGN-EDDSA-ED25519:-CTYPE-ALL:"                     \
    "+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK:%DISABLE_TLS13_COMPAT_MODE:%SERVER_PRECEDENCE"

/* RFC 8410: SubjectPublicKeyInfo and PKCS#8 of Ed25519 are these bytes and then 32 of key. */
static const uint8_t SPKI_PREFIX[12] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                        0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
static const uint8_t PKCS8_PREFIX[16] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                         0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};

#define SPKI_LEN  (sizeof(SPKI_PREFIX) + PEER_ID_LEN)
#define PKCS8_LEN (sizeof(PKCS8_PREFIX) + KEYS_SEED_LEN)

int quic_tls_peer(gnutls_session_t session, struct peer_id *out)
{
    unsigned count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);

    if (gnutls_certificate_type_get2(session, GNUTLS_CTYPE_PEERS) != GNUTLS_CRT_RAWPK)
        return -EBADMSG;
    if (!chain || count != 1 || chain->size != SPKI_LEN)
        return -EBADMSG;
    if (memcmp(chain->data, SPKI_PREFIX, sizeof(SPKI_PREFIX)) != 0)
        return -EBADMSG;
    memcpy(out->key, chain->data + sizeof(SPKI_PREFIX), sizeof(out->key));
    return peer_id_is_valid(out) ? 0 : -EBADMSG;
}

static int verify(gnutls_session_t session)
{
    ngtcp2_crypto_conn_ref *ref = gnutls_session_get_ptr(session);
    struct quic_tls_link *link = container_of(ref, struct quic_tls_link, ref);
    struct peer_id id;

    if (quic_tls_peer(session, &id) < 0)
        return GNUTLS_E_CERTIFICATE_ERROR;
    if (peer_id_is_zero(&link->expected) || peer_id_equal(&link->expected, &id))
        return 0;
    link->wrong_id = true;
    return GNUTLS_E_CERTIFICATE_ERROR;
}

static int set_key(gnutls_certificate_credentials_t credentials, const struct keys *keys)
{
    uint8_t spki[SPKI_LEN], pkcs8[PKCS8_LEN];
    const gnutls_datum_t public = {spki, sizeof(spki)}, secret = {pkcs8, sizeof(pkcs8)};

    memcpy(spki, SPKI_PREFIX, sizeof(SPKI_PREFIX));
    memcpy(spki + sizeof(SPKI_PREFIX), keys->id.key, PEER_ID_LEN);
    memcpy(pkcs8, PKCS8_PREFIX, sizeof(PKCS8_PREFIX));
    memcpy(pkcs8 + sizeof(PKCS8_PREFIX), keys->seed, KEYS_SEED_LEN);
    int rv = gnutls_certificate_set_rawpk_key_mem(credentials, &public, &secret,
                                                  GNUTLS_X509_FMT_DER, NULL, 0, NULL, 0, 0);
    secret_wipe(pkcs8, sizeof(pkcs8));
    return rv < 0 ? -EINVAL : 0;
}

static const char *priority(bool chacha20)
{
    return chacha20 ? PRIORITY("+CHACHA20-POLY1305:+AES-128-GCM:+AES-256-GCM")
                    : PRIORITY("+AES-128-GCM:+AES-256-GCM");
}

int quic_tls_init(struct quic_tls *t, const struct keys *keys, bool chacha20)
{
    *t = (struct quic_tls){0};
    if (gnutls_certificate_allocate_credentials(&t->credentials) < 0)
        return -ENOMEM;
    int err = set_key(t->credentials, keys);
    if (err == 0 && gnutls_priority_init(&t->priority, priority(chacha20), NULL) < 0)
        err = -EINVAL;
    if (err < 0) {
        quic_tls_deinit(t);
        return err;
    }
    gnutls_certificate_set_verify_function(t->credentials, verify);
    return 0;
}

void quic_tls_deinit(struct quic_tls *t)
{
    if (t->priority)
        gnutls_priority_deinit(t->priority);
    if (t->credentials)
        gnutls_certificate_free_credentials(t->credentials);
    *t = (struct quic_tls){0};
}

static ngtcp2_conn *get_conn(ngtcp2_crypto_conn_ref *ref)
{
    return container_of(ref, struct quic_tls_link, ref)->quic;
}

static int configure(const struct quic_tls *t, gnutls_session_t session, bool server)
{
    static const uint8_t name[] = QUIC_ALPN;
    const gnutls_datum_t alpn = {(uint8_t *)name, sizeof(name) - 1};

    if (gnutls_priority_set(session, t->priority) < 0)
        return -EINVAL;
    if (gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, t->credentials) < 0)
        return -ENOMEM;
    if (gnutls_alpn_set_protocols(session, &alpn, 1, GNUTLS_ALPN_MANDATORY) < 0)
        return -ENOMEM;
    if (!server)
        return ngtcp2_crypto_gnutls_configure_client_session(session) == 0 ? 0 : -EINVAL;
    gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
    return ngtcp2_crypto_gnutls_configure_server_session(session) == 0 ? 0 : -EINVAL;
}

int quic_tls_session(const struct quic_tls *t, gnutls_session_t *out, bool server,
                     struct quic_tls_link *link)
{
    unsigned flags =
        GNUTLS_ENABLE_RAWPK | GNUTLS_NO_END_OF_EARLY_DATA | GNUTLS_NO_SIGNAL | GNUTLS_NONBLOCK;
    flags |= server ? GNUTLS_SERVER | GNUTLS_NO_AUTO_SEND_TICKET : GNUTLS_CLIENT;

    gnutls_session_t session;
    if (gnutls_init(&session, flags) < 0)
        return -ENOMEM;
    link->ref = (ngtcp2_crypto_conn_ref){.get_conn = get_conn, .user_data = link};
    gnutls_session_set_ptr(session, &link->ref);
    int err = configure(t, session, server);
    if (err < 0) {
        gnutls_deinit(session);
        return err;
    }
    quic_keys_use(session);
    *out = session;
    return 0;
}

int quic_tls_export(gnutls_session_t session, const char *label, uint8_t *out, size_t len)
{
    int rv = gnutls_prf_rfc5705(session, strlen(label), label, 0, NULL, len, (char *)out);
    return rv < 0 ? -EIO : 0;
}
