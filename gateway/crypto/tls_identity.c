#include "gateway/crypto/tls_identity.h"

#include <errno.h>
#include <stdlib.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#define SINCE 1577836800   /* 2020-01-01: clocks that are slow do not matter */
#define UNTIL 253402300799 /* 9999-12-31: RFC 5280 §4.1.2.5, no end is known */

struct tls_identity {
    gnutls_certificate_credentials_t credentials;
    unsigned users;
};

static int fill(gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key)
{
    int err = gnutls_x509_privkey_generate(key, GNUTLS_PK_EDDSA_ED25519, 256, 0);
    if (err == 0)
        err = gnutls_x509_crt_set_version(certificate, 3);
    if (err == 0)
        err = gnutls_x509_crt_set_serial(certificate, "\1", 1);
    if (err == 0)
        err = gnutls_x509_crt_set_activation_time(certificate, SINCE);
    if (err == 0)
        err = gnutls_x509_crt_set_expiration_time(certificate, UNTIL);
    if (err == 0)
        err = gnutls_x509_crt_set_key(certificate, key);
    if (err == 0)
        err = gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA512, 0);
    return err;
}

int tls_identity_of(struct tls_identity **out, struct gnutls_x509_crt_int *certificate,
                    struct gnutls_x509_privkey_int *key)
{
    struct tls_identity *id = calloc(1, sizeof(*id));

    if (!id)
        return -ENOMEM;
    id->users = 1;
    int err = gnutls_certificate_allocate_credentials(&id->credentials);
    if (err == 0)
        err = gnutls_certificate_set_x509_key(id->credentials, &certificate, 1, key);
    if (err < 0) {
        tls_identity_free(id);
        return -EIO;
    }
    *out = id;
    return 0;
}

int tls_identity_new(struct tls_identity **out)
{
    gnutls_x509_privkey_t key = NULL;
    gnutls_x509_crt_t certificate = NULL;
    int err = gnutls_x509_privkey_init(&key);

    if (err == 0)
        err = gnutls_x509_crt_init(&certificate);
    if (err == 0)
        err = fill(certificate, key);
    err = err < 0 ? -EIO : tls_identity_of(out, certificate, key);
    if (certificate)
        gnutls_x509_crt_deinit(certificate);
    if (key)
        gnutls_x509_privkey_deinit(key);
    return err;
}

struct tls_identity *tls_identity_keep(struct tls_identity *id)
{
    id->users++;
    return id;
}

void tls_identity_free(struct tls_identity *id)
{
    if (!id || --id->users > 0)
        return;
    if (id->credentials)
        gnutls_certificate_free_credentials(id->credentials);
    free(id);
}

struct gnutls_certificate_credentials_st *tls_identity_credentials(const struct tls_identity *id)
{
    return id->credentials;
}
